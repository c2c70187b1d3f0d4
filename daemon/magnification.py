"""Whether a feed that does not say its pixel size still shows the magnification that it was calibrated for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from nanotally.daemon.tracking.shift import ShiftMeter
from nanotally.detections import FLAG_BORDER, FLAG_SEAM, Detections
from nanotally.frame import Frame
from nanotally.opencv import cv2

COPY_PX = 320
"""Longer side of the copy in which magnifications are compared."""
STEP = 0.06
ZOOMS = tuple(np.exp(STEP * np.arange(-18, 19)).tolist())
"""Ratios of magnification that are tried, 0.34 to 2.9: near enough to each other that one of them fits any between."""
CLOSE = tuple(np.exp([-STEP / 2, STEP / 2]).tolist())
CLEAR = 8.0
"""Ratio of the highest peak of the correlation to the next from which nothing is tried: 20 and more at the same
magnification, 1 to 3 at one that differs by 6 % and more."""
SURE = 3.0
"""The same ratio from which one of so many tries is believed: 5 and more where it is right, below 2 in pictures that
have nothing in common."""
HELD = 8
"""Frames that are compared with the same one, so that a slow zoom adds up."""
OTHER_SIZES = 0.2
"""Natural logarithm of the ratio of median sizes from which particles on other ground are of another magnification."""
ENOUGH = 20
"""Whole particles in both frames, without which their sizes say nothing."""
APART, ALIKE = 1.95, 1.36
"""Distance of two distributions (Kolmogorov and Smirnov), times the root of n m / (n + m), that chance exceeds in one
of a thousand pairs, and in one of twenty."""

Sizes = NDArray[np.float64]


class MagnificationWatch:
    """Compares the frames of one feed with one whose magnification is known.

    While the picture moves by less than a field, a change is seen in the picture. Where it has become another picture
    at once, only the sizes of the particles tell, so a change that brings particles into the picture which look as
    large as those before cannot be seen.
    """

    def __init__(self) -> None:
        self._meter = ShiftMeter()
        self._shape: tuple[int, ...] | None = None
        self._sizes: Sizes = np.empty(0)
        self._compared = 0

    def changed(self, frame: Frame, detections: Detections) -> bool:
        """Whether this live frame is of another magnification than those before; what comes is compared with it."""
        copy, sizes = _copy_of(frame), _log_sizes(detections)
        if self._shape is None:
            zoomed = False
            self._keep(copy)
        elif self._shape != frame.image.shape:
            zoomed = True
            self._keep(copy)
        else:
            zoomed = self._compare(copy, sizes)
        self._shape = frame.image.shape
        if zoomed or len(sizes) >= ENOUGH:
            self._sizes = sizes
        return zoomed

    def _compare(self, copy: Frame, sizes: Sizes) -> bool:
        same = self._likeness(copy)
        self._compared += 1
        if same >= CLEAR and self._compared < HELD:
            return False
        tries = CLOSE if same >= CLEAR else ZOOMS
        likeness, zoom = max((self._likeness(_zoomed(copy, zoom)), zoom) for zoom in tries)
        self._keep(copy)
        if max(same, likeness) < SURE:
            return _are_scaled(self._sizes, sizes)
        return likeness > same and zoom != 1

    def _likeness(self, copy: Frame) -> float:
        shift = self._meter.measure(copy)
        return 0.0 if shift is None else shift.ratio

    def _keep(self, copy: Frame) -> None:
        self._meter.measure(copy)
        self._meter.keep()
        self._compared = 0


def _copy_of(frame: Frame) -> Frame:
    """A small copy of what the frame shows of the specimen."""
    height, width = frame.image.shape
    x1, y1, x2, y2 = frame.field or (0, 0, width, height)
    scale = min(1.0, COPY_PX / max(x2 - x1, y2 - y1))
    small = max(1, round((x2 - x1) * scale)), max(1, round((y2 - y1) * scale))
    copy = cv2.resize(frame.image[y1:y2, x1:x2], small, interpolation=cv2.INTER_AREA)
    return replace(frame, image=np.asarray(copy, np.uint8), field=None)


def _zoomed(copy: Frame, zoom: float) -> Frame:
    """The copy as it would look if the magnification were less by `zoom`; a zoom is about the middle."""
    height, width = copy.image.shape
    middle = np.array([(width - 1) / 2, (height - 1) / 2]) * (1 - 1 / zoom)
    matrix = np.array([[1 / zoom, 0, middle[0]], [0, 1 / zoom, middle[1]]])
    grey = float(copy.image.mean())
    image = cv2.warpAffine(copy.image, matrix, (width, height), borderMode=cv2.BORDER_CONSTANT, borderValue=grey)
    return replace(copy, image=np.asarray(image, np.uint8))


def _log_sizes(detections: Detections) -> Sizes:
    """(n,) rising, natural logarithms of the sizes of whole particles in pixels."""
    whole = detections.size[(detections.flags & (FLAG_BORDER | FLAG_SEAM)) == 0]
    return np.sort(np.log(np.maximum(whole.astype(np.float64).prod(axis=1), 1e-6)) / 2)


def _are_scaled(before: Sizes, now: Sizes) -> bool:
    """Whether two samples of logarithms of sizes are of the same particles at two magnifications."""
    if min(len(before), len(now)) < ENOUGH:
        return False
    step = float(np.median(now) - np.median(before))
    return abs(step) >= OTHER_SIZES and _distance(before, now) > APART and _distance(before + step, now) < ALIKE


def _distance(one: Sizes, other: Sizes) -> float:
    """Of two samples (n,) and (m,), rising: largest difference of their shares, times the root of n m / (n + m)."""
    places = np.concatenate([one, other])
    shares = [np.searchsorted(sample, places, side="right") / len(sample) for sample in (one, other)]
    n, m = len(one), len(other)
    return float(np.abs(shares[0] - shares[1]).max() * np.sqrt(n * m / (n + m)))
