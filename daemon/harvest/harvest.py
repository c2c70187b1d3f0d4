"""The harvest: looks at live frames in its own thread, and keeps the most doubtful ones of many places."""

from __future__ import annotations

import logging
from collections import Counter
from typing import Literal, NamedTuple

import numpy as np

from nanotally.daemon.harvest.doubt import Doubt, counted, doubt_of
from nanotally.daemon.harvest.look import Look, alike, look_of
from nanotally.daemon.harvest.settings import HarvestConfig
from nanotally.daemon.harvest.shelf import Kept, Shelf
from nanotally.daemon.picture import name_of
from nanotally.daemon.worker import Worker
from nanotally.detections import FLAG_BORDER
from nanotally.errors import ConfigError
from nanotally.frame import Frame
from nanotally.labels import LabelledImage
from nanotally.micrograph import read_micrograph, with_pixel_size
from nanotally.opencv import cv2
from nanotally.wire import DetectionsMessage

log = logging.getLogger(__name__)

WAITING = 2
"""Frames that may wait to be looked at; others pass by unseen, and doubt comes again."""
LOOK_EVERY_S = 0.5
"""A source is looked at twice a second at most."""
LEAST = 0.15
"""A frame with less doubt is not worth a person's time."""


PassedOver = Literal["busy", "full", "disk"]
"""Why a frame was not kept: the thread had no time to look at it; it was in doubt, and had no place within the bounds
or beside a better one of the same place; the disk did not take it."""


class Seen(NamedTuple):
    """A frame and what was told of it."""

    frame: Frame
    told: DetectionsMessage


