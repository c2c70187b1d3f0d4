"""Drawing: boxes, counts and a scale bar on a picture, for people."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nanotally.detections import CLASSES, FLAG_MASKED, Detections
from nanotally.opencv import cv2

COLOURS_BGR = ((0, 158, 115)[::-1], (86, 180, 233)[::-1], (230, 159, 0)[::-1], (204, 121, 167)[::-1])
"""Okabe and Ito's palette, told apart by colour-blind eyes too."""
CLASS_COLOURS = {"cube": COLOURS_BGR[2], "quasi_sphere": COLOURS_BGR[1]}
INK = (255, 255, 255)
FINE = 4
"""Binary digits of a pixel that contours are drawn to."""
Picture = NDArray[np.uint8]


def class_colour(name: str, classes: Sequence[str]) -> str:
    """Colour of a class in a picture, as pages write it: #rrggbb."""
    return "#{2:02x}{1:02x}{0:02x}".format(*_colour(name, list(classes).index(name)))


def _colour(name: str, class_id: int) -> tuple[int, ...]:
    return CLASS_COLOURS.get(name, COLOURS_BGR[class_id % len(COLOURS_BGR)])


def overlay(
    image: NDArray[np.uint8],
    detections: Detections,
    *,
    classes: tuple[str, ...] = CLASSES,
    nm_per_px: float | None = None,
    contours: NDArray[np.float32] | None = None,
) -> Picture:
    """A colour copy (h, w, 3) uint8 BGR of `image` (h, w): boxes, counts and, if calibrated, a scale bar.

    Args:
        image: (h, w) uint8.
        detections: boxes in pixels of the image.
        classes: names of the class ids.
        nm_per_px: nanometres a pixel, or None.
        contours: (n, k, 2) x y in pixels, drawn in place of the boxes; one that has a NaN is none.
    """
    picture = np.asarray(cv2.cvtColor(image, cv2.COLOR_GRAY2BGR), np.uint8)
    thick = max(1, round(min(image.shape) / 500))
    if contours is None:
        contours = np.full((len(detections), 1, 2), np.nan, np.float32)
    traced = np.asarray(np.isfinite(contours).all(axis=(1, 2)))
    boxes = np.round(detections.xyxy).astype(int).tolist()
    for row in np.flatnonzero((detections.flags & FLAG_MASKED) == 0):
        class_id, box = detections.class_id[row], boxes[row]
        colour = _colour(classes[class_id], class_id)
        if traced[row]:
            points = np.rint((contours[row] - 0.5) * 2**FINE).astype(np.int32)
            cv2.polylines(picture, [points], True, colour, thick, cv2.LINE_AA, FINE)
        else:
            cv2.rectangle(picture, (box[0], box[1]), (box[2] - 1, box[3] - 1), colour, thick)
    legend = [(f"{name} {n}", CLASS_COLOURS.get(name, INK)) for name, n in detections.counts(classes).items()]
    _write_lines(picture, legend)
    if nm_per_px:
        _scale_bar(picture, nm_per_px)
    return picture


def _letters(picture: Picture) -> tuple[float, int]:
    return max(0.4, min(picture.shape[:2]) / 1100), max(1, round(min(picture.shape[:2]) / 500))


def _write_lines(picture: Picture, lines: list[tuple[str, tuple[int, int, int]]]) -> None:
    """Write coloured lines on a dark patch in the upper left corner."""
    scale, thick = _letters(picture)
    sizes = [cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, thick)[0] for text, _ in lines]
    step = round(sizes[0][1] * 1.8)
    picture[: step * len(lines) + step // 2, : max(w for w, _ in sizes) + step] //= 4
    for row, (text, colour) in enumerate(lines, start=1):
        at = (step // 2, row * step)
        cv2.putText(picture, text, at, cv2.FONT_HERSHEY_SIMPLEX, scale, colour, thick, cv2.LINE_AA)


def round_length_nm(longest_nm: float) -> float:
    """The largest of 1, 2 or 5 times a power of ten that is not longer than `longest_nm`."""
    power = 10 ** np.floor(np.log10(longest_nm))
    return float(max(step * power for step in (1, 2, 5) if step * power <= longest_nm * (1 + 1e-9)))


def _scale_bar(picture: Picture, nm_per_px: float) -> None:
    height, width = picture.shape[:2]
    length_nm = round_length_nm(width * nm_per_px / 4)
    scale, thick = _letters(picture)
    text = f"{length_nm / 1000:g} um" if length_nm >= 1000 else f"{length_nm:g} nm"
    long, margin = round(length_nm / nm_per_px), round(width * 0.02)
    (text_w, text_h), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, thick)
    x2, y2 = width - margin, height - margin
    patch_w = max(long, text_w) + margin
    picture[y2 - text_h * 3 : y2 + margin // 2, x2 - patch_w + margin // 2 : x2 + margin // 2] //= 4
    cv2.rectangle(picture, (x2 - long, y2 - 2 * thick), (x2, y2), INK, -1)
    cv2.putText(picture, text, (x2 - text_w, y2 - text_h), cv2.FONT_HERSHEY_SIMPLEX, scale, INK, thick, cv2.LINE_AA)
