"""What an instrument wrote beside its pixels: the common answer of all vendor modules."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Confidence = Literal["stated", "derived"]
"""`stated`: the instrument wrote the pixel size itself. `derived`: it follows from something coarser, such as
the length of a micron bar in whole pixels."""

NM_PER_UNIT = {
    "fm": 1e-6,
    "pm": 1e-3,
    "nm": 1.0,
    "um": 1e3,
    "µm": 1e3,  # micro sign
    "μm": 1e3,  # Greek mu
    "mm": 1e6,
    "m": 1e9,
}


@dataclass(frozen=True, kw_only=True)
class VendorFacts:
    """What the metadata of one file says.

    Attributes:
        source: where it was found, in a word or two ("zeiss tag 34118").
        nm_per_px: nanometres a pixel (x, y), or None where it does not say.
        confidence: how good `nm_per_px` is; None without it.
        scan_px: width and height of the scanned area in pixels, without databar, or None.
        databar_px: rows of the databar at the bottom, for metadata that has no `scan_px`.
        info: instrument, magnification, accelerating voltage: for people.
    """

    source: str
    nm_per_px: tuple[float, float] | None = None
    confidence: Confidence | None = None
    scan_px: tuple[int, int] | None = None
    databar_px: int | None = None
    info: Mapping[str, str] = field(default_factory=dict)


def positive(value: Any) -> float | None:
    """A positive finite number, given as such or as text; None for anything else."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if 0 < number < math.inf else None


def width_by_height(text: str) -> tuple[int, int] | None:
    """Two positive whole numbers out of `1280x960`, `1024 * 768` or `1280 960`; None if there are no such."""
    parts = text.replace("x", " ").replace("*", " ").split()
    if len(parts) != 2 or not all(part.isdecimal() and int(part) > 0 for part in parts):
        return None
    return int(parts[0]), int(parts[1])


def read_sidecar(image: Path) -> str | None:
    """The text file that has the image's name, or None.

    Instruments write UTF-16 with a byte order mark, UTF-8, or the code page of the country they stand in; of
    the last only the ASCII part can be relied on.
    """
    for suffix in (".txt", ".TXT"):
        sidecar = image.with_suffix(suffix)
        if sidecar.is_file():
            data = sidecar.read_bytes()
            break
    else:
        return None
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")
