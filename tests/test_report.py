import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from stand_in_daemon import StandInEngine

from nanotally.bundle import Bundle, Manifest
from nanotally.daemon.population import Population
from nanotally.daemon.report import Setup, counts_message, detections_message, frame_message
from nanotally.detect import Detector, DetectSettings, Found
from nanotally.detections import FLAG_MASKED, Detections
from nanotally.frame import Frame
from nanotally.measure.measurement import Measurement
from nanotally.wire import Origin, decode, encode

MANIFEST = Manifest(
    schema=1,
    name="tiny",
    sha256="ab" * 32,
    classes=("cube", "quasi_sphere"),
    input_size_px=416,
    thresholds={"cube": 0.5, "quasi_sphere": 0.25},
)
ORIGIN = Origin("run", "sem", "main", 1)
FOUND = Found(
    Detections(np.array([[0, 0, 8, 8]] * 3), class_id=np.array([0, 1, 1]), flags=np.array([0, 0, FLAG_MASKED])),
    truncated=True,
    tiles=1,
    latency_ms={"infer": 8.00049},
)


STILLS = Population(1, MANIFEST.classes, stills=True)


def setup(manifest: Manifest = MANIFEST, **settings: float) -> Setup:
    return Setup.of(Detector(Bundle(Path(), manifest), StandInEngine(), DetectSettings(**settings)))  # type: ignore[arg-type]


def frame(**changes: object) -> Frame:
    whole = Frame(
        number=41,
        grabbed_ns=time.monotonic_ns(),
        wall_ns=1_773_500_966_535_897_000,
        image=np.zeros((480, 640), np.uint8),
        nm_per_px=(2.0, 2.5),
        pixel_size_from="tag",
        field=(0, 0, 640, 440),
        name="a.tif",
    )
    return replace(whole, **changes)  # type: ignore[arg-type]


def test_setup_is_that_of_the_detector() -> None:
    told = setup(overlap_px=64, scale=2.0)
    assert (told.model.name, told.model.engine, told.model.precision) == ("tiny", "stand-in", "fp32")
    assert told.thresholds == {"cube": 0.5, "quasi_sphere": 0.25}
    assert (told.tile, told.overlap) == (416, 64)


def test_score_stands_instead_of_the_thresholds() -> None:
    assert setup(score=0.75).thresholds == {"cube": 0.75, "quasi_sphere": 0.75}


def test_hash_tells_settings_apart_that_count_differently() -> None:
    variants = [
        setup(),
        setup(score=0.75),
        setup(scale=2.0),
        setup(overlap_px=64),
        setup(levels=1),
        setup(max_detections=300),
        setup(Manifest(**{**_fields(MANIFEST), "sha256": "cd" * 32})),
        setup(Manifest(**{**_fields(MANIFEST), "nms_iou": 0.7})),
    ]
    assert len({variant.settings_sha256 for variant in variants}) == len(variants)
    assert setup().settings_sha256 == setup().settings_sha256


def test_hash_does_not_depend_on_words() -> None:
    assert setup(Manifest(**{**_fields(MANIFEST), "trained_on": "more"})).settings_sha256 == setup().settings_sha256


def _fields(manifest: Manifest) -> dict[str, object]:
    return {name: getattr(manifest, name) for name in manifest.__struct_fields__}


def test_message_tells_what_is_known_of_the_frame() -> None:
    told = detections_message(ORIGIN, frame(), FOUND, setup(), {"wait": 1.23456, **FOUND.latency_ms}, population=STILLS)
    assert (told.frame, told.file, told.width, told.height) == (41, "a.tif", 640, 480)
    assert (told.nm_per_px, told.pixel_size_from, told.roi) == ((2.0, 2.5), "tag", (0, 0, 640, 440))
    assert told.wall.isoformat() == "2026-03-14T15:09:26.535897+00:00"
    assert 0 <= told.age_ms < 10_000
    assert told.latency_ms == {"wait": 1.235, "infer": 8.0}
    assert told.truncated
    assert len(told.records) == 3


def test_masked_particles_are_told_but_not_counted() -> None:
    told = detections_message(ORIGIN, frame(), FOUND, setup(), {}, population=STILLS)
    assert told.counts == {"cube": 1, "quasi_sphere": 1}


@pytest.mark.parametrize("state", ["partial", "frozen", "blank"])
def test_only_a_live_frame_is_counted(state: str) -> None:
    told = detections_message(ORIGIN, frame(state=state), FOUND, setup(), {}, population=STILLS)
    assert told.counts is None
    assert counts_message(ORIGIN, told, STILLS).counts is None


def test_live_frame_without_particles_counts_zero() -> None:
    nothing = replace(FOUND, detections=Detections.empty())
    told = detections_message(ORIGIN, frame(), nothing, setup(), {}, population=STILLS)
    assert told.counts == {"cube": 0, "quasi_sphere": 0}


def test_tally_and_picture_tell_of_the_same_frame() -> None:
    told = detections_message(ORIGIN, frame(), FOUND, setup(), {}, population=STILLS)
    tally, picture = counts_message(ORIGIN, told, STILLS), frame_message(ORIGIN, told, b"jpeg")
    for name in ("frame", "file", "grabbed_ns", "wall", "nm_per_px", "state"):
        assert getattr(tally, name) == getattr(picture, name) == getattr(told, name)
    assert (tally.counts, tally.truncated) == (told.counts, True)
    assert (picture.width, picture.height, picture.image) == (640, 480, b"jpeg")


def test_what_was_measured_is_told_with_the_digits_that_mean_something() -> None:
    columns = {"ecd_nm": np.array([7.5, np.nan, np.nan], np.float32), "agglomerate": np.zeros(3, np.int32)}
    measured = Measurement(columns, columns["ecd_nm"], 1, 0.123456789, 640 * 440, 3.14159265, None)
    population = Population(4, MANIFEST.classes, stills=True)
    population.take(frame(), FOUND.detections, measured)
    told = detections_message(ORIGIN, frame(), FOUND, setup(), {}, population=population, measured=measured)
    assert [tuple(column) for column in told.columns[-2:]] == [("ecd_nm", "f4", "nm"), ("agglomerate", "i4", "")]
    assert told.records["ecd_nm"][0] == 7.5
    tally = counts_message(ORIGIN, told, population)
    for message in (told, tally):
        assert (message.group, message.unique, message.agglomerates, message.sharpness) == (4, None, 1, None)
        assert (message.covered_share, message.density_per_um2) == (0.123457, 3.14159)
        assert message.examined_px == 640 * 440
    assert tally.statistics is not None
    assert (tally.statistics.sizes["cube"].n, tally.statistics.sizes["cube"].d50_nm) == (1, 7.5)
    assert decode(encode(tally)) == tally
