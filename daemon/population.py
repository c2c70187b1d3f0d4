"""The particles of one source since a group began, each counted once: identities, sizes, density."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from nanotally.daemon.tracking import Tracker
from nanotally.detections import Detections
from nanotally.frame import Frame
from nanotally.measure.measurement import Measurement
from nanotally.measure.quantities import quantity_of
from nanotally.measure.statistics import size_distribution
from nanotally.wire import Statistics


class Population:
    """What is known of the particles of a group.

    A new one begins when what came before can no longer be compared with what comes: at another magnification that
    nobody knows, or when somebody asks for it.

    Attributes:
        number: of the group.
    """

    def __init__(self, number: int, classes: Sequence[str], *, stills: bool) -> None:
        """Begin with nothing.

        Args:
            number: of the group.
            classes: names of the class ids.
            stills: every frame is a picture of its own, of which nobody knows whether it shows what another shows.
        """
        self.number = number
        self._classes = tuple(classes)
        self._tracker = None if stills else Tracker(classes)
        self._in_stills: list[tuple[NDArray[np.uint16], NDArray[np.float32]]] = []
        self._frames = 0
        self._area_um2 = self._particles = 0.0

    @property
    def unique(self) -> Mapping[str, int] | None:
        """Different particles a class; None where nothing is tracked."""
        return None if self._tracker is None else self._tracker.unique

    def take(self, frame: Frame, detections: Detections, measured: Measurement) -> NDArray[np.int64] | None:
        """Take the particles of a live frame in; (n,) their identities, or None where nothing is tracked."""
        tracks = None
        if self._tracker is not None:
            tracks = self._tracker.update(frame, detections, size_nm=measured.size_nm)
        elif measured.size_nm is not None:
            self._in_stills.append((detections.class_id, measured.size_nm))
        if self._tracker is None or self._tracker.fresh:
            self._sample(frame, measured)
        return tracks

    def _sample(self, frame: Frame, measured: Measurement) -> None:
        if frame.nm_per_px is None or measured.density_per_um2 is None:
            return
        area_um2 = measured.examined_px * frame.nm_per_px[0] * frame.nm_per_px[1] / 1e6
        self._frames += 1
        self._area_um2 += area_um2
        self._particles += measured.density_per_um2 * area_um2

    def statistics(self) -> Statistics:
        """Sizes and density of all particles so far."""
        class_id, size_nm = self._sizes()
        sizes = {
            name: size_distribution(size_nm[class_id == number], quantity=quantity_of(name))
            for number, name in enumerate(self._classes)
        }
        measured = not np.isnan(size_nm).all()
        return Statistics(
            grounds=None if self._tracker is None else self._tracker.fields,
            frames=self._frames,
            area_um2=self._area_um2 or None,
            density_per_um2=self._particles / self._area_um2 if self._area_um2 else None,
            sizes=sizes if measured else {},
        )

    def _sizes(self) -> tuple[NDArray[np.integer], NDArray[np.float32]]:
        if self._tracker is not None:
            known = self._tracker.particles()
            return known.class_id, known.size_nm
        if len(self._in_stills) > 1:
            class_id, size_nm = zip(*self._in_stills, strict=True)
            self._in_stills = [(np.concatenate(class_id), np.concatenate(size_nm))]
        return self._in_stills[0] if self._in_stills else (np.empty(0, np.uint16), np.empty(0, np.float32))
