"""A model that takes long to load holds up neither the frames nor the signs of life."""

from __future__ import annotations

import select
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from control_desk import Rig, config_of, rig
from stand_in_daemon import MANIFEST, StandIn
from waiting import WAIT_S

from nanotally.bundle import Bundle
from nanotally.daemon import loading
from nanotally.daemon.config import Config, ModelConfig
from nanotally.daemon.loading import PATIENCE_S
from nanotally.errors import BundleError, EngineError
from nanotally.wire import StatusMessage, Subscriber

WATCHDOG_S = 0.3
SIGNS = 5
"""Of life, frames and statuses that must come while a model loads: with the watchdog's time between them, it would have
ended a daemon that only loads."""


class Slow:
    """Makes detectors; the second one takes until `enough` is set."""

    def __init__(self) -> None:
        self.begun, self.enough = threading.Event(), threading.Event()
        self.fault: Exception | None = None
        self.threads: list[int] = []

    def detector(self, config: Config) -> StandIn:
        self.threads.append(threading.get_ident())
        if len(self.threads) > 1:
            self.begun.set()
            assert self.enough.wait(WAIT_S)
            if self.fault is not None:
                raise self.fault
        return StandIn(config)


@pytest.fixture
def slow() -> Slow:
    return Slow()


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """What systemd listens on, with a watchdog that wants to hear something every 0.3 s."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", str(round(WATCHDOG_S * 1e6)))
        yield listening


@pytest.fixture
def made(slow: Slow, manager: socket.socket, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    monkeypatch.setattr("nanotally.daemon.desk.load_bundle", lambda _path: Bundle(Path(), MANIFEST))
    other = replace(config_of(), model=ModelConfig(bundle="second"))
    with rig(config_of(), monkeypatch, make_detector=slow.detector, reread=lambda: other) as running:
        yield running


def told(manager: socket.socket) -> list[str]:
    heard = []
    while select.select([manager], [], [], 0)[0]:
        heard.append(manager.recv(4096).decode())
    return heard


class Witness(threading.Thread):
    """Shows frames while a model loads, and lets it come to an end once enough has been told meanwhile."""

    def __init__(self, made: Rig, slow: Slow, manager: socket.socket) -> None:
        super().__init__()
        self._made, self._slow, self._manager = made, slow, manager
        self.seen = {"WATCHDOG=1": 0, "frames": 0, "status": 0}
        self._subscriber = Subscriber(made.service.publisher.endpoint, kinds=["status"])

    def run(self) -> None:
        try:
            assert self._slow.begun.wait(WAIT_S)
            told(self._manager)
            frames, deadline_s = self._made.service.channels["main"].processed, time.monotonic() + WAIT_S
            while min(self.seen["WATCHDOG=1"], self.seen["frames"], SIGNS * self.seen["status"]) < SIGNS:
                if time.monotonic() > deadline_s:
                    break
                self._made.script.show()
                self.seen["WATCHDOG=1"] += told(self._manager).count("WATCHDOG=1")
                self.seen["frames"] = self._made.service.channels["main"].processed - frames
                self.seen["status"] += isinstance(self._subscriber.receive(0.02), StatusMessage)
        finally:
            self._subscriber.close()
            self._slow.enough.set()


def reloaded(made: Rig, slow: Slow, manager: socket.socket) -> tuple[dict[str, int], Exception | None]:
    """What was told while a model loaded, and what the reload came to."""
    before, witness = made.service.detector, Witness(made, slow, manager)
    witness.start()
    fault = None
    try:
        made.ask("reload")
    except BundleError as error:
        fault = error
    witness.join(WAIT_S)
    assert (made.service.detector is before) == (fault is not None)
    return witness.seen, fault


@pytest.mark.parametrize("fault", [None, BundleError("broken: no manifest.json here")])
def test_frames_and_signs_of_life_go_on_while_a_model_loads(
    made: Rig, slow: Slow, manager: socket.socket, fault: Exception | None
) -> None:
    slow.fault = fault
    seen, came_of_it = reloaded(made, slow, manager)
    assert min(seen["WATCHDOG=1"], seen["frames"]) >= SIGNS
    assert seen["status"] >= 1
    assert came_of_it is fault
    assert made.frame().counts is not None


def test_a_stop_while_a_model_loads_is_heard_when_it_is_loaded(made: Rig, slow: Slow) -> None:
    threading.Timer(0.2, made.service.stop).start()
    threading.Timer(0.4, slow.enough.set).start()
    made.ask("reload")
    assert made.service.stopped


def test_tensorrt_is_loaded_by_the_thread_of_the_engine_and_the_watchdog_waits(
    made: Rig, slow: Slow, manager: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading.probe, "device", lambda: "a GPU")
    slow.enough.set()
    told(manager)
    made.ask("reload")
    assert slow.threads[1] == slow.threads[0]
    asked = [line for line in told(manager) if line.startswith("WATCHDOG_USEC")]
    assert asked == [f"WATCHDOG_USEC={round(s * 1e6)}\nWATCHDOG=1" for s in (PATIENCE_S, WATCHDOG_S)]


@pytest.mark.parametrize(("engine", "alone"), [("auto", True), ("tensorrt", True), ("openvino", False)])
def test_only_what_may_be_tensorrt_is_bound_to_the_thread_of_the_engine(
    made: Rig, slow: Slow, monkeypatch: pytest.MonkeyPatch, engine: str, alone: bool
) -> None:
    slow.enough.set()
    config = replace(config_of(), model=ModelConfig(engine=engine))
    monkeypatch.setattr(loading.probe, "device", lambda: "a GPU")
    loading.load_beside(made.service, config)
    assert (slow.threads[-1] == slow.threads[0]) is alone

    def absent() -> None:
        raise EngineError("TensorRT cannot run here: no NVIDIA driver")

    monkeypatch.setattr(loading.probe, "device", absent)
    loading.load_beside(made.service, config)
    assert slow.threads[-1] != slow.threads[0]