class Harvest:
    """Keeps doubtful frames of all sources of a daemon on one shelf.

    Of a model that was loaded later and has other classes nothing is kept: all labels of a folder have the same names.

    Attributes:
        shelf: what is kept. Used by the thread.
        kept: frames that were put on it, by source. These counts may be read by any thread.
        dropped: frames that were not, by source and why.
    """

    def __init__(self, config: HarvestConfig, *, instance: str, classes: tuple[str, ...]) -> None:
        """Take up the shelf of an instance.

        Raises:
            ConfigError: if its folder cannot be used, or the configuration has none.
        """
        if config.folder is None:
            raise ConfigError("harvest.directory is not set")
        self._config, self._classes = config, classes
        self._before: dict[str, Seen] = {}
        self._looked_ns: dict[str, int] = {}
        self._kept_ns: dict[str, int] = {}
        self._looks: dict[str, Look] = {}
        self.kept: Counter[str] = Counter()
        self.dropped: Counter[tuple[str, PassedOver]] = Counter()
        folder = config.folder / instance
        try:
            self.shelf = Shelf(folder, classes)
        except OSError as error:
            raise ConfigError(f"harvest.directory {folder}: {error.strerror}") from error
        self._worker: Worker[tuple[Seen, Seen | None]] = Worker("harvest", self._consider, capacity=WAITING)
        log.info("harvest in %s: %d frames of at most %d", folder, len(self.shelf.kept), config.most_frames)

    def take(self, frame: Frame, told: DetectionsMessage) -> None:
        """Have a look at a frame, if it is time for one. Never waits."""
        source, seen = told.origin.source, Seen(frame, told)
        if told.state != "live" or told.classes != self._classes:
            self._before.pop(source, None)
            return
        before = self._before.get(source)
        self._before[source] = seen
        pause_ns = min(LOOK_EVERY_S, self._config.every_s) * 1e9
        if frame.grabbed_ns - self._looked_ns.get(source, 0) < pause_ns:
            return
        if self._worker.offer((seen, before)):
            self._looked_ns[source] = frame.grabbed_ns
        else:
            self.dropped[source, "busy"] += 1

    @property
    def frames(self) -> int:
        """How many are kept now."""
        return len(self.shelf.kept)

    @property
    def size_bytes(self) -> int:
        """Of them, with their labels."""
        return self.shelf.size_bytes

    def close(self) -> None:
        """Look at what waits, and end. May be called twice."""
        self._worker.close()

    def _consider(self, job: tuple[Seen, Seen | None]) -> None:
        (frame, told), before = job
        source, kept_ns = told.origin.source, self._kept_ns.get(told.origin.source)
        if kept_ns is not None and frame.grabbed_ns - kept_ns < self._config.every_s * 1e9:
            return
        look = look_of(frame.image, told.roi)
        same_place = before is not None and alike(look, look_of(before.frame.image, before.told.roi))
        doubt = doubt_of(told, before.told if before is not None and same_place else None)
        if doubt.total >= LEAST and self._keep(frame, told, doubt, look):
            self._kept_ns[source] = frame.grabbed_ns

    def _keep(self, frame: Frame, told: DetectionsMessage, doubt: Doubt, look: Look) -> bool:
        """Put a frame on the shelf if it has a place there; whether it had, and a pause is due."""
        self.shelf.look_again()
        png = cv2.imencode(".png", frame.image)[1].tobytes()
        if told.nm_per_px is not None:
            png = with_pixel_size(png, told.nm_per_px)
        row = _row(told, doubt, size_bytes=len(png))
        gone = self._in_place_of(row, look)
        if gone is None:
            self.dropped[told.origin.source, "full"] += 1
            return False
        try:
            self.shelf.add(png, _labels(told, row.file), row, instead_of=gone)
        except OSError as error:
            log.error("harvest: %s: %s", error.filename or self.shelf.folder, error.strerror)
            self.dropped[told.origin.source, "disk"] += 1
            return True
        for other in gone:
            self._looks.pop(other.file, None)
        self._looks[row.file] = look
        self.kept[row.source] += 1
        log.info("harvest: kept %s: doubt %.2f, mostly %s", row.file, doubt.total, doubt.why)
        return True

    def _in_place_of(self, row: Kept, look: Look) -> list[Kept] | None:
        """Kept frames that a new one takes the place of; None: it has none. Of one place one frame is kept."""
        gone = [other for other in self.shelf.kept if alike(look, self._look_of(other))]
        if not all(self._yields(other, row) for other in gone):
            return None
        rest = sorted((other for other in self.shelf.kept if other not in gone), key=lambda other: other.doubt)
        room_bytes = self._config.most_mb * 1e6 - row.size_bytes
        while len(rest) >= self._config.most_frames or sum(other.size_bytes for other in rest) > room_bytes:
            least = next((other for other in rest if self._yields(other, row)), None)
            if least is None:
                return None
            rest.remove(least)
            gone.append(least)
        return gone

    def _yields(self, other: Kept, row: Kept) -> bool:
        return other.doubt < row.doubt and self.shelf.may_go(other)

    def _look_of(self, row: Kept) -> Look:
        if row.file not in self._looks:
            self._looks[row.file] = look_of(read_micrograph(self.shelf.picture(row)).image, row.field)
        return self._looks[row.file]


def _row(told: DetectionsMessage, doubt: Doubt, *, size_bytes: int) -> Kept:
    origin = told.origin
    x_nm, y_nm = told.nm_per_px or ("", "")
    x1, y1, x2, y2 = told.roi or (0, 0, told.width, told.height)
    return Kept(
        file=f"{name_of(told)}.png", group=f"{origin.instance} {origin.source} {origin.run_id}",
        doubt=round(doubt.total, 4), why=doubt.why,
        instance=origin.instance, source=origin.source, run_id=origin.run_id, frame=told.frame,
        wall=told.wall.isoformat(), nm_per_px_x=x_nm, nm_per_px_y=y_nm, x1=x1, y1=y1, x2=x2, y2=y2,
        size_bytes=size_bytes, label_sha256="",
    )  # fmt: skip


def _labels(told: DetectionsMessage, image: str) -> LabelledImage:
    """What was found, as labels: the same class and box, no score."""
    found = counted(told)
    truncated = np.asarray((found.flags & FLAG_BORDER) > 0)
    return LabelledImage(image, told.width, told.height, found, truncated=truncated, classes=told.classes)
