"""The writer of a recording: pictures as TIFF, and beside them an index of what was told of each.

The index is a file of framed records like those of the journal: each is a detections message as it was sent, and one
more part that names the picture. A record follows its picture, so what a kill leaves is whole up to the last record.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
from pathlib import Path

import msgspec

from nanotally.daemon.journal.segment import SegmentWriter
from nanotally.daemon.picture import write_picture
from nanotally.daemon.recording.facts import INDEX, PICTURES, End, Facts
from nanotally.daemon.recording.settings import RecordingConfig
from nanotally.daemon.recording.totals import EndReason, Totals
from nanotally.daemon.worker import Worker
from nanotally.frame import Frame
from nanotally.wire import DetectionsMessage, encode

log = logging.getLogger(__name__)

WAITING = 8
"""Frames that may wait for the disk; what comes while so many wait is missed, and counted."""

Job = tuple[Frame, DetectionsMessage, int]


class Recorder:
    """Writes frames with their detections in a thread of its own until it is full or closed.

    Attributes:
        folder: of the recording.
        frames: written so far.
        missed: frames that the disk was too slow for.
        size_bytes: written so far.
        ended: why it is over; None while it runs.
    """

    def __init__(self, folder: Path, facts: Facts, limits: RecordingConfig, totals: Totals) -> None:
        """Begin a recording.

        Args:
            folder: to be made.
            facts: of the recording.
            limits: of its length and size.
            totals: of the source, counted on.

        Raises:
            OSError: if the folder is there already, or the disk does not take it.
        """
        self.folder = folder
        self.frames = self.missed = self.size_bytes = 0
        self.ended: str | None = None
        self._facts, self._limits, self._totals = facts, limits, totals
        self._missed_before = 0
        self._began_ns: int | None = None
        (folder / PICTURES).mkdir(parents=True)
        facts.write(folder)
        self._index = SegmentWriter(folder / INDEX, base_offset=0)
        self._worker: Worker[Job] = Worker(f"recording {folder.name}", self._write, capacity=WAITING)
        log.info("recording into %s", folder)

    def take(self, frame: Frame, told: DetectionsMessage) -> None:
        """Record a frame and what was told of it. Never waits."""
        if self.ended is not None:
            return
        if self._worker.offer((frame, told, self._missed_before)):
            self._missed_before = 0
        else:
            self._missed_before += 1
            self.missed += 1
            self._totals.missed += 1

    def close(self, reason: EndReason = "asked", why: str = "asked to") -> None:
        """Write what waits, and end. May be called twice."""
        if self._worker.close() and self.ended is None:
            self._end(reason, why)

    def _write(self, job: Job) -> None:
        if self.ended is not None:
            return
        frame, told, missed = job
        if (full := self._full(frame)) is not None:
            self._end(*full)
            return
        picture = f"{PICTURES}/{self.frames:06d}.tif"
        place = {"picture": picture, "wall_ns": str(frame.wall_ns), "missed": missed}
        parts = [*encode(told), json.dumps(place).encode()]
        try:
            write_picture(self.folder / picture, frame)
            self._index.append(self.frames, parts)
        except OSError as error:
            self._end("fault", f"{self.folder}: {error.strerror}")
            return
        size_bytes = frame.image.nbytes + sum(map(len, parts))
        self.frames += 1
        self.size_bytes += size_bytes
        self._totals.frames += 1
        self._totals.size_bytes += size_bytes

    def _full(self, frame: Frame) -> tuple[EndReason, str] | None:
        """Why the frame may not be written, in a word and in many, or None."""
        self._began_ns = self._began_ns or frame.grabbed_ns
        limits = self._limits
        if frame.grabbed_ns - self._began_ns > limits.most_s * 1e9:
            return "time", f"it is {limits.most_s:g} s long (recording.most_s)"
        if self.size_bytes + frame.image.nbytes > limits.most_mb * 1e6:
            return "size", f"it is {limits.most_mb:g} MB large (recording.most_mb)"
        if shutil.disk_usage(self.folder).free - frame.image.nbytes < limits.keep_free_mb * 1e6:
            return "room", f"less than {limits.keep_free_mb:g} MB are free (recording.keep_free_mb)"
        return None

    def _end(self, reason: EndReason, why: str) -> None:
        """Say why it is over, in the folder and in the log."""
        self.ended = why
        self._totals.ended[reason] += 1
        end = End(why=why, frames=self.frames, missed=self.missed, size_bytes=self.size_bytes)
        try:
            if self.frames:
                self._index.end(self.frames - 1)
            msgspec.structs.replace(self._facts, end=end).write(self.folder)
        except OSError as error:
            log.error("recording %s: not ended in order: %s", self.folder, error.strerror)
        finally:
            os.close(self._index.descriptor)
        told = self.folder, self.frames, self.missed, self.size_bytes / 1e6, why
        log.info("recording %s ended: %d frames, %d missed, %.1f MB: %s", *told)
