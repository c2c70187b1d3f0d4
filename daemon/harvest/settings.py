"""Where doubtful frames are kept, and how many."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec


@dataclass(frozen=True, kw_only=True)
class HarvestConfig:
    """Which frames are kept to be labelled.

    Attributes:
        directory: to keep them in; "": nothing is kept.
        most_frames: kept at most; a more doubtful frame takes the place of the least doubtful one.
        most_mb: pictures and labels together take at most. In 10^6 bytes.
        every_s: at most one frame of a source is kept in this time; 0: every frame is looked at.
    """

    directory: str = ""
    most_frames: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 200
    most_mb: Annotated[float, msgspec.Meta(gt=0)] = 500.0
    every_s: Annotated[float, msgspec.Meta(ge=0)] = 10.0

    @property
    def folder(self) -> Path | None:
        """Where they are kept; None: nowhere."""
        return Path(self.directory) if self.directory else None
