"""The classical way, as a baseline: Otsu's threshold, distance watershed, classes by outline; no network.

`python benchmarks/classical.py SET... --tune VAL` turns every knob, thresholds included, on the labelled set VAL and
tells the figures of `nanotally evaluate` on each SET, whose pictures that are also in VAL are left out.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from nanotally.detections import CLASSES, Detections
from nanotally.labels import Dataset, read_dataset
from nanotally.measure.judged import of_one_class
from nanotally.opencv import cv2
from nanotally.trainer.evaluate import (
    Evaluation,
    Fold,
    Judged,
    Question,
    average_precision,
    best_thresholds,
    figures,
    judgeable,
    judged_of,
    pictures_of,
    pooled,
    text,
)

LARGEST = 0.25
"""Share of the field above which a segment is substrate."""
CUBE, QUASI_SPHERE = (CLASSES.index(name) for name in ("cube", "quasi_sphere"))


@dataclass(frozen=True)
class Knobs:
    """What is tuned, and where tuning begins.

    Attributes:
        blur_px: standard deviation of the blur before the threshold.
        flatten: standard deviation of the background that is subtracted, share of the field's height; 0: none is.
        opening_px: side of the opening that cuts bridges and removes specks.
        apart: two centres are at least this times the radius of the larger particle apart.
        smallest_px: sides of a box below which a segment is noise.
        least: share of the side that is typical in the picture below which a segment is noise.
        square: rectangularity (area over that of the smallest rectangle around it) from which a segment is a cube;
            that of a disc is 0.785.
        solid: power of solidity (area over that of the convex hull) in the score.
        contrast: power of the difference in grey between segment and rim in the score.
    """

    blur_px: float = 1.5
    flatten: float = 0.0
    opening_px: int = 5
    apart: float = 1.2
    smallest_px: int = 12
    least: float = 0.5
    square: float = 0.8
    solid: float = 8.0
    contrast: float = 0.5


CHOICES: dict[str, Sequence[Any]] = {
    "flatten": (0.0, 0.2, 0.4),
    "blur_px": (0.7, 1.5, 2.5),
    "apart": (0.9, 1.05, 1.2, 1.4, 1.6),
    "opening_px": (3, 5, 7, 9),
    "smallest_px": (8, 12, 16),
    "least": (0.35, 0.5, 0.65),
    "solid": (4.0, 8.0, 16.0, 32.0),
    "contrast": (0.25, 0.5, 1.0),
    "square": (0.76, 0.78, 0.8, 0.82, 0.84),
}
"""Values that are tried, one knob after the other."""
SWEEPS = 2


def find(image: NDArray[np.uint8], knobs: Knobs) -> Detections:
    """Particles of a field (h, w), best first, in the polarity that gives the more solid segments.

    SEM particles are mostly bright and TEM particles dark; the picture decides, its labels are not asked.
    """
    grey = cv2.GaussianBlur(image, (0, 0), knobs.blur_px).astype(np.float32)
    if knobs.flatten:
        grey -= cv2.GaussianBlur(grey, (0, 0), knobs.flatten * len(grey))
    level = np.asarray(cv2.normalize(grey, None, 0, 255, cv2.NORM_MINMAX), np.uint8)
    bright = cv2.threshold(level, 0, 1, cv2.THRESH_BINARY | cv2.THRESH_OTSU)[1]
    both = [measure(image, segments(mask, knobs), knobs) for mask in (bright, 1 - bright)]
    found, _ = max(both, key=lambda own: own[1])
    return found[np.argsort(-found.score, kind="stable")]


def segments(mask: NDArray[np.uint8], knobs: Knobs) -> NDArray[np.uint16]:
    """The mask (h, w) parted into segments, numbered from 1, by a watershed of the distance to its edge."""
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    holes = cv2.drawContours(np.zeros_like(mask), outlines, -1, 1, cv2.FILLED) - mask
    number, parts, stats, _ = cv2.connectedComponentsWithStats(holes, connectivity=4)
    small = np.flatnonzero(stats[1:number, cv2.CC_STAT_AREA] < knobs.smallest_px**2) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (knobs.opening_px, knobs.opening_px))
    whole = cv2.morphologyEx(mask | np.isin(parts, small).astype(np.uint8), cv2.MORPH_OPEN, kernel)
    distance = cv2.GaussianBlur(cv2.distanceTransform(whole, cv2.DIST_L2, 5), (0, 0), 1) * whole
    top_of = uphill(distance)
    tops = np.flatnonzero((top_of == np.arange(mask.size)) & (distance.ravel() > 0))
    number_of = np.zeros(mask.size, np.uint16)
    number_of[tops] = joined(np.stack(np.divmod(tops, mask.shape[1]), axis=1), distance.ravel()[tops], knobs)
    return number_of[top_of].reshape(mask.shape) * whole


def uphill(height: NDArray[np.float32]) -> NDArray[np.int64]:
    """(h * w,) the top that is reached from each pixel by the steepest way up."""
    rows, columns = height.shape
    steps = [(0, 0), *((down, right) for down in (-1, 0, 1) for right in (-1, 0, 1) if down or right)]
    padded = np.pad(height, 1, constant_values=-1)
    around = np.stack([padded[1 + down : 1 + down + rows, 1 + right : 1 + right + columns] for down, right in steps])
    ahead = np.array([down * columns + right for down, right in steps])
    way = np.arange(height.size) + ahead[around.argmax(axis=0)].ravel()
    while not np.array_equal(further := way[way], way):
        way = further
    return way


def joined(at: NDArray[np.int64], height: NDArray[np.float32], knobs: Knobs) -> NDArray[np.uint16]:
    """(n,) numbers from 1 of tops `at` (n, 2): one too near to a higher one has its number; 0: too low."""
    number = np.zeros(len(at), np.uint16)
    free = np.ones(len(at), bool)
    for top in np.argsort(-height, kind="stable"):
        if height[top] < knobs.smallest_px / 4:
            break
        if free[top]:
            near = free & (np.hypot(*(at - at[top]).T) < knobs.apart * height[top])
            number[near] = number.max() + 1
            free &= ~near
    return number


def measure(image: NDArray[np.uint8], numbered: NDArray[np.uint16], knobs: Knobs) -> tuple[Detections, float]:
    """The segments as particles, and their mean solidity, large ones counting for more."""
    rows, solidity, areas = [], [], []
    for number, (x, y, w, h) in boxes_of(numbered).items():
        if min(w, h) < knobs.smallest_px:
            continue
        one = (numbered[y : y + h, x : x + w] == number).astype(np.uint8)
        outline = max(cv2.findContours(one, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0], key=len)
        area = float(one.sum())
        hull = cv2.fillConvexPoly(np.zeros_like(one), cv2.convexHull(outline), 1).sum()
        large = area > LARGEST * image.size
        areas.append(area)
        solidity.append(0 if large else area / hull)
        if not large:
            (_, sides, _) = cv2.minAreaRect(outline)
            rectangularity = area / ((sides[0] + 1) * (sides[1] + 1))
            score = solidity[-1] ** knobs.solid * contrast(image, one, x, y) ** knobs.contrast
            rows.append((x, y, x + w, y + h, score, CUBE if rectangularity >= knobs.square else QUASI_SPHERE))
    table = np.array(rows, np.float32).reshape(-1, 6)
    found = Detections(table[:, :4], table[:, 4], table[:, 5].astype(np.uint16))
    side = np.sqrt(found.size.prod(axis=1))
    found = found[side >= knobs.least * typical(side)]
    return found, float(np.average(solidity, weights=areas)) if areas else 0.0


def typical(side: NDArray[np.float32]) -> float:
    """The side (n,) beside which as much area is covered by larger particles as by smaller ones."""
    ordered = np.sort(side)
    share = np.cumsum(ordered**2)
    return float(ordered[np.searchsorted(share, share[-1] / 2)]) if len(side) else 0.0


def boxes_of(numbered: NDArray[np.uint16]) -> dict[int, tuple[int, int, int, int]]:
    """x, y, width and height of each segment."""
    y, x = np.nonzero(numbered)
    order = np.argsort(numbered[y, x], kind="stable")
    numbers, start = np.unique(numbered[y, x][order], return_index=True)
    at = np.stack([x, y], axis=1)[order]
    if not len(start):
        return {}
    low, high = np.minimum.reduceat(at, start), np.maximum.reduceat(at, start) + 1
    return dict(zip(numbers.tolist(), map(tuple, np.hstack([low, high - low]).tolist()), strict=True))


def contrast(image: NDArray[np.uint8], one: NDArray[np.uint8], x: int, y: int) -> float:
    """Difference in mean grey between a segment, whose box begins at x, y, and the rim of 3 px around it; 0 to 1."""
    height, width = one.shape
    x1, y1, x2, y2 = max(x - 3, 0), max(y - 3, 0), x + width + 3, y + height + 3
    around = image[y1:y2, x1:x2]
    inside = np.zeros(around.shape, np.uint8)
    inside[y - y1 : y - y1 + height, x - x1 : x - x1 + width] = one
    rim = (cv2.dilate(inside, np.ones((7, 7))) > 0) & (inside == 0)
    return float(abs(around[inside > 0].mean() - around[rim].mean()) / 255) if rim.any() else 0.0


def ask(questions: Sequence[Question], knobs: Knobs) -> list[Judged]:
    """What is found at `knobs` in each question."""
    answers = []
    for asked in questions:
        x1, y1, x2, y2 = asked.micrograph.field
        found = find(asked.micrograph.image[y1:y2, x1:x2], knobs)
        moved = replace(found, xyxy=found.xyxy + np.array([x1, y1, x1, y1], np.float32))
        answers.append(judged_of(asked, moved))
    return answers


def assessed(judged: list[Judged], thresholds: NDArray[np.float32]) -> Evaluation:
    return pooled([Fold(judged, thresholds)])


def merit(questions: Sequence[Question], knobs: Knobs) -> float:
    """What is tuned for: both average precisions, with classes and without."""
    judged = ask(questions, knobs)
    ap50, _ = average_precision(judged, len(CLASSES))
    any_class, _ = average_precision(of_one_class(judged), 1)
    return float(ap50.mean() + any_class[0])


def tune(questions: Sequence[Question]) -> Knobs:
    """The best of `CHOICES`, knob by knob."""
    knobs = Knobs()
    known = cache(partial(merit, questions))
    for _ in range(SWEEPS):
        for name, values in CHOICES.items():
            tried = [replace(knobs, **{name: value}) for value in values]
            knobs = max(tried, key=known)
    return knobs


def without(labelled: Dataset, names: set[str]) -> Dataset:
    """The set without the pictures called so."""
    return replace(labelled, samples=tuple(sample for sample in labelled.samples if sample.image.name not in names))


def main(
    sets: Annotated[list[Path], typer.Argument(metavar="SET...", help="Labelled sets to report on.")],
    tuning: Annotated[Path, typer.Option("--tune", help="Labelled set to tune on.")],
    modality: Annotated[str | None, typer.Option(help="As in `nanotally evaluate`.")] = None,
    border_difficult: Annotated[bool, typer.Option("--border-difficult", help="As in `nanotally evaluate`.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    tuned_on = list(pictures_of(read_dataset(tuning), border_difficult=border_difficult))
    seen = {asked.path.name for asked in tuned_on}
    knobs = tune(tuned_on)
    best = best_thresholds(ask(tuned_on, knobs), CLASSES)
    thresholds = np.array([best[name] for name in CLASSES], np.float32)
    told = []
    for folder in sets:
        labelled = without(judgeable(read_dataset(folder), modality=modality), seen)
        result = assessed(ask(list(pictures_of(labelled, border_difficult=border_difficult)), knobs), thresholds)
        told.append({"model": "classical", "dataset": str(folder), "tuned_on": str(tuning)} | figures(result))
        if not as_json:
            print(f"{knobs} with {best}, tuned on {tuning}")
            print(f"on {folder} without its pictures: {result.images} images\n{text(result)}", flush=True)
    if as_json:
        print(json.dumps(told, indent=2))


if __name__ == "__main__":
    typer.run(main)
