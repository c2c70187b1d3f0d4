"""Which ground has been sampled: fields of view that do not overlap, for means over what is seen once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Corners = NDArray[np.float64]


class Ground:
    """Fields of view on the map of particles, none of which overlaps another."""

    def __init__(self) -> None:
        self._views: list[tuple[int, Corners]] = []

    def __len__(self) -> int:
        return len(self._views)

    def sample(self, field: int, low: Corners, high: Corners) -> bool:
        """Add a view with these corners (2,), if it overlaps none that was added before; whether it did not.

        A session's number density is the mean over such views: each particle is in one of them at most, and the spread
        from view to view gives the standard error.
        """
        here = [view for of, view in self._views if of == field]
        if here:
            taken = np.array(here)
            if ((taken[:, 0] < high) & (taken[:, 1] > low)).all(axis=1).any():
                return False
        self._views.append((field, np.stack([low, high])))
        return True

    def move(self, field: int, way: Corners, into: int) -> None:
        """Let the views of `field` be part of another, shifted by `way` (2,)."""
        self._views = [(into, view + way) if of == field else (of, view) for of, view in self._views]
