"""A service of which a test turns the main loop itself, with a stand-in detector, and orders to its desk."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from stand_in_daemon import StandIn

from nanotally.daemon import orders
from nanotally.daemon.config import Config, ControlConfig, JournalConfig, MetricsConfig, PublishConfig, SourceConfig
from nanotally.daemon.service import Service
from nanotally.frame import Frame
from nanotally.wire import DetectionsMessage

ANY = "tcp://127.0.0.1:*"
WAIT_S = 20.0


class Script:
    """A live source: a frame for every `show`."""

    live, stills, idle, damaged, uri = True, False, False, 0, "script:"

    def __init__(self) -> None:
        self._shown = self._read = 0

    def show(self) -> None:
        self._shown += 1

    def read(self, timeout_s: float) -> Frame | None:
        if self._read == self._shown:
            time.sleep(0.005)
            return None
        image = np.random.default_rng(self._read).integers(0, 255, (48, 64), np.uint8)
        image[0, 0] = 5
        self._read += 1
        return Frame(self._read - 1, time.monotonic_ns(), time.time_ns(), image)

    def close(self) -> None:
        pass


class Told:
    """A keeper of what was told."""

    def __init__(self) -> None:
        self.messages: list[DetectionsMessage] = []

    def take(self, _frame: Frame, told: DetectionsMessage) -> None:
        self.messages.append(told)


def config_of(folder: Path | None = None, *sources: str, **source: Any) -> Config:
    """Sources that a script plays, `main` if none is named; with a state directory if there is a folder."""
    return Config(
        source={name: SourceConfig(uri="script:", **source) for name in sources or ("main",)},
        publish=PublishConfig(endpoint=ANY),
        control=ControlConfig(endpoint=ANY),
        metrics=MetricsConfig(enabled=False),
        journal=JournalConfig(directory="" if folder is None else str(folder)),
    )


class Rig:
    """A service that runs, its scripted source, and what it told."""

    def __init__(self, service: Service, script: Script) -> None:
        self.service, self.script, self._told = service, script, Told()
        service.keepers.append(self._told)  # type: ignore[arg-type]

    def ask(self, verb: str, **args: Any) -> dict[str, Any]:
        """What a verb answers."""
        return orders.carry_out(
            self.service.desk, verb, {key.replace("__", "."): value for key, value in args.items()}
        )[0]

    def frame(self) -> DetectionsMessage:
        """What is told of a new frame of each source, or of the only one."""
        before, deadline_s = len(self._told.messages), time.monotonic() + WAIT_S
        self.script.show()
        while len(self._told.messages) == before and time.monotonic() < deadline_s:
            self.service.tick()
        return self._told.messages[-1]


@contextmanager
def rig(
    config: Config,
    monkeypatch: Any,
    *,
    make_detector: Callable[[Config], Any] = StandIn,
    reread: Callable[[], Config] | None = None,
) -> Iterator[Rig]:
    """The service, started."""
    script = Script()
    monkeypatch.setattr("nanotally.daemon.service.open_source", lambda uri, gate: script)
    service = Service(config, make_detector, reread=reread)
    try:
        made = Rig(service, script)
        service.startup()
        yield made
    finally:
        service.shutdown()
