"""Which particle is which, from frame to frame and back again: each is counted once, however often it is seen."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nanotally.daemon.tracking.ground import Ground
from nanotally.daemon.tracking.identities import Identities, Rows, Sightings
from nanotally.daemon.tracking.pairing import Places, partners
from nanotally.daemon.tracking.shift import Shift, ShiftMeter
from nanotally.daemon.tracking.whereabouts import REACH_PX, View, find, look
from nanotally.detections import FLAG_BORDER, FLAG_MASKED, FLAG_SEAM, Detections
from nanotally.frame import Frame
from nanotally.wire.records import UNCONFIRMED

log = logging.getLogger(__name__)

SECTOR_PX = 512
"""Side of a cell of the map's grid, pixels of the first frame."""
LEAST_SEEN = 0.25
"""Least share of a particle at the border for it to be recognised."""
WHOLE = 0.999
"""Share from which a particle counts as one that should have been seen whole."""
SAME_ZOOM = 0.03
"""Largest change of the pixel size at which two pictures can still be correlated."""
FEW = 4
"""With fewer particles than this in common, the shift of the picture is believed without them."""
ENOUGH = 8
"""Particles in a frame that show, if the map has none of them, that this is other ground."""
PATIENCE = 20
"""Frames without a known place after which a new field is begun with however few particles."""
FAR_PX = 1e5
"""Fields whose places against each other are not known lie so far apart on the map, pixels."""
RECALL_EVERY = 32
"""Where there are several fields, every so many frames it is looked up whether this one belongs to another."""


@dataclass(frozen=True)
class Particles:
    """Every particle of a session that has an identity, once.

    Attributes:
        number: (n,) int64, as in the column `track`.
        class_id: (n,) int64, that most sightings voted for.
        size_nm: (n,) float32, median of its last sizes, NaN where it was never measured.
    """

    number: NDArray[np.int64]
    class_id: NDArray[np.int64]
    size_nm: NDArray[np.float32]


