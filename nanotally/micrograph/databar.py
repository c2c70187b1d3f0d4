"""Where the databar begins, found in the pixels alone.

A specimen is never flat: noise spreads its grey levels. A databar is drawn: one level fills it from side to
side, letters stand in it, and it begins between two rows.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SEARCHED = 0.3
"""Share of the height, from the bottom, in which a databar may begin."""
BELOW = 0.06
"""Share of the height that may lie below the databar: old FEI software draws it inside the image."""
SMALLEST_PX = 8
FLAT, ROUGH = 6, 12
"""Grey levels about the fill that are still fill: within a few rows; over the whole bar, which may shade."""
INK = 60
"""Grey levels between the fill and the letters."""
FRAME_STEP = 20
"""Grey levels between the means of rows so near each other that no specimen shows it."""
LETTER_STROKES = 12
"""Strokes that the densest row of letters has; the label of a scale bar has about six."""
COLUMNS = 16
MOST_COLUMNS = 0.7
"""Vertical strips, and the share of them that must change where the databar begins."""
TEXTURE_RATIO = 2
"""Of the standard deviations above and below, where specimen and drawing meet."""


def find_databar(image: NDArray[np.uint8]) -> int | None:
    """First row of the databar at the bottom of a grey image (h, w) uint8, or None where there is no databar.

    Only a bar filled nearly black or nearly white is one. Scale bars, panel letters and text drawn onto the
    specimen are not databars.
    """
    height, width = image.shape
    if width < COLUMNS:
        return None
    for top in range(int(height * (1 - SEARCHED)), height - SMALLEST_PX):
        margin = image[top : top + 4]
        fill = _commonest(margin, FLAT)
        if 80 < fill < 200 or _share(image[top], fill, ROUGH) < 0.75:
            continue
        if not _begins(image[top - 5 : top - 2], margin, fill):
            continue
        bottom = _bottom(image, top)
        if bottom is not None and _has_letters(image[top:bottom], fill):
            return _outer_edge(image, top)
    return None


def changes_at(image: NDArray[np.uint8], row: int) -> bool:
    """True if a grey image (h, w) uint8 is another thing from `row` on, in level or in texture, most of its width."""
    if not 6 <= row <= image.shape[0] - 6 or image.shape[1] < COLUMNS:
        return False
    changes = []
    for above, below in zip(
        np.array_split(image[row - 6 : row - 1], COLUMNS, axis=1),
        np.array_split(image[row + 1 : row + 6], COLUMNS, axis=1),
        strict=True,
    ):
        step = abs(float(above.mean()) - float(below.mean()))
        rougher = (1 + float(above.std())) / (1 + float(below.std()))
        changes.append(step > FRAME_STEP or not 1 / TEXTURE_RATIO < rougher < TEXTURE_RATIO)
    return sum(changes) >= MOST_COLUMNS * COLUMNS


def _commonest(pixels: NDArray[np.uint8], tolerance: int) -> int:
    """The grey level that has most pixels within `tolerance`."""
    counts = np.bincount(pixels.ravel(), minlength=256)
    return int(np.convolve(counts, np.ones(2 * tolerance + 1), "same").argmax())


def _share(pixels: NDArray[np.uint8], level: int, tolerance: int) -> float:
    return float((np.abs(pixels.astype(np.int16) - level) <= tolerance).mean())


def _begins(above: NDArray[np.uint8], margin: NDArray[np.uint8], fill: int) -> bool:
    """True if the fill sets in between `above` and `margin`, over most of the width."""
    gains = np.array(
        [
            _share(below, fill, FLAT) - _share(over, fill, FLAT)
            for over, below in zip(
                np.array_split(above, COLUMNS, axis=1), np.array_split(margin, COLUMNS, axis=1), strict=True
            )
        ]
    )
    return bool(gains.mean() >= 0.3 and (gains > 0.2).mean() >= MOST_COLUMNS)


def _bottom(image: NDArray[np.uint8], top: int) -> int | None:
    """Row after the last of the bar that begins at `top`; None if it ends far above the end of the image."""
    height = image.shape[0]
    rows = image[top:].astype(np.int16)
    fill = _commonest(image[top : top + max(SMALLEST_PX, height // 50)], ROUGH)
    flat = (np.abs(rows - fill) <= ROUGH).mean(axis=1) >= 0.4
    # A few rows may be lines drawn across the bar.
    mostly_flat = np.cumsum(flat) >= 0.9 * np.arange(1, len(flat) + 1)
    bottom = top + int(np.flatnonzero(mostly_flat)[-1]) + 1 if mostly_flat.any() else top
    if bottom - top < SMALLEST_PX or bottom < height - max(3, BELOW * height):
        return None
    return bottom


def _has_letters(bar: NDArray[np.uint8], fill: int) -> bool:
    """True if strokes that stand out from the fill cover a little of the bar, many of them side by side."""
    ink = np.abs(bar.astype(np.int16) - fill) >= INK
    strokes = (ink[:, 1:] & ~ink[:, :-1]).sum(axis=1)
    return bool(0.004 <= ink.mean() <= 0.45 and strokes.max() >= LETTER_STROKES)


def _outer_edge(image: NDArray[np.uint8], top: int) -> int:
    """First row of the bar together with what lies between it and the specimen: a frame line, or blur."""
    specimen, *between = image[top - 5 : top].mean(axis=1)
    for row in reversed(between):
        if abs(row - specimen) < FRAME_STEP:
            break
        top -= 1
    return top
