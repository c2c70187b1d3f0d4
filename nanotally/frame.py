"""One frame of a feed, and what a feed must be able to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

FrameState = Literal["live", "partial", "frozen", "blank", "unexamined"]
"""What a frame is worth. Only a live frame is counted: a lost signal is never a count of zero. `unexamined` would have
been live, but the engine, on a server, did not answer."""

SourceState = Literal["up", "stalled", "lost", "ended"]
"""What a feed is doing. `ended`: a finite feed was read to its end."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One grabbed image with all that is known about it.

    Attributes:
        number: rises by one with every frame the source delivered, dropped ones included; starts at 0.
        grabbed_ns: monotonic clock at the grab, nanoseconds. The driver's own stamp where there is one.
        wall_ns: wall clock at the grab, nanoseconds since 1970 UTC. For people; never for durations.
        image: (height, width) uint8 grey, row 0 at the top.
        nm_per_px: nanometres a pixel (x, y), or None where it is not known.
        pixel_size_from: where `nm_per_px` comes from, in a word or two ("zeiss tag 34118"), or None.
        field: x1 y1 x2 y2 in pixels, half-open: the specimen, without databar. None: the whole image.
        state: what the frame is worth.
        name: the file the frame came from, or "".
        window: grey levels of the source that became 0 and 255 of `image`.
    """

    number: int
    grabbed_ns: int
    wall_ns: int
    image: NDArray[np.uint8]
    nm_per_px: tuple[float, float] | None = None
    pixel_size_from: str | None = None
    field: tuple[int, int, int, int] | None = None
    state: FrameState = "live"
    name: str = ""
    window: tuple[float, float] = (0.0, 255.0)


class Source(Protocol):
    """A feed of frames. Opened by being made; used by one thread; rebuilt after a fault, never restarted.

    Attributes:
        uri: what it was opened with.
        live: True if frames pass by and the newest wins; False if every frame waits to be read.
        stills: True if every frame is a picture of its own; False if it can be compared with the one before.
        damaged: how many frames could not be read and were passed over.
    """

    uri: str
    live: bool
    stills: bool
    damaged: int

    @property
    def idle(self) -> bool:
        """True while silence is no fault, as of a folder into which nothing is being saved."""
        ...

    def read(self, timeout_s: float) -> Frame | None:
        """The next frame, or None if there was none within `timeout_s`.

        Raises:
            EndOfFeed: a finite feed is at its end.
            SourceError: the feed has broken; close it and open a new one.
        """
        ...

    def close(self) -> None:
        """Give everything back. May be called twice, and in every state."""
        ...
