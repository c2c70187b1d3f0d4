"""`file:PATH`: every frame of a video."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import av

from nanotally.errors import EndOfFeed, SourceError
from nanotally.frame import Frame

log = logging.getLogger(__name__)


class FileSource:
    """A video file, decoded to grey. A damaged frame is logged and passed over; its number stays unused."""

    live = False

    def __init__(self, path: Path) -> None:
        """Open the file.

        Raises:
            SourceError: if it is not there or is not a video.
        """
        self.uri = f"file:{path}"
        self._name = path.name
        self._number = 0
        self._damaged = 0
        try:
            self._container = av.open(str(path))
        except (av.error.FFmpegError, OSError) as error:
            raise SourceError(f"{path}: cannot be opened as a video: {error.strerror}") from error
        if not self._container.streams.video:
            self.close()
            raise SourceError(f"{path}: holds no video stream")
        stream = self._container.streams.video[0]
        stream.thread_type = "AUTO"
        self._began_ns = _creation_time_ns(self._container.metadata)
        self._frames = self._decode(stream)
