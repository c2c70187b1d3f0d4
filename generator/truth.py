"""The truth about a micrograph: which particles are in it, and which pixels show them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nanotally.detections import Detections
from nanotally.generator.bodies import Image
from nanotally.generator.placement import Placed
from nanotally.opencv import cv2

Instances = NDArray[np.int32]
LEAST_VISIBLE = 0.25
"""Visible share below which a particle is not labelled: nobody could say what it is."""
DIFFICULT_BELOW = 0.5
"""Visible share below which a label is marked difficult."""
RIM_PX = 3
"""Distance across a rim over which its step in brightness is taken."""
FAINTEST = 4 / 255
"""Smallest step in grey that counts."""
CLUTTER = 1.5
"""Steps of the substrate's texture beyond which one is taken for a rim: of normal ones 13 % are as large."""
LEAST_RIM = 0.4
"""Share of a rim that must show a step."""


@dataclass(frozen=True)
class Truth:
    """What is really in a micrograph, one row a labelled particle.

    Attributes:
        detections: boxes tight to the visible mask, score 1.
        instances: (h, w) int32, 0 substrate, i + 1 the pixels where row i of `detections` is seen.
        visible: (n,) float32, share of the particle's mask that is seen.
        truncated: (n,) bool, cut by the border of the field.
        difficult: (n,) bool, visible share below `DIFFICULT_BELOW`.
        size_px: (n,) float32, edge length of a cube, equivalent circular diameter of a quasi-sphere.
        identity: (n,) int32, number of the particle in the order of placing.
    """

    detections: Detections
    instances: Instances
    visible: NDArray[np.float32]
    truncated: NDArray[np.bool_]
    difficult: NDArray[np.bool_]
    size_px: NDArray[np.float32]
    identity: NDArray[np.int32]


def truth_of(
    placed: list[Placed],
    hidden: NDArray[np.bool_],
    *,
    bar_px: int = 0,
    shift_px: NDArray[np.float32] | None = None,
    least_visible: float = LEAST_VISIBLE,
) -> Truth:
    """Exact labels from the masks: what lies on top hides what lies below.

    Args:
        placed: in order of depth.
        hidden: (h, w) bool, pixels in which no particle can be seen.
        bar_px: rows at the bottom that are databar: no particle reaches into it.
        shift_px: (2, h) where the beam really was, x and y against each line's place.
        least_visible: share of a particle's mask that must be seen for a label.
    """
    height, width = hidden.shape[0] - bar_px, hidden.shape[1]
    top = np.zeros(hidden.shape, np.int32)
    for number, spot in enumerate(placed, start=1):
        at, part = spot.windows(height, width)
        np.copyto(top[at], number, where=spot.sprite.mask[part])
    margin = 0
    if shift_px is not None:
        top, margin = _displaced(top, shift_px), int(np.ceil(np.abs(shift_px).max()))
    top[hidden] = 0
    top[height:] = 0
    rows, instances = [], np.zeros(hidden.shape, np.int32)
    for number, spot in enumerate(placed, start=1):
        if spot.sprite.class_id is None:
            continue
        at, part = spot.windows(height, width)
        at = (
            slice(max(at[0].start - margin, 0), min(at[0].stop + margin, height)),
            slice(max(at[1].start - margin, 0), min(at[1].stop + margin, width)),
        )
        seen = top[at] == number
        whole, on_field = np.count_nonzero(spot.sprite.mask), np.count_nonzero(spot.sprite.mask[part])
        visible = min(float(np.count_nonzero(seen)) / max(float(whole), 1.0), 1.0)
        if visible == 0 or visible < least_visible:
            continue
        x, y, w, h = cv2.boundingRect(seen.view(np.uint8))
        x, y = x + at[1].start, y + at[0].start
        cut = on_field < whole or (margin and (min(x, y) == 0 or x + w == width or y + h == height))
        rows.append((x, y, x + w, y + h, spot.sprite.class_id, visible, cut, spot.sprite.size_px, number - 1))
        np.copyto(instances[:height][at], len(rows), where=seen)
    table = np.array(rows, np.float32).reshape(-1, 9)
    return Truth(
        detections=Detections(table[:, :4], class_id=table[:, 4].astype(np.uint16)),
        instances=instances,
        visible=table[:, 5],
        truncated=table[:, 6] > 0,
        difficult=table[:, 5] < DIFFICULT_BELOW,
        size_px=table[:, 7],
        identity=table[:, 8].astype(np.int32),
    )


