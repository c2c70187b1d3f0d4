"""What an instrument wrote beside its pixels: the common answer of all vendor modules."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring
from tifffile import TiffFile

Confidence = Literal["stated", "derived"]
"""`stated`: the instrument wrote the pixel size itself. `derived`: it follows from something coarser, such as
the length of a micron bar in whole pixels."""

NM_PER_UNIT = {
    "fm": 1e-6,
    "pm": 1e-3,
    "\N{LATIN CAPITAL LETTER A WITH RING ABOVE}": 0.1,
    "\N{ANGSTROM SIGN}": 0.1,
    "angstrom": 0.1,
    "nm": 1.0,
    "nanometer": 1.0,
    "um": 1e3,
    "µm": 1e3,  # micro sign
    "μm": 1e3,  # Greek mu
    "micron": 1e3,
    "microns": 1e3,
    "micrometer": 1e3,
    "mm": 1e6,
    "m": 1e9,
}
"""Units that lengths on a specimen are given in. Inch and centimetre are not among them: those are of print."""
FINEST_NM, COARSEST_NM = 1e-3, 1e4
"""Pixels that an electron microscope can have. Coarser ones are of print (2400 dpi is 10.6 µm) or a unit misread."""


@dataclass(frozen=True, kw_only=True)
class VendorFacts:
    """What one source, a tag or a sidecar, says of a picture.

    Attributes:
        source: where it was found, in a word or two ("zeiss tag 34118").
        nm_per_px: nanometres a pixel (x, y), or None where it does not say.
        confidence: how good `nm_per_px` is; None without it.
        scan_px: width and height of the scanned area in pixels, without databar, or None.
        databar_px: rows of the databar at the bottom, for metadata that has no `scan_px`.
        doubt: why no source at all is to be believed about this picture's scale, a sentence; None if nothing
            speaks against it.
        remark: what a person should know otherwise, a sentence, or None.
        info: instrument, magnification, accelerating voltage: for people.
    """

    source: str
    nm_per_px: tuple[float, float] | None = None
    confidence: Confidence | None = None
    scan_px: tuple[int, int] | None = None
    databar_px: int | None = None
    doubt: str | None = None
    remark: str | None = None
    info: Mapping[str, str] = field(default_factory=dict)


def positive(value: Any) -> float | None:
    """A positive finite number, given as such or as text; None for anything else."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if 0 < number < math.inf else None


def whole(value: Any) -> int | None:
    """A positive whole number, given as such or as text; None for anything else."""
    number = positive(value)
    return int(number) if number is not None and number.is_integer() else None


def length_nm(value: Any, unit: Any) -> float | None:
    """A length in nanometres; None if the value is not positive or the unit none of `NM_PER_UNIT`."""
    number = positive(value)
    factor = NM_PER_UNIT.get(str(unit).strip())
    return number * factor if number and factor else None


def both_axes(x_nm: float | None, y_nm: float | None) -> tuple[float, float] | None:
    """Pixel size (x, y) out of what is known of each axis; pixels of which only x is known are square."""
    return (x_nm, y_nm or x_nm) if x_nm else None


def width_by_height(text: str) -> tuple[int, int] | None:
    """Two positive whole numbers out of `1280x960`, `1024 * 768` or `1280 960`; None if there are no such."""
    parts = text.replace("x", " ").replace("*", " ").split()
    if len(parts) != 2 or not all(part.isdecimal() and int(part) > 0 for part in parts):
        return None
    return int(parts[0]), int(parts[1])


def tag_bytes(tiff: TiffFile | None, code: int) -> bytes | None:
    """A tag of the first page as bytes, text in UTF-8; None if it is missing or empty, or holds numbers."""
    value = tiff.pages[0].tags.valueof(code) if tiff is not None else None
    if isinstance(value, str):
        value = value.encode("utf-8", errors="replace")
    return value if isinstance(value, bytes) and value else None


def parse_xml(text: bytes) -> Element | None:
    """The root of an XML document in UTF-8, whatever it says of its encoding; None if it is none or means harm.

    Documents in tags were often made as UTF-16 and say so still.
    """
    try:
        root: Element = fromstring(text.decode("utf-8-sig", errors="replace").strip(" \t\r\n\0"))
    except (ParseError, DefusedXmlException, ValueError):
        return None
    return root
