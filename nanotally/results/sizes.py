"""The sizes of all particles of an analysis, each image a field of its own."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanotally.measure.quantities import quantity_of
from nanotally.measure.statistics import SizeDistribution, size_distribution
from nanotally.results.result import Result


class SizeLedger:
    """Takes down the size of every measured particle, four bytes each: all that is kept of an image.

    Attributes:
        calibrated: whether the pixel size of any image was known.
    """

    def __init__(self, classes: Sequence[str]) -> None:
        self._classes = tuple(classes)
        self._sizes = [array("f") for _ in classes]
        self.calibrated = False

    def add(self, result: Result) -> None:
        """Take down the sizes of an image; nothing where its pixel size is not known."""
        size_nm = result.measured.size_nm
        if size_nm is None:
            return
        self.calibrated = True
        class_id = result.found.detections.class_id
        for number, sizes in enumerate(self._sizes):
            mine = size_nm[class_id == number]
            sizes.frombytes(mine[~np.isnan(mine)].astype(np.float32).tobytes())

    def sizes_nm(self, name: str) -> NDArray[np.float32]:
        """(n,) sizes of the particles of a class."""
        return np.array(self._sizes[self._classes.index(name)], np.float32)

    def distribution(self, name: str) -> SizeDistribution:
        """Of the sizes of a class."""
        return size_distribution(self.sizes_nm(name), quantity=quantity_of(name))

    def told(self) -> dict[str, Any]:
        """The distribution of each class as plain values; empty where no pixel size was known."""
        return {name: asdict(self.distribution(name)) for name in self._classes} if self.calibrated else {}
