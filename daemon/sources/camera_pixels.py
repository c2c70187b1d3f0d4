"""From a V4L2 buffer to grey, by the FOURCC of its format (kernel documentation, "Image Formats")."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nanotally.daemon.sources.grey import to_grey
from nanotally.opencv import cv2

Lines = NDArray[np.uint8]
Image = NDArray[np.uint8]


class Packing(NamedTuple):
    """How a format lies in memory: bytes of a pixel in the first plane, and what makes grey of its lines.

    Attributes:
        pixel_bytes: in a line of the first plane.
        to_grey: makes (h, w) of the first plane's bytes (h, pixel_bytes * w).
        bits: of a sample.
    """

    pixel_bytes: int
    to_grey: Callable[[Lines], Image]
    bits: int = 8


def _words(bits: int) -> Packing:
    """Grey samples of 16 bits little-endian, the lower `bits` of them used."""
    return Packing(2, lambda lines: to_grey(lines.view("<u2"), bits=bits), bits)


def _colour(order: slice) -> Packing:
    """Three bytes a pixel, red, green, blue when taken in `order`."""
    return Packing(3, lambda lines: to_grey(lines.reshape(len(lines), -1, 3)[..., order], bits=8))


LUMA_ONLY = Packing(1, np.array)
"""Grey, or the plane of luma that the planes of colour follow."""

PACKINGS = {
    "GREY": LUMA_ONLY,
    "Y10 ": _words(10),
    "Y12 ": _words(12),
    "Y16 ": _words(16),
    "YUYV": Packing(2, lambda lines: lines[:, 0::2].copy()),
    "UYVY": Packing(2, lambda lines: lines[:, 1::2].copy()),
    "NV12": LUMA_ONLY,
    "YU12": LUMA_ONLY,
    "RGB3": _colour(slice(None)),
    "BGR3": _colour(slice(None, None, -1)),
}
COMPRESSED = ("MJPG", "JPEG")
JPEG_END = b"\xff\xd9"
DECODERS = (*PACKINGS, *COMPRESSED)
"""Formats that can be read, by FOURCC. Luma stays as the camera gave it, 16 to 235 or 0 to 255."""


def bits_of(layout: Any) -> int:
    """Bits of a sample, from the layout as of `decode`."""
    packing = PACKINGS.get(layout.pixel_format.human_str())
    return 8 if packing is None else packing.bits


def decode(data: bytes, layout: Any) -> Image | None:
    """Grey (h, w) uint8 of a buffer; None if it is damaged.

    Args:
        data: what is in the buffer.
        layout: `width`, `height`, `bytes_per_line` and `pixel_format`, as linuxpy gives them.
    """
    fourcc = layout.pixel_format.human_str()
    raw = np.frombuffer(data, np.uint8)
    if fourcc in COMPRESSED:
        # OpenCV fills a picture that was cut off with grey and says nothing.
        whole = data.rstrip(b"\0").endswith(JPEG_END)
        image = cv2.imdecode(raw, cv2.IMREAD_GRAYSCALE) if whole else None
        fits = image is not None and image.shape == (layout.height, layout.width)
        return np.asarray(image, np.uint8) if fits else None
    packing = PACKINGS[fourcc]
    used = packing.pixel_bytes * layout.width
    stride = max(layout.bytes_per_line, used)
    if raw.size < stride * (layout.height - 1) + used:
        return None
    lines = np.lib.stride_tricks.as_strided(raw, (layout.height, used), (stride, 1))
    return packing.to_grey(np.ascontiguousarray(lines))
