"""`dir:PATH`: the micrographs of a folder, once, in natural order."""

from __future__ import annotations

import logging
import time
from pathlib import Path

from nanotally.errors import EndOfFeed, MicrographError, SourceError
from nanotally.frame import Frame
from nanotally.micrograph import list_micrographs, read_micrograph

log = logging.getLogger(__name__)


class DirectorySource:
    """A folder of micrographs, or a single one. Damaged files are logged, and leave a gap in the numbers.

    Attributes:
        damaged: how many were passed over.
    """

    live = False
    stills = True
    idle = False

    def __init__(self, path: Path) -> None:
        """List the files; files that come later are not seen.

        Raises:
            SourceError: if nothing is there, or the folder holds no micrograph.
        """
        self.uri = f"dir:{path}"
        try:
            self._files = list_micrographs(path)
        except (MicrographError, OSError) as error:
            raise SourceError(str(error)) from error
        self._number = 0
        self.damaged = 0

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.uri!r})"

    def read(self, timeout_s: float) -> Frame | None:
        """Next micrograph; None in place of a damaged one. Reads a whole file, whatever `timeout_s` says."""
        if self._number >= len(self._files):
            raise self._end()
        number, path = self._number, self._files[self._number]
        self._number += 1
        try:
            micrograph = read_micrograph(path)
        except MicrographError as error:
            self.damaged += 1
            log.warning("passed over: %s", error)
            return None
        for warning in micrograph.warnings:
            log.warning("%s: %s", path, warning)
        return Frame(
            number=number,
            grabbed_ns=time.monotonic_ns(),
            wall_ns=time.time_ns(),
            image=micrograph.image,
            nm_per_px=micrograph.nm_per_px,
            pixel_size_from=micrograph.pixel_size_from,
            field=micrograph.field,
            window=micrograph.window,
            name=path.name,
        )

    def _end(self) -> SourceError:
        if self.damaged == len(self._files):
            return SourceError(f"{self.uri}: none of {self.damaged} images could be read; see the warnings above")
        return EndOfFeed(f"{self.uri}: all {len(self._files)} images were read, {self.damaged} of them damaged")

    def close(self) -> None:
        """Forget the rest of the folder."""
        self._files = self._files[: self._number]
