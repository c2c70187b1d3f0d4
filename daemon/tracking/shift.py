"""The stage shift as the picture tells it: phase correlation of small copies of two frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nanotally.frame import Frame
from nanotally.opencv import cv2

SMALL_PX = 160
"""Longer side of the copy that is correlated: small enough to be quick, and the averaging takes the noise away."""

BAND = 0.25
"""Spatial frequency, cycles a pixel of the copy, at which the weight falls to 61 %: above it is mostly noise."""

SURE = 2.0
"""Least ratio of the highest peak to the next for which a shift is believed. `docs/tracking.md` says how it was set."""

LEAST_PX = 8
"""Shorter side of the smallest copy that is compared: a picture of a few lines says nothing of where it is."""

PEAK_PX = 3
"""The next peak is looked for further away than this from the highest, pixels of the copy."""

Grey = NDArray[np.float32]
Spectrum = NDArray[np.complex64]


@dataclass(frozen=True)
class Shift:
    """How far the picture has moved.

    Attributes:
        px: (2,) float64, x and y in pixels of the frame. What lay at p lies at p + px now.
        ratio: of the highest peak to the next, 1 and more.
    """

    px: NDArray[np.float64]
    ratio: float

    @property
    def sure(self) -> bool:
        """Whether the picture says this and nothing else."""
        return self.ratio >= SURE


class ShiftMeter:
    """Compares frames with one that is kept: the last whose place is known.

    Phase correlation (Kuglin and Hines 1975) with a Hann window, since the border of a frame is not what moves.
    """

    def __init__(self) -> None:
        self._kept: Spectrum | None = None
        self._latest: Spectrum | None = None
        self._shrink = 1
        self._window: Grey = np.zeros((0, 0), np.float32)
        self._weight = self._window

    def measure(self, frame: Frame) -> Shift | None:
        """Shift of `frame` against the kept one; None if there is none, or of another size, or too thin."""
        self._latest = spectrum = self._spectrum(frame)
        kept = self._kept
        if kept is None or spectrum is None or kept.shape != spectrum.shape:
            return None
        cross = spectrum * kept.conj()
        cross *= self._weight / np.maximum(np.abs(cross), 1e-9)
        at, ratio = _peak(np.fft.irfft2(cross, self._window.shape).astype(np.float32, copy=False))
        return Shift(at * self._shrink, ratio)

    def keep(self) -> None:
        """Compare with the frame measured last from now on."""
        self._kept = self._latest

    def forget(self) -> None:
        """Nothing to compare with, as after a change of the magnification."""
        self._kept = None

    def _spectrum(self, frame: Frame) -> Spectrum | None:
        """(h, w // 2 + 1) complex64, spectrum of the small copy of what `frame` shows; None where it is too thin."""
        x1, y1, x2, y2 = frame.field or (0, 0, *frame.image.shape[::-1])
        shrink = -(-max(x2 - x1, y2 - y1) // SMALL_PX)  # a whole number: resizing is quick, and pixels are pixels
        if min(x2 - x1, y2 - y1) // shrink < LEAST_PX:
            return None
        small = (_smooth((x2 - x1) // shrink), _smooth((y2 - y1) // shrink))
        if self._window.shape != small[::-1]:
            self._window = np.asarray(cv2.createHanningWindow(small, cv2.CV_32F), np.float32)
            self._weight = _low_pass(*small)
        self._shrink = shrink
        cut = frame.image[y1 : y1 + small[1] * shrink, x1 : x1 + small[0] * shrink]
        copy = cv2.resize(cut, small, interpolation=cv2.INTER_AREA).astype(np.float32)
        copy -= copy.mean()
        copy *= self._window
        return np.fft.rfft2(copy).astype(np.complex64, copy=False)


def _smooth(side: int) -> int:
    """The largest number up to `side` that is a product of twos, threes and fives: its Fourier transform is quick."""
    return next(n for n in range(side, 0, -1) if cv2.getOptimalDFTSize(n) == n)


def _low_pass(width: int, height: int) -> Grey:
    across, down = np.fft.rfftfreq(width), np.fft.fftfreq(height)[:, None]
    return np.exp(-(across**2 + down**2) / (2 * BAND**2)).astype(np.float32)


def _peak(surface: Grey) -> tuple[NDArray[np.float64], float]:
    """x, y of the highest point of a periodic surface, between pixels, and its ratio to the next peak."""
    height, width = surface.shape
    top = int(surface.argmax())
    y, x = divmod(top, width)
    highest = float(surface[y, x])
    place = np.array([x + _between(surface[y, [x - 1, x, (x + 1) % width]]),
                      y + _between(surface[[y - 1, y, (y + 1) % height], x])])  # fmt: skip
    around = np.arange(-PEAK_PX, PEAK_PX + 1)
    surface[np.ix_((y + around) % height, (x + around) % width)] = 0
    ratio = highest / max(float(surface.max()), 1e-9)
    size = np.array([width, height])
    return (place + size / 2) % size - size / 2, ratio


def _between(three: NDArray[np.float32]) -> float:
    """Where the parabola through three neighbouring points is highest, from the middle one: -0.5 to 0.5."""
    left, middle, right = map(float, three)
    bend = left - 2 * middle + right
    return float(np.clip((left - right) / (2 * bend), -0.5, 0.5)) if bend < 0 else 0.0
