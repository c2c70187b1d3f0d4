"""Counts at the bundle's thresholds: of a class, of a part of a set, of all."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Counts:
    """What was found, missed and invented; difficult labels are not in it.

    Attributes:
        labelled: labels.
        found: labels with a match of their class at intersection over union `SAME_AT`.
        false: detections without a match.
    """

    labelled: int
    found: int
    false: int

    @property
    def missed(self) -> int:
        """Labels without a match."""
        return self.labelled - self.found

    @property
    def recall(self) -> float:
        """Share of the labels that were found; the paper's "% correctly detected" divided by 100."""
        return self.found / self.labelled if self.labelled else float("nan")

    @property
    def precision(self) -> float:
        """Share of the detections that are right; nan where there are none."""
        told = self.found + self.false
        return self.found / told if told else float("nan")

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; nan where nothing is labelled and nothing was found."""
        every = self.labelled + self.found + self.false
        return 2 * self.found / every if every else float("nan")


@dataclass(frozen=True)
class ClassScore(Counts):
    """Figures of one class.

    Attributes:
        threshold: score at which the counts hold.
        ap50: COCO's average precision at intersection over union 0.5; nan where the class has no label.
    """

    threshold: float
    ap50: float


@dataclass(frozen=True)
class Part(Counts):
    """Figures of a part of a set.

    Attributes:
        name: what is in the part, such as "16 to 32 px".
        images: how many have a label in it, or have none at all.
        map50: mean over its labelled classes of COCO's average precision at 0.5.
        mean_iou_tp: mean intersection over union of the matches.
    """

    name: str
    images: int
    map50: float
    mean_iou_tp: float