class Tracker:
    """Follows the particles of one moving feed: live video, or slow scans of a stage that moves by less than a field.

    Micrographs of places that have nothing to do with each other need none, and their `unique` is null.

    Attributes:
        lost: whether the place of the last live frame is not known; nothing is counted then.
        fresh: whether the last frame overlaps none for which this was true before: a mean over such frames, as of the
            number density, takes nothing twice.
    """

    def __init__(self, classes: Sequence[str]) -> None:
        self.lost = False
        self.fresh = False
        self._classes = tuple(classes)
        self._known = Identities(len(self._classes), SECTOR_PX)
        self._ground = Ground()
        self._meter = ShiftMeter()
        self._view: View | None = None
        self._calibrated = False
        self._number = 0
        self._velocity = np.zeros(2)
        self._field = 0
        self._in_field = 0
        self._frames_lost = 0

    @property
    def unique(self) -> dict[str, int]:
        """Particles a class, each once, over all fields."""
        return dict(zip(self._classes, self._known.unique.tolist(), strict=True))

    @property
    def fields(self) -> int:
        """How many stretches of ground `unique` is the sum over. With 1, nothing can have been counted twice."""
        return len(np.unique(self._known.table["field"][self._known.confirmed]))

    def particles(self) -> Particles:
        """What is known of every particle with an identity."""
        rows = self._known.confirmed
        sizes = np.sort(self._known.table["sizes"][rows], axis=1)  # NaN last
        count = np.count_nonzero(~np.isnan(sizes), axis=1)
        each = np.arange(len(rows))
        median = (sizes[each, (count - 1) // 2] + sizes[each, count // 2]) / 2
        return Particles(self._known.table["number"][rows], self._known.class_of(rows), median)

    def update(
        self, frame: Frame, detections: Detections, *, size_nm: NDArray[np.float32] | None = None
    ) -> NDArray[np.int64]:
        """The identity (n,) int64 of each detection, -1 where it has none (yet). Only live frames are followed.

        Args:
            frame: where they were found.
            detections: what was found.
            size_nm: (n,) float32, measured sizes, NaN where not measured; None: nothing was measured.
        """
        tracks = np.full(len(detections), UNCONFIRMED, np.int64)
        self.fresh = False
        if frame.state != "live":
            return tracks
        field = np.array(frame.field or (0, 0, *frame.image.shape[::-1]))
        camera = View(np.zeros(2), np.array(frame.nm_per_px or (1.0, 1.0)), field)
        rows = np.flatnonzero((detections.flags & FLAG_MASKED) == 0)
        whole = (detections.flags[rows] & (FLAG_BORDER | FLAG_SEAM)) == 0
        seen = _sightings(detections[rows], camera.unit, None if size_nm is None else size_nm[rows])
        view = self._locate(frame, camera, seen[whole])
        self.lost = view is None
        if view is not None:
            self.fresh = self._ground.sample(self._field, view.low, view.high)
            known = self._identify(view, replace(seen, place=seen.place + view.origin), whole)
            tracks[rows] = np.where(known < 0, UNCONFIRMED, self._known.table["number"][known])
        return tracks

    def _locate(self, frame: Frame, camera: View, seen: Sightings) -> View | None:
        """Where the frame lies on the map; None: nobody can tell."""
        view = self._follow(frame, camera, seen)
        if view is None:
            # All that has an identity, and what was seen around here just now.
            rows = np.union1d(self._known.confirmed, self._known.in_field(self._field))
            view = find(self._known, seen, camera, rows=rows)
            if view is not None:
                self._enter(self._field_at(view))
        if view is None and (self._view is None or len(seen) >= ENOUGH or self._frames_lost >= PATIENCE):
            view = self._open_field(camera)
        if view is None:
            self._frames_lost += 1
            return None
        self._frames_lost, self._in_field = 0, self._in_field + 1
        if self._in_field % RECALL_EVERY == 0:
            view = self._recall(view, seen)
        self._take(view, frame)
        return view

    def _follow(self, frame: Frame, camera: View, seen: Sightings) -> View | None:
        """Where the frame lies if the stage has gone on from where it was."""
        before = self._view
        shift = self._meter.measure(frame)
        if before is None or self._calibrated != (frame.nm_per_px is not None):
            return None
        if (np.abs(camera.unit / before.unit - 1) > SAME_ZOOM).any():
            shift = None
        guesses = self._guesses(frame, camera, before, shift)
        tried = [look(self._known, seen, guesses[0])]
        if not (shift is not None and shift.sure and tried[0].proves):  # the picture and the particles say the same
            tried += [look(self._known, seen, guess) for guess in guesses[1:]]
        best = max(tried, key=lambda found: found.agreement.score)
        if best.holds:
            return best.view
        if shift is not None and shift.sure and tried[0].overlap < FEW:
            return guesses[0]
        return None

    def _guesses(self, frame: Frame, camera: View, before: View, shift: Shift | None) -> list[View]:
        """Where the frame may lie: as the picture says, with the stage moving on as it did, or standing still."""
        still = before.middle - camera.middle  # a zoom is about the middle
        origins = [still + self._velocity * (frame.number - self._number), still]
        if shift is not None:
            as_seen = still - shift.px * camera.unit
            origins.insert(0 if shift.sure else 2, as_seen)
        guesses: list[View] = []
        for origin in origins:
            apart = (np.abs(origin - guess.origin) / camera.unit for guess in guesses)
            if all((way > REACH_PX / 2).any() for way in apart):
                guesses.append(camera.at(origin))
        return guesses

    def _take(self, view: View, frame: Frame) -> None:
        """Go on from here."""
        before, gap = self._view, frame.number - self._number
        self._velocity = np.zeros(2)
        if before is not None and gap > 0:
            self._velocity = (view.middle - before.middle) / gap
        self._view, self._number, self._calibrated = view, frame.number, frame.nm_per_px is not None
        self._meter.keep()

    def _enter(self, field: int) -> None:
        """Go on in another field, or elsewhere in the same; who was not seen often enough here is forgotten."""
        here = self._known.in_field(self._field)
        self._known.forget(here[self._known.table["number"][here] == UNCONFIRMED])
        self._field, self._in_field, self._view = field, 0, None

    def _field_at(self, view: View) -> int:
        fields = self._known.table["field"][self._known.within(view.low, view.high)]
        return int(np.bincount(fields).argmax())

    def _open_field(self, camera: View) -> View:
        """New ground: laid down so far from all other that the two never meet on the map."""
        known = self._known.table[self._known.confirmed]
        pixel = float(camera.unit.max())
        self._enter(int(known["field"].max(initial=-1)) + 1)
        if not len(known):
            self._known = Identities(len(self._classes), SECTOR_PX * pixel)
            return camera.at(np.zeros(2))
        log.info("the place of the frame is not known; a new field is begun beside %d particles", len(known))
        return camera.at(np.array([known["place"][:, 0].max() + FAR_PX * pixel, 0.0]))

    def _recall(self, view: View, seen: Sightings) -> View:
        """Join this field to another one, if that is where the frame really lies."""
        known = self._known
        confirmed = known.confirmed
        there = find(known, seen, view, rows=confirmed[known.table["field"][confirmed] != self._field])
        if there is None:
            return view
        field = self._field_at(there)
        old, joining = known.in_field(field), known.in_field(self._field)
        way = there.origin - view.origin
        known.move(joining, way, field)
        self._ground.move(self._field, way, field)
        i, j = partners(
            known.table["place"][joining], known.size_of(joining), known.table["place"][old], known.size_of(old),
            unit=float(view.unit.mean()), last=known.table["number"][old] == UNCONFIRMED,
        )  # fmt: skip
        log.info("field %d is part of field %d; %d particles were the same", self._field, field, len(i))
        known.merge(old[j], joining[i])
        self._field, self._view = field, self._view and self._view.at(self._view.origin + way)
        return there

    def _identify(self, view: View, seen: Sightings, whole: NDArray[np.bool_]) -> Rows:
        """Row (n,) on the map of each particle in the frame, -1 for one that nothing is known of; all taken down."""
        known = self._known
        rows = known.within(view.low, view.high)
        place, half = known.table["place"][rows], known.table["box"][rows] / 2
        # What can be seen of each, so that one that the border cuts is compared with its own cut box.
        low, high = np.maximum(place - half, view.low), np.minimum(place + half, view.high)
        side = np.maximum(high - low, 0)
        area = side[:, 0] * side[:, 1]
        share = area / (4 * half[:, 0] * half[:, 1])
        there = np.flatnonzero(share >= LEAST_SEEN)
        i, j = partners(
            seen.place, seen.size, (low + high)[there] / 2, np.sqrt(area[there]),
            unit=float(view.unit.mean()), last=known.table["number"][rows[there]] == UNCONFIRMED,
        )  # fmt: skip
        j = there[j]
        of = np.full(len(seen), -1)
        of[i] = rows[j]
        sighted = whole[i]
        known.see(rows[j[sighted]], seen[i[sighted]])
        missed = share > WHOLE
        missed[j] = False
        known.miss(rows[missed])
        known.add(seen[whole & (of < 0)], self._field)
        return of


def _sightings(detections: Detections, unit: Places, size_nm: NDArray[np.float32] | None) -> Sightings:
    """Detections in units of the map, from the frame's pixel 0, 0 on."""
    xyxy = detections.xyxy.astype(np.float64)
    measured = np.full(len(xyxy), np.nan, np.float32) if size_nm is None else size_nm
    box = np.maximum(xyxy[:, 2:] - xyxy[:, :2], 1e-3) * unit
    return Sightings((xyxy[:, :2] + xyxy[:, 2:]) / 2 * unit, box, detections.class_id, measured)
