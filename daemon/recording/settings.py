"""Where recordings and snapshots go, and how large a recording may become."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec


@dataclass(frozen=True, kw_only=True)
class RecordingConfig:
    """Recordings and snapshots.

    Attributes:
        directory: to write them in; "": the state directory that systemd gives, and without systemd nowhere.
        most_s: a recording ends after this long.
        most_mb: a recording ends when it is this large. In 10^6 bytes.
        keep_free_mb: a recording ends when less than this is free on the disk.
    """

    directory: str = ""
    most_s: Annotated[float, msgspec.Meta(gt=0)] = 600.0
    most_mb: Annotated[float, msgspec.Meta(gt=0)] = 4000.0
    keep_free_mb: Annotated[float, msgspec.Meta(ge=0)] = 1000.0

    @property
    def folder(self) -> Path | None:
        """Where they go; None: nowhere."""
        given_by_systemd = os.environ.get("STATE_DIRECTORY", "").split(":")[0]
        if self.directory:
            return Path(self.directory)
        return Path(given_by_systemd, "recordings") if given_by_systemd else None
