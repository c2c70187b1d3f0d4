"""Somebody who looks at a microscope: of everything only the newest waits, so that nobody is slowed by a slow line."""

from __future__ import annotations

import asyncio
import time
from typing import Any, Protocol

import msgspec

from nanotally.overlay.microscope import Heard, Name, header_of
from nanotally.overlay.picture import Picture
from nanotally.wire import CountsMessage, StatusMessage

MOST_A_SECOND = 20
"""Pictures, and messages of any other kind, that a viewer gets."""


class Line(Protocol):
    """What leads to the viewer: a WebSocket."""

    async def send_text(self, data: str) -> None:
        """Send a text message."""

    async def send_bytes(self, data: bytes) -> None:
        """Send a binary message."""


class Signal(msgspec.Struct, frozen=True):
    """Whether the daemon is heard.

    Attributes:
        state: in words, see `Microscope.signal`, or `refused`.
        since_s: monotonic clock when it was last heard.
    """

    state: str
    since_s: float


class Word(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a viewer says.

    Attributes:
        watch: whether it wants pictures.
        seen: number of the frame that it has drawn: the next one may come.
    """

    watch: bool | None = None
    seen: int | None = None


class Viewer:
    """One viewer. Used by one thread, that of the event loop.

    Attributes:
        name: of the microscope.
        watching: whether it wants pictures.
    """

    def __init__(self, name: Name) -> None:
        self.name = name
        self.watching = True
        self.signal: Signal | None = None
        self._newest: dict[str, Heard[Any] | Signal] = {}
        self._picture: Picture | None = None
        self._may_send = True
        self._something = asyncio.Event()

    def tell(self, heard: Heard[StatusMessage] | Heard[CountsMessage] | None) -> None:
        """Leave a message for it, if there is one, instead of one of its kind that still waits."""
        if heard is not None:
            self._newest[heard.message.kind] = heard
            self._something.set()

    def tell_signal(self, signal: Signal) -> None:
        """Leave word of the signal, if it is news."""
        if self.signal is None or self.signal.state != signal.state:
            self.signal = self._newest["signal"] = signal
            self._something.set()

    def show(self, picture: Picture) -> None:
        """Leave a picture for it, instead of one that still waits."""
        if self.watching:
            self._picture = picture
            self._something.set()

    def hear(self, raw: str) -> None:
        """Take what it says.

        Raises:
            msgspec.DecodeError: it makes no sense.
        """
        word = msgspec.json.decode(raw, type=Word)
        if word.watch is not None:
            self.watching = word.watch
            self._picture = self._picture if word.watch else None
        if word.watch or word.seen is not None:
            self._may_send = True
            self._something.set()

    async def run(self, line: Line) -> None:
        """Send what waits, at a bounded rate, until cancelled."""
        while True:
            await self._something.wait()
            self._something.clear()
            newest, self._newest = self._newest, {}
            for kind, told in newest.items():
                await line.send_text(_text(kind, told, time.monotonic()))
            if self._picture is not None and self._may_send:
                picture, self._picture, self._may_send = self._picture, None, False
                await line.send_bytes(picture.packed)
            await asyncio.sleep(1 / MOST_A_SECOND)


def _text(kind: str, told: Heard[Any] | Signal, now_s: float) -> str:
    if isinstance(told, Signal):
        facts = {"kind": kind, "state": told.state, "since_s": round(now_s - told.since_s, 1)}
    else:
        facts = {"kind": kind, "header": header_of(told.message), "age_s": round(now_s - told.at_s, 3)}
    return msgspec.json.encode(facts).decode()
