"""What is known of one microscope, and how long ago it was heard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

from nanotally.overlay.address import Address
from nanotally.overlay.picture import Picture
from nanotally.wire import CountsMessage, StatusMessage
from nanotally.wire.codec import NOT_IN_HEADER
from nanotally.wire.header import dump
from nanotally.wire.messages import SCHEMA

SILENCE_S = 3.0
"""After this long without a word a daemon counts as not heard; it speaks every second."""

Told = TypeVar("Told", StatusMessage, CountsMessage)


class Name(NamedTuple):
    """Of a microscope: the instance of its daemon, and its feed."""

    instance: str
    source: str

    def __str__(self) -> str:
        return f"{self.instance}/{self.source}"


@dataclass(frozen=True)
class Heard(Generic[Told]):
    """A message, and when it came.

    Attributes:
        message: as it was sent.
        at_s: monotonic clock.
    """

    message: Told
    at_s: float


@dataclass
class Microscope:
    """One microscope. Used by one thread.

    Attributes:
        address: of its daemon, or of the forwarder that it is heard through; None: nothing was heard of it yet.
        since_s: monotonic clock when it was last heard, or first asked for.
        status, counts: the last ones.
        picture: the last one, while somebody looks.
        frame_state: of the frame that was heard of last.
    """

    since_s: float
    address: Address | None = None
    status: Heard[StatusMessage] | None = None
    counts: Heard[CountsMessage] | None = None
    picture: Picture | None = None
    frame_state: str | None = None

    def take(self, message: StatusMessage | CountsMessage, now_s: float) -> None:
        """Keep what was heard."""
        self.since_s = now_s
        if isinstance(message, StatusMessage):
            self.status, self.frame_state = Heard(message, now_s), message.frame_state
        else:
            self.counts, self.frame_state = Heard(message, now_s), message.state

    def take_picture(self, picture: Picture, now_s: float) -> None:
        """Keep the last picture."""
        self.since_s = now_s
        self.picture, self.frame_state = picture, picture.detections.state

    @property
    def is_forwarded(self) -> bool:
        """Whether it is heard through a forwarder."""
        return self.status is not None and self.status.message.forwarded

    def signal(self, now_s: float) -> str:
        """Whether the daemon is heard: `heard`, `waiting` for its first word, `stopped` by somebody, or `no daemon`."""
        if self.status is not None and self.status.message.stopping:
            return "stopped"
        if now_s - self.since_s > SILENCE_S:
            return "no daemon"
        return "waiting" if self.status is None else "heard"

    def state(self, now_s: float) -> str | None:
        """In a word: of the last frame where frames come, else of the source; None where the daemon is not heard."""
        if self.status is None or self.signal(now_s) != "heard":
            return None
        source_state = self.status.message.source_state
        return source_state if source_state != "up" else self.frame_state


def header_of(message: StatusMessage | CountsMessage) -> dict[str, Any]:
    """The header as the wire has it."""
    return {"schema": SCHEMA, **dump(message.origin), **dump(message, without=NOT_IN_HEADER)}
