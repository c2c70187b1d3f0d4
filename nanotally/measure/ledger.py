"""A whole set, matched: one row a label and one row a detection, from which the figures are counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanotally.measure.judged import Judged
from nanotally.measure.matching import Matches, match
from nanotally.measure.precision import AveragePrecisions, Curve, curve


@dataclass(frozen=True, eq=False)
class Labels:
    """Labels, a row each.

    Attributes:
        class_id: (n,) int64.
        difficult: (n,) bool.
        found: (n,) bool, has a match.
    """

    class_id: NDArray[np.int64]
    difficult: NDArray[np.bool_]
    found: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Finds:
    """Detections, a row each.

    Attributes:
        class_id: (n,) int64.
        score: (n,) float32.
        right: (n,) bool, matched with a label that counts.
        false: (n,) bool, matched with none. Neither right nor false: matched with a difficult label.
        overlap: (n,) float32, intersection over union with the label; 0: none.
        side_ratio: (n,) float32, geometric mean of the box's sides over that of the label's; nan: no label.
    """

    class_id: NDArray[np.int64]
    score: NDArray[np.float32]
    right: NDArray[np.bool_]
    false: NDArray[np.bool_]
    overlap: NDArray[np.float32]
    side_ratio: NDArray[np.float32]

    @property
    def counts(self) -> NDArray[np.bool_]:
        """(n,) bool, right or false."""
        return self.right | self.false


@dataclass(frozen=True, eq=False)
class Ledger:
    """All labels and all detections of a set, matched image by image.

    Attributes:
        labels: in the order of the images.
        finds: in the order of the images.
        classes: how many there are.
    """

    labels: Labels
    finds: Finds
    classes: int

    def per_class(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """How many of the class ids `rows` are of each class."""
        return np.bincount(rows, minlength=self.classes)

    @property
    def labelled(self) -> NDArray[np.int64]:
        """(classes,) int64, labels that count."""
        return self.per_class(self.labels.class_id[~self.labels.difficult])

    @property
    def right(self) -> NDArray[np.int64]:
        """(classes,) int64, detections that found a label."""
        return self.per_class(self.finds.class_id[self.finds.right])

    @property
    def false(self) -> NDArray[np.int64]:
        """(classes,) int64, detections that match no label."""
        return self.per_class(self.finds.class_id[self.finds.false])

    def curve(self, class_id: int) -> Curve:
        """Precision and recall of a class."""
        own = (self.finds.class_id == class_id) & self.finds.counts
        return curve(self.finds.right[own], self.finds.score[own], int(self.labelled[class_id]))

    def average_precisions(self) -> AveragePrecisions:
        """Area under each class's curve (VOC 2012), without any of the quirks of `cartucho`."""
        ap = np.array([self.curve(i).area() for i in range(self.classes)])
        return AveragePrecisions(ap, self.right, self.false)


def ledger(judged: Sequence[Judged], classes: int) -> Ledger:
    """Match every image, one or more, class by class, and lay the rows end to end."""
    matched = [(image, match(image.found, image.truth, difficult=image.difficult)) for image in judged]
    labels = [Labels(image.truth.class_id.astype(np.int64), image.difficult, m.found) for image, m in matched]
    finds = [_finds(*pair) for pair in matched]
    return Ledger(Labels(*_end_to_end(labels)), Finds(*_end_to_end(finds)), classes)


def _finds(image: Judged, matches: Matches) -> Finds:
    side = np.full(len(image.found), np.nan, np.float32)
    own, other = (np.sqrt(part.size.prod(axis=1)) for part in (image.found, image.truth))
    paired = matches.truth_of >= 0
    side[paired] = own[paired] / other[matches.truth_of[paired]]
    return Finds(
        image.found.class_id.astype(np.int64), image.found.score, matches.right, matches.false, matches.overlap, side
    )


def _end_to_end(parts: Sequence[Labels] | Sequence[Finds]) -> list[Any]:
    """Each column of the parts as one."""
    return [np.concatenate([getattr(part, column.name) for part in parts]) for column in fields(parts[0])]
