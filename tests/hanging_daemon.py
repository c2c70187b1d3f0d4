"""A daemon in which something hangs: `python hanging_daemon.py WHAT FOLDER`. Hanging is sleeping without end."""

import logging
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from threading import Event

import numpy as np
from stand_in_daemon import StandIn

from nanotally.daemon import service as service_module
from nanotally.daemon.config import Config, ControlConfig, JournalConfig, MetricsConfig, PublishConfig, ReplayConfig
from nanotally.daemon.config import SourceConfig as Feed
from nanotally.errors import SourceError
from nanotally.frame import Frame

WHAT, FOLDER = sys.argv[1], Path(sys.argv[2])


def hang(place: str) -> None:
    """Hang if that is what hangs."""
    if place == WHAT:
        (FOLDER / "hangs").touch()
        Event().wait()


class Source:
    """Noise, again and again."""

    live, stills, idle, damaged, uri = True, False, False, 0, "noise:"
    opened = 0

    def __init__(self) -> None:
        hang("open")
        Source.opened += 1
        self._number = 0
        if Source.opened > 1:
            hang("reopen")

    def read(self, timeout_s: float) -> Frame | None:
        self._number += 1
        time.sleep(0.005)
        if self._number > 10:
            hang("read")
            if WHAT in ("nothing", "close"):
                (FOLDER / "hangs").touch()
            if WHAT in ("back-off", "reopen"):
                if WHAT == "back-off":
                    (FOLDER / "hangs").touch()
                raise SourceError("unplugged")
        image = np.random.default_rng(self._number).integers(0, 255, (480, 640), np.uint8)
        return Frame(self._number, time.monotonic_ns(), time.time_ns(), image)

    def close(self) -> None:
        if WHAT == "close":
            Event().wait()


class Engine(StandIn):
    """Finds, until it hangs."""

    def __init__(self, config: Config) -> None:
        hang("load")
        super().__init__(config)

    def look_at(self, images: Sequence[tuple[np.ndarray, object]], scales: object = ()) -> list[np.ndarray]:  # type: ignore[override]
        hang("engine")
        return super().look_at(images, scales)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    service_module.open_source = lambda uri, gate: Source()  # type: ignore[assignment]
    settings = Config(
        source={"main": Feed(uri="noise:")},
        publish=PublishConfig(endpoint=f"ipc://{FOLDER}/publish"),
        control=ControlConfig(endpoint=f"ipc://{FOLDER}/control"),
        replay=ReplayConfig(endpoint=f"ipc://{FOLDER}/replay"),
        journal=JournalConfig(directory=str(FOLDER)),
        metrics=MetricsConfig(port=0),
    )
    service_module.Service(settings, Engine).run()
