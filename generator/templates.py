"""Cutting templates from a labelled micrograph (paper section 2.3): whole particles that nothing hides, with masks."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nanotally.detections import CLASSES, area, intersection, iou
from nanotally.errors import PatternError, UsageError
from nanotally.generator.labelled import Instances, Labelled
from nanotally.generator.outline import find_outline
from nanotally.generator.pattern import LONGEST_PX
from nanotally.opencv import cv2

BORDER_PX = 1.0
"""A box that comes as near to the border of the field as this is cut by it."""
SMALLEST_PX = 8
"""Shorter side of a box below which an outline cannot be found."""
MOST_SHARED = 0.05
"""Share of a box that may lie in another one."""
LEAST_FIT = 0.7
"""Overlap (IoU) of a label with the box around its outline or its mask, below which one of the two is wrong."""
MARGIN_PX = 2
"""Room around a template, so that its edge is not cut when it is turned."""

KEPT = "template"
FATES = (KEPT, "cropped", "occluded", "unclear")
"""What can become of a label: see `cut`."""


def cut(labelled: Labelled) -> Iterator[tuple[str, NDArray[np.uint8] | None]]:
    """What becomes of each label, and the template, (h, w, 4) uint8 grey three times and alpha, if it is one.

    A label is `cropped` at the border of the field (or said to be truncated), `occluded` where it shares its box with
    another one, where its mask touches another one (or where it is said to be difficult), and `unclear` where it is
    very small or no outline fits the box.
    """
    micrograph, labels = labelled.micrograph, labelled.labels
    xyxy = labels.detections.xyxy
    low, high = np.array(micrograph.field[:2]) + BORDER_PX, np.array(micrograph.field[2:]) - BORDER_PX
    cropped = labels.truncated | (xyxy[:, :2] < low).any(axis=1) | (xyxy[:, 2:] > high).any(axis=1)
    occluded = labels.difficult | _crowded(labelled)
    for row, box in enumerate(xyxy):
        if cropped[row] or occluded[row]:
            yield ("cropped" if cropped[row] else "occluded"), None
        elif (mask := _mask(labelled, row)) is None or not _fits(mask, box):
            yield "unclear", None
        else:
            yield KEPT, _template(micrograph.image, mask)


def _crowded(labelled: Labelled) -> NDArray[np.bool_]:
    """(n,) bool, the particles that touch another one, as far as masks or boxes can tell."""
    xyxy = labelled.labels.detections.xyxy
    if labelled.instances is not None:
        return np.array([_touches(labelled.instances, row + 1) for row in range(len(xyxy))], bool)
    shared = intersection(xyxy, xyxy) * ~np.eye(len(xyxy), dtype=bool)
    return np.asarray(shared.max(axis=1, initial=0) > MOST_SHARED * area(xyxy))


def _mask(labelled: Labelled, row: int) -> NDArray[np.bool_] | None:
    """(h, w) bool, the pixels of one particle, or None if its box does not tell."""
    if labelled.instances is not None:
        return np.asarray(labelled.instances == row + 1)
    found = labelled.labels.detections[row : row + 1]
    if found.size.min() < SMALLEST_PX:
        return None
    outline = find_outline(labelled.micrograph.image, found.xyxy[0], cube=CLASSES[found.class_id[0]] == "cube")
    return outline.mask if outline.fit >= LEAST_FIT else None


def _touches(instances: Instances, number: int) -> bool:
    grown = cv2.dilate((instances == number).astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    return bool(np.isin(instances[grown], (0, number), invert=True).any())


def _fits(mask: NDArray[np.bool_], box: NDArray[np.float32]) -> bool:
    x, y, w, h = cv2.boundingRect(mask.view(np.uint8))
    return bool(min(w, h) >= SMALLEST_PX and iou([box], [[x, y, x + w, y + h]])[0, 0] >= LEAST_FIT)


def _template(image: NDArray[np.uint8], mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    x, y, w, h = cv2.boundingRect(mask.view(np.uint8))
    rows = slice(max(y - MARGIN_PX, 0), y + h + MARGIN_PX)
    columns = slice(max(x - MARGIN_PX, 0), x + w + MARGIN_PX)
    alpha = cv2.GaussianBlur(mask[rows, columns].astype(np.uint8) * 255, (0, 0), 0.7)
    grey = image[rows, columns]
    return np.dstack([grey, grey, grey, alpha])


def write_templates(labelled: Labelled, out: Path) -> Counter[str]:
    """Write the templates and their pattern file `pattern.txt` into `out`, a new or empty folder.

    Returns:
        How many labels met each of `FATES`.

    Raises:
        UsageError: if `out` holds something already.
        PatternError: if no label became a template, or something cannot be written.
    """
    height, width = labelled.micrograph.image.shape
    if max(height, width) > LONGEST_PX:
        raise PatternError(
            f"{labelled.labels.image}: {width}x{height} px; a pattern has at most {LONGEST_PX} px a side"
        )
    results = list(cut(labelled))
    counts = Counter(dict.fromkeys(FATES, 0) | Counter(fate for fate, _ in results))
    if not counts[KEPT]:
        told = ", ".join(f"{counts[fate]} {fate}" for fate in FATES[1:])
        raise PatternError(f"{labelled.labels.image}: none of {len(results)} labels became a template ({told})")
    stem = re.sub(r"[^\w.-]+", "_", Path(labelled.labels.image).stem)
    lines = [f"# cut from {stem}", f"{width} {height}", *_directives(labelled), ""]
    try:
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise UsageError(f"{out} is there already and is not an empty folder; choose another --out")
        out.mkdir(parents=True, exist_ok=True)
        for row, (_, template) in enumerate(results):
            if template is not None:
                name = f"{stem}-{row + 1:03d}.png"
                (out / name).write_bytes(cv2.imencode(".png", template)[1].tobytes())
                lines.append(f"{name} class={CLASSES[labelled.labels.detections.class_id[row]]}")
        (out / "pattern.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    except OSError as error:
        raise PatternError(f"{out}: cannot be written: {error}") from error
    return counts


def _directives(labelled: Labelled) -> Iterator[str]:
    """Pixel size, where the micrograph is calibrated; median grey level of the field outside all boxes."""
    micrograph = labelled.micrograph
    if micrograph.nm_per_px is not None:
        yield f"@nm_per_px {sum(micrograph.nm_per_px) / 2:.6g}"
    x1, y1, x2, y2 = micrograph.field
    bare = np.zeros(micrograph.image.shape, bool)
    bare[y1:y2, x1:x2] = True
    for left, top, right, bottom in labelled.labels.detections.xyxy.round().astype(int):
        bare[top:bottom, left:right] = False
    if bare.any():
        yield f"@background {np.median(micrograph.image[bare]):.0f}"
