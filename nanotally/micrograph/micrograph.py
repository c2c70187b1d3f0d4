"""One micrograph with all that its file says about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from tifffile import TiffFile

from nanotally.errors import MicrographError
from nanotally.micrograph import hitachi, jeol, thermofisher, zeiss
from nanotally.micrograph.databar import find_databar
from nanotally.micrograph.facts import Confidence, VendorFacts
from nanotally.micrograph.pixels import is_tiff, other_pixels, tiff_pixels, to_uint8, unreadable

VENDORS = (thermofisher.read, zeiss.read, jeol.read, hitachi.read)
"""Asked in turn; the first that knows the file answers."""


@dataclass(frozen=True, eq=False)
class Micrograph:
    """An image and what is known of it.

    Attributes:
        image: (h, w) uint8 grey, row 0 at the top, databar included.
        nm_per_px: nanometres a pixel (x, y), or None where it is not known for certain.
        pixel_size_from: where `nm_per_px` comes from ("zeiss tag 34118"), or None.
        confidence: `stated` by the instrument or `derived` from something coarser; None without a pixel size.
        field: x1 y1 x2 y2 in pixels, half-open: the specimen, without databar.
        databar_from: `metadata` or `pixels`; None if no databar was found.
        window: grey levels of the file that became 0 and 255 of `image`.
        metadata: instrument, magnification, accelerating voltage, as far as the file says.
        warnings: what in the metadata could not be believed, a sentence each.
    """

    image: NDArray[np.uint8]
    nm_per_px: tuple[float, float] | None
    pixel_size_from: str | None
    confidence: Confidence | None
    field: tuple[int, int, int, int]
    databar_from: Literal["metadata", "pixels"] | None
    window: tuple[float, float]
    metadata: Mapping[str, str]
    warnings: tuple[str, ...]


def read_micrograph(path: Path | str, *, window: tuple[float, float] | None = None) -> Micrograph:
    """Read a TIFF (first page), PNG, JPEG or BMP, with the metadata of its instrument.

    Args:
        path: the file. A sidecar of the same name is read with it.
        window: grey levels that become black and white. None: the whole range of the file's bit depth,
            never the range of its pixels, so that equal signals stay equal from frame to frame.

    Raises:
        MicrographError: if it cannot be read as an image, or its pixels have no bit depth and no `window` was
            given.
    """
    path = Path(path)
    pixels, white, facts = _read(path)
    if window is None:
        if white is None:
            raise MicrographError(f"{path}: pixels are {pixels.dtype}, which has no white; save it with 8 or 16 bits")
        window = (0, white)
    if not window[0] < window[1]:
        raise MicrographError(f"{path}: window {window} is empty; black must be below white")
    image = to_uint8(pixels, window)
    field, databar_from = _specimen(image, facts)
    warning = _contradiction(image, facts)
    believed = facts if facts is not None and warning is None else None
    return Micrograph(
        image=image,
        nm_per_px=believed.nm_per_px if believed else None,
        pixel_size_from=believed.source if believed and believed.nm_per_px else None,
        confidence=believed.confidence if believed else None,
        field=field,
        databar_from=databar_from,
        window=window,
        metadata=facts.info if facts else {},
        warnings=(warning,) if warning else (),
    )


def _read(path: Path) -> tuple[NDArray[Any], int | None, VendorFacts | None]:
    """Grey levels (h, w), the level of full white, and what the instrument says."""
    try:
        if is_tiff(path):
            with TiffFile(path) as tiff:
                return *tiff_pixels(tiff), _facts(path, tiff)
        return *other_pixels(path), _facts(path, None)
    except Exception as error:  # decoders of damaged files raise whatever they please
        raise unreadable(path, error) from error


def _facts(path: Path, tiff: TiffFile | None) -> VendorFacts | None:
    return next((facts for read in VENDORS if (facts := read(path, tiff)) is not None), None)


def _contradiction(image: NDArray[np.uint8], facts: VendorFacts | None) -> str | None:
    """Why the pixel size must not be used: an image not as wide as it was scanned has been resized or cut."""
    if facts is None or facts.scan_px is None or facts.scan_px[0] == image.shape[1]:
        return None
    return (
        f"the image is {image.shape[1]} px wide, {facts.source} says {facts.scan_px[0]}: "
        "it was resized or cut after the scan, so its pixel size is not used"
    )


def _specimen(
    image: NDArray[np.uint8], facts: VendorFacts | None
) -> tuple[tuple[int, int, int, int], Literal["metadata", "pixels"] | None]:
    """The field without databar, and what told its height.

    Metadata that knows of no databar proves nothing (Thermo Fisher writes height 0 for a bar that is there),
    so then the pixels are asked.
    """
    height, width = image.shape
    rows = 0
    if facts is not None and facts.scan_px is not None:
        rows = height - facts.scan_px[1] if facts.scan_px[0] == width else 0
    elif facts is not None and facts.databar_px is not None:
        rows = facts.databar_px
    if 0 < rows < height / 2:
        return (0, 0, width, height - rows), "metadata"
    top = find_databar(image)
    if top is not None:
        return (0, 0, width, top), "pixels"
    return (0, 0, width, height), None
