"""One micrograph with all that its file says about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from tifffile import TiffFile

from nanotally.errors import MicrographError
from nanotally.micrograph import (
    gatan,
    hitachi,
    imagej,
    jeol,
    olympus,
    ome,
    phenom,
    png,
    point_electronic,
    tescan,
    thermofisher,
    zeiss,
)
from nanotally.micrograph.calibration import calibrate
from nanotally.micrograph.facts import Confidence, VendorFacts
from nanotally.micrograph.pixels import (
    is_tiff,
    other_pixels,
    reason,
    remarks_on_depth,
    tiff_pixels,
    to_uint8,
    unreadable,
)
from nanotally.micrograph.specimen import find_specimen

Reader = Callable[[Path, TiffFile | None], VendorFacts | None]

VENDORS: Mapping[str, Reader] = {
    "thermofisher tag 34682": thermofisher.read,
    "thermofisher tag 34683": thermofisher.read_xml,
    "phenom": phenom.read,
    "zeiss tag 34118": zeiss.read,
    "tescan tag 50431": tescan.read,
    "tescan sidecar": tescan.read_header,
    "jeol sidecar": jeol.read,
    "hitachi sidecar": hitachi.read,
    "hitachi tag 40092": hitachi.read_comment,
    "point electronic xmp": point_electronic.read,
    "olympus tags": olympus.read,
    "gatan tags": gatan.read,
    "ome-xml": ome.read,
    "imagej description": imagej.read,
    "png text": png.read,
}
"""All are asked, the most trusted first: instruments before programs that others' pictures pass through."""


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
        warnings: what could not be believed, and what else a person should know, a sentence each.
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
    rows, databar_from, objection = find_specimen(image, facts)
    calibration = calibrate([*facts, objection] if objection else facts, image.shape[1])
    return Micrograph(
        image=image,
        nm_per_px=calibration.nm_per_px,
        pixel_size_from=calibration.source,
        confidence=calibration.confidence,
        field=(0, 0, image.shape[1], rows),
        databar_from=databar_from,
        window=window,
        metadata={key: value for fact in reversed(facts) for key, value in fact.info.items()},
        warnings=(*calibration.warnings, *remarks_on_depth(pixels, window)),
    )


def _read(path: Path) -> tuple[NDArray[Any], int | None, list[VendorFacts]]:
    """Grey levels (h, w), the level of full white, and what is said about them."""
    try:
        if is_tiff(path):
            with TiffFile(path) as tiff:
                return *tiff_pixels(tiff), _facts(path, tiff)
        return *other_pixels(path), _facts(path, None)
    except Exception as error:  # decoders of damaged files raise whatever they please
        raise unreadable(path, error) from error


def _facts(path: Path, tiff: TiffFile | None) -> list[VendorFacts]:
    answers = [_ask(source, read, path, tiff) for source, read in VENDORS.items()]
    return [facts for facts in answers if facts is not None]


def _ask(source: str, read: Reader, path: Path, tiff: TiffFile | None) -> VendorFacts | None:
    """What one source says. A damaged one is no reason to lose the picture, only its pixel size."""
    try:
        return read(path, tiff)
    except Exception as error:  # noqa: BLE001 - decoders again
        return VendorFacts(source=source, doubt=f"cannot be read ({reason(error)})")