def _displaced(instances: Instances, shift_px: NDArray[np.float32]) -> Instances:
    """The map (h, w) as a beam sees it that was `shift_px` (2, h) beside every line's place."""
    height, width = instances.shape
    lines = _mirrored(np.arange(height) + shift_px[1], height).tolist()
    first, reach = np.rint(shift_px[0]).astype(int), int(np.ceil(np.abs(shift_px[0]).max()))
    wide = cv2.copyMakeBorder(instances, 0, 0, reach, reach, cv2.BORDER_REFLECT)
    seen = np.empty_like(instances)
    for at, (line, start) in enumerate(zip(lines, (first + reach).tolist(), strict=True)):
        seen[at] = wide[line, start : start + width]
    return seen


def _mirrored(place: NDArray[np.floating], size: int) -> NDArray[np.intp]:
    """Whole pixels, mirrored at the borders as the scan's picture is."""
    pixel = np.rint(place).astype(np.intp)
    pixel = np.where(pixel < 0, -1 - pixel, pixel)
    return np.asarray(np.clip(np.where(pixel >= size, 2 * size - 1 - pixel, pixel), 0, size - 1))


def without_unseen(truth: Truth, expected: Image, noise: float, *, clutter: float = 0.0) -> Truth:
    """The truth without particles that nobody could point at: saturated, or as bright as what lies around them.

    A particle is seen by its rim. A step along it counts where it is at least `FAINTEST`, and five times the noise of
    what the eye averages (Rose 1948), here the pixels of the rim, and `CLUTTER` times the steps of the bare
    substrate's own texture; a share `LEAST_RIM` of the rim must show one.

    Args:
        truth: from the masks.
        expected: (h, w) float32, the picture without noise, grey 0 to 1.
        noise: standard deviation of the noise, in the same grey.
        clutter: standard deviation of the steps over `RIM_PX` on the bare substrate, in the same grey.
    """
    n = len(truth.detections)
    ids, steps = _rims(truth.instances, expected)
    length = np.bincount(ids, minlength=n + 1)
    least = np.maximum(max(FAINTEST, CLUTTER * clutter), 5 * noise / np.sqrt(np.maximum(length, 1)))
    shown = np.bincount(ids[steps >= least[ids]], minlength=n + 1)
    keep = (shown >= LEAST_RIM * length)[1:]
    if keep.all():
        return truth
    number = np.concatenate([[0], np.where(keep, np.cumsum(keep), 0)]).astype(np.int32)
    rows = {name: getattr(truth, name)[keep] for name in ("visible", "truncated", "difficult", "size_px", "identity")}
    return Truth(detections=truth.detections[keep], instances=number[truth.instances], **rows)


def _rims(instances: Instances, expected: Image) -> tuple[NDArray[np.int32], Image]:
    """Every pair of pixels across a rim, twice: once for the instance on either side; and its step in grey."""
    ids, steps = [], []
    for near, far in (((slice(RIM_PX, None), slice(None)), (slice(-RIM_PX), slice(None))),
                      ((slice(None), slice(RIM_PX, None)), (slice(None), slice(-RIM_PX)))):  # fmt: skip
        at = np.flatnonzero(instances[near] != instances[far])
        step = np.abs(expected[near].ravel()[at] - expected[far].ravel()[at])
        ids += [instances[near].ravel()[at], instances[far].ravel()[at]]
        steps += [step, step]
    return np.concatenate(ids), np.concatenate(steps)
