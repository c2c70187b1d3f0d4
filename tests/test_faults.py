"""What may happen to a signal and to the clock: each is a state that is published, a metric and a line in the log.

The table of them all is in docs/faults.md. A second source goes on in every one.
"""

import itertools
import time
from pathlib import Path

import numpy as np
import pytest
from faulty import FAULTY, HEALTHY, config_of, running, said, sending
from source_parts import free_port, sender

from nanotally.daemon import feed as feed_module
from nanotally.wire import DetectionsMessage

HOUR_NS = 3600 * 10**9


@pytest.fixture(autouse=True)
def _log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")


@pytest.fixture
def endpoint() -> str:
    return f"tcp://127.0.0.1:{free_port()}"


def test_a_source_that_is_unplugged_is_lost_and_found_again(
    tmp_path: Path, endpoint: str, caplog: pytest.LogCaptureFixture
) -> None:
    with running(config_of(tmp_path, f"zmq:{endpoint}")) as daemon:
        with sending(endpoint):
            assert sum((daemon.frame().counts or {}).values()) == 5
            assert daemon.metric("source_up", source=FAULTY) == 1
        lost = daemon.status(lambda told: told.source_state == "lost")
        assert "the sender has gone" in str(lost.fault)
        assert (daemon.metric("source_up", source=FAULTY), daemon.metric("source_up", source=HEALTHY)) == (0, 1)
        assert np.isnan(daemon.metric("particles_in_frame", source=FAULTY, **{"class": "cube"}))
        assert not daemon.service._health.ready()[0]
        said(caplog, f"source {FAULTY} lost: zmq:{endpoint}: the sender has gone; new try in")
        daemon.goes_on()
        with sending(endpoint):
            daemon.status(lambda told: told.source_state == "up" and told.fault is None)
            # The new sender begins with the picture that the old one ended with, if that was looked at: frozen.
            assert sum((daemon.frame(lambda told: told.counts is not None).counts or {}).values()) == 5
        assert daemon.metric("source_reconnects_total", source=FAULTY) >= 1


def test_a_source_that_falls_silent_is_stalled(
    tmp_path: Path, endpoint: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_module, "STALLED_AFTER_S", 0.5)
    with running(config_of(tmp_path, f"zmq:{endpoint}")) as daemon, sender(endpoint):
        daemon.status(lambda told: told.source_state == "stalled")
        assert daemon.metric("source_up", source=FAULTY) == 0
        said(caplog, f"source {FAULTY} is stalled")
        daemon.goes_on()


@pytest.mark.parametrize("state", ["frozen", "blank"])
def test_a_picture_that_is_none_is_told_and_not_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, state: str
) -> None:
    options = {"frozen": "freeze_every=40&freeze_frames=30", "blank": "blank_every=40&blank_frames=30"}[state]
    with running(config_of(tmp_path, f"sim:?width=96&height=64&particles=3&fps=20&{options}")) as daemon:
        told = daemon.frame(lambda told: told.state == state)
        assert (told.counts, len(told.records)) == (None, 0)
        assert daemon.status(lambda told: told.frame_state == state).source_state == "up"
        assert daemon.metric("frames_not_counted_total", source=FAULTY, state=state) > 0
        said(caplog, f"source {FAULTY}: the picture is {state}")
        daemon.goes_on()
        assert daemon.frame(lambda told: told.state == "live").counts is not None


def test_a_clock_that_is_set_back_an_hour_moves_nothing_but_wall_times(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config_of(tmp_path, "sim:?width=96&height=64&particles=3&fps=20")
    true_ns, true_s = time.time_ns, time.time
    with running(config) as daemon:
        before, uptime_s = daemon.frame(), daemon.status(lambda told: True).uptime_s
        stamp_s = daemon.metric("last_frame_timestamp_seconds", source=FAULTY)
        monkeypatch.setattr(time, "time_ns", lambda: true_ns() - HOUR_NS)
        monkeypatch.setattr(time, "time", lambda: true_s() - HOUR_NS / 1e9)
        daemon.frame(lambda told: told.wall < before.wall)
        after = daemon.status(lambda told: told.wall < before.wall)
        assert after.uptime_s > uptime_s
        assert after.source_state == "up"
        said(caplog, "the wall clock was set by -3600.")
        daemon.goes_on()
        assert daemon.metric("last_frame_timestamp_seconds", source=FAULTY) < stamp_s
    told = [m for m in daemon.heard if isinstance(m, DetectionsMessage) and m.origin.source == FAULTY]
    for one, next_one in itertools.pairwise(told):
        assert (next_one.origin.seq, next_one.offset) == (one.origin.seq + 1, (one.offset or 0) + 1)
        assert next_one.grabbed_ns > one.grabbed_ns
    assert all(0 <= m.age_ms < HOUR_NS / 1e6 and min(m.latency_ms.values()) >= 0 for m in told)
    with running(config) as again:
        assert (again.frame().offset or 0) > (told[-1].offset or 0)
