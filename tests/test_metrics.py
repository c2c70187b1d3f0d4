import math
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from nanotally.daemon.metrics import Metrics
from nanotally.daemon.population import Population
from nanotally.daemon.publish import Publisher
from nanotally.daemon.report import Setup, detections_message
from nanotally.detect import Found
from nanotally.detections import Detections
from nanotally.frame import Frame
from nanotally.measure.measurement import Measurement
from nanotally.wire import Model, Origin

SETUP = Setup(Model("tiny", "ab" * 32, "e", "fp32"), ("cube", "quasi_sphere"), {}, 416, 96, "")


@pytest.fixture
def feed() -> SimpleNamespace:
    """What metrics read from a feed."""
    mailbox = SimpleNamespace(dropped=3)
    return SimpleNamespace(name="main", state="up", grabbed=10, damaged=1, reconnects=2, averaged=4, mailbox=mailbox)


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    with closing(Publisher("tcp://127.0.0.1:*", instance="sem")) as made:
        yield made


@pytest.fixture
def journal() -> SimpleNamespace:
    """What metrics read from a journal."""
    return SimpleNamespace(fault=lambda source: None, free_bytes=lambda: None)


@pytest.fixture
def metrics(feed: SimpleNamespace, publisher: Publisher, journal: SimpleNamespace) -> Metrics:
    return Metrics([feed], publisher, journal, SETUP)  # type: ignore[arg-type]


def observe(
    metrics: Metrics, classes: list[int], *, state: str = "live", truncated: bool = False, sharpness: float = 0.5
) -> None:
    frame = Frame(0, 0, 0, np.zeros((8, 8), np.uint8), state=state)  # type: ignore[arg-type]
    found = Found(Detections(np.zeros((len(classes), 4)), class_id=np.array(classes)), truncated, 1, {"infer": 8.0})
    population = Population(1, SETUP.classes, stills=False)
    told = detections_message(
        Origin("r", "sem", "main", 1), frame, found, SETUP, found.latency_ms, population=population,
        measured=Measurement({}, None, 0, 0.25, 64, None, sharpness) if state == "live" else None,
    )  # fmt: skip
    metrics.observe(told, age_s=0.04, publish_s=0.001)


def value(metrics: Metrics, name: str, **labels: str) -> float:
    found = metrics.registry.get_sample_value(f"nanotally_{name}", labels)
    assert found is not None, f"no series nanotally_{name} {labels}"
    return found


def test_what_the_feed_counts_is_shown(metrics: Metrics) -> None:
    assert value(metrics, "frames_captured_total", source="main") == 10
    assert value(metrics, "frames_dropped_total", source="main", reason="overwritten") == 3
    assert value(metrics, "frames_dropped_total", source="main", reason="damaged") == 1
    assert value(metrics, "source_reconnects_total", source="main") == 2
    assert value(metrics, "frames_averaged_total", source="main") == 4


def test_what_the_journal_does_not_take_is_counted(metrics: Metrics, journal: SimpleNamespace) -> None:
    observe(metrics, [0])
    assert value(metrics, "messages_not_journalled_total", source="main") == 0
    journal.fault = lambda source: "No space left on device"
    observe(metrics, [0])
    assert value(metrics, "messages_not_journalled_total", source="main") == 1


def test_frames_and_particles_add_up(metrics: Metrics) -> None:
    observe(metrics, [0, 1, 1])
    observe(metrics, [1], truncated=True)
    assert value(metrics, "frames_processed_total", source="main") == 2
    assert value(metrics, "particles_detected_total", source="main", **{"class": "cube"}) == 1
    assert value(metrics, "particles_detected_total", source="main", **{"class": "quasi_sphere"}) == 3
    assert value(metrics, "particles_in_frame", source="main", **{"class": "cube"}) == 0
    assert value(metrics, "particles_in_frame", source="main", **{"class": "quasi_sphere"}) == 1
    assert value(metrics, "detections_truncated_total", source="main") == 1
    assert value(metrics, "frame_age_seconds_count", source="main") == 2
    assert value(metrics, "frame_age_seconds_sum", source="main") == pytest.approx(0.08)
    assert value(metrics, "stage_seconds_sum", stage="infer") == pytest.approx(0.016)
    assert value(metrics, "stage_seconds_bucket", stage="infer", le="0.008") == 2


@pytest.mark.parametrize("state", ["stalled", "lost", "ended"])
def test_lost_signal_is_never_a_count(metrics: Metrics, feed: SimpleNamespace, state: str) -> None:
    observe(metrics, [0, 0])
    feed.state = state
    assert value(metrics, "source_up", source="main") == 0
    assert math.isnan(value(metrics, "particles_in_frame", source="main", **{"class": "cube"}))


def test_nothing_is_counted_before_the_first_frame_or_in_half_a_frame(metrics: Metrics) -> None:
    assert math.isnan(value(metrics, "particles_in_frame", source="main", **{"class": "cube"}))
    observe(metrics, [0, 0], state="partial")
    assert math.isnan(value(metrics, "particles_in_frame", source="main", **{"class": "cube"}))
    assert math.isnan(value(metrics, "picture_sharpness", source="main"))
    assert value(metrics, "particles_detected_total", source="main", **{"class": "cube"}) == 0


def test_what_was_measured_on_the_last_frame_is_shown(metrics: Metrics) -> None:
    observe(metrics, [0], sharpness=0.75)
    assert value(metrics, "picture_sharpness", source="main") == 0.75
    assert value(metrics, "covered_ratio", source="main") == 0.25
    assert value(metrics, "particles_unique", source="main", **{"class": "cube"}) == 0


def test_counts_start_at_zero_so_that_the_first_event_is_a_rise(metrics: Metrics) -> None:
    for name in ("frames_processed_total", "detections_truncated_total", "frame_age_seconds_count"):
        assert value(metrics, name, source="main") == 0


def test_two_daemons_in_one_process_do_not_collide(
    metrics: Metrics, feed: SimpleNamespace, publisher: Publisher, journal: SimpleNamespace
) -> None:
    other = Metrics([feed], publisher, journal, SETUP)  # type: ignore[arg-type]
    observe(other, [0])
    assert value(metrics, "frames_processed_total", source="main") == 0


def test_page_is_as_prometheus_reads_it_with_bounded_labels(metrics: Metrics) -> None:
    observe(metrics, [0])
    page = generate_latest(metrics.registry).decode()
    families = {family.name: family for family in text_string_to_metric_families(page)}
    ours = {name: family for name, family in families.items() if name.startswith("nanotally_")}
    assert {family.type for family in ours.values()} <= {"counter", "gauge", "histogram", "info"}
    assert all(family.documentation for family in ours.values())
    labels = {
        label for name, f in ours.items() if name != "nanotally_build_info" for s in f.samples for label in s.labels
    }
    assert labels == {"source", "class", "stage", "reason", "state", "kind", "le"}
    assert "process_resident_memory_bytes" in families
    assert not re.search(r"_created\b", page)


def test_every_metric_is_on_the_page(metrics: Metrics) -> None:
    page = (Path(__file__).parent.parent / "docs" / "configuration.md").read_text()
    suffix = {"counter": "_total", "info": "_info"}
    names = [family.name + suffix.get(family.type, "") for family in metrics.registry.collect()]
    assert [n for n in names if n.startswith("nanotally_") and not re.search(rf"`{n}[{{`]", page)] == []
