"""A frame as a file: its name, and a TIFF that keeps the pixel size."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import tifffile

from nanotally.frame import Frame
from nanotally.wire import DetectionsMessage


def name_of(told: DetectionsMessage) -> str:
    """Name of what is kept of a frame, without ending: source, wall time in UTC and number."""
    return f"{told.origin.source}-{told.wall:%Y%m%dT%H%M%S%fZ}-{told.frame:06d}"


def write_picture(file: Path | BinaryIO, frame: Frame) -> None:
    """Write a frame as an uncompressed TIFF with its pixel size as ImageJ writes it, pixels a micrometre.

    That is how Fiji shows the scale, and how `nanotally.micrograph` finds it again.

    Raises:
        OSError: if the disk does not take it.
    """
    if frame.nm_per_px is None:
        tifffile.imwrite(file, frame.image, imagej=True)
        return
    x_nm, y_nm = frame.nm_per_px
    resolution = _rational(1000 / x_nm), _rational(1000 / y_nm)
    tifffile.imwrite(file, frame.image, imagej=True, resolution=resolution, metadata={"unit": "um"})


def _rational(value: float) -> tuple[int, int]:
    """The nearest fraction whose parts fit the 32 bits of TIFF; tifffile's own is off by a millionth."""
    most = 2**32 - 1
    return Fraction(value).limit_denominator(int(most / max(value, 1.0))).as_integer_ratio()
