"""From the detector's signal to eight bits, and what publishing does to them afterwards."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nanotally.generator.bodies import Image
from nanotally.opencv import cv2

BLACK, WHITE = 0.08, 0.95
"""Grey to which an automatic microscope brings the darkest and the brightest of the signal."""
STRONGEST = 6.0
"""Greatest gain that it uses: an empty field stays dull."""


@dataclass(frozen=True, kw_only=True)
class Display:
    """The knobs of the video amplifier.

    Attributes:
        contrast: gain.
        brightness: offset, as a share of white.
        gamma: exponent of the display curve.
        automatic: True where the microscope first brings all but the outermost half per cent of the signal from
            `BLACK` to `WHITE`, as operators do too; contrast and brightness then act about medium grey.
    """

    contrast: float = 1.0
    brightness: float = 0.0
    gamma: float = 1.0
    automatic: bool = False


@dataclass(frozen=True, kw_only=True)
class Publication:
    """What happened to the picture after it was recorded.

    Attributes:
        rescale: factor by which it was shrunk before it was blown up again; 1: not at all.
        jpeg_quality: 1 to 100; 0: never compressed.
    """

    rescale: float = 1.0
    jpeg_quality: int = 0


def adjusted(signal: Image, display: Display) -> Display:
    """The knobs as they stand for this signal: unchanged where they are not automatic."""
    if not display.automatic:
        return display
    low, high = (float(q) for q in np.percentile(signal[::5, ::5], [0.5, 99.5]))
    gain = min((WHITE - BLACK) / max(high - low, 1e-3), STRONGEST)
    offset = 0.5 * (BLACK + WHITE) - gain * 0.5 * (low + high)
    brightness = (offset - 0.5) * display.contrast + 0.5 + display.brightness
    return replace(display, contrast=gain * display.contrast, brightness=brightness, automatic=False)


def show(signal: Image, display: Display) -> Image:
    """Grey (h, w) float32, 0 black to 1 white."""
    shown = signal * np.float32(display.contrast) + np.float32(display.brightness)
    np.clip(shown, 0, 1, out=shown)
    if display.gamma != 1:
        shown = cv2.pow(shown, display.gamma)
    return np.asarray(shown, np.float32)


def digitise(grey: Image) -> NDArray[np.uint8]:
    """Eight bits of grey 0 to 1, rounded."""
    return np.asarray(cv2.convertScaleAbs(grey, alpha=255), np.uint8)


def publish(image: NDArray[np.uint8], publication: Publication) -> NDArray[np.uint8]:
    """The picture as it is found in print, of the same size."""
    height, width = image.shape
    if publication.rescale != 1:
        size = round(width * publication.rescale), round(height * publication.rescale)
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        image = np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)
    if publication.jpeg_quality:
        _, packed = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, publication.jpeg_quality])
        image = np.asarray(cv2.imdecode(packed, cv2.IMREAD_GRAYSCALE), np.uint8)
    return image
