"""Work for tests of `nanotally.spread`: by name, so that every process finds it."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from nanotally.errors import EngineError, MicrographError

POISON, BROKEN, DAMAGED = -1, -2, -3
"""Items that end the process, raise what nobody expects, and raise what an unreadable file does."""


class Work:
    """Answers the square of an item. Each process that loads it leaves a line in `loads`."""

    def __init__(self, loads: Path) -> None:
        self.loads = loads

    def __setstate__(self, state: dict[str, Path]) -> None:
        self.__dict__.update(state)
        with self.loads.open("a") as file:
            file.write(f"{os.getpid()}\n")

    def __call__(self, item: int) -> int:
        if item == POISON:
            os.kill(os.getpid(), signal.SIGKILL)
        if item == BROKEN:
            raise ValueError("two\nlines")
        if item == DAMAGED:
            raise MicrographError("a.png: cannot be read")
        return item * item


def process_of(_item: int) -> int:
    """The process that answers."""
    return os.getpid()


def without_an_engine(_item: int) -> int:
    """Fails whatever the item is."""
    raise EngineError("no engine")


class Unloadable:
    """Cannot be loaded where it arrives."""

    def __reduce__(self) -> tuple[type[EngineError], tuple[str]]:
        return _refuse, ("nothing to run it here",)  # type: ignore[return-value]

    def __call__(self, item: int) -> int:
        return item


def _refuse(why: str) -> Unloadable:
    raise EngineError(why)
