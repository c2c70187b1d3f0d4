"""Zeiss SmartSEM: TIFF tag 34118."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tifffile import TiffFile

from nanotally.micrograph.facts import Confidence, VendorFacts, both_axes, length_nm, positive, width_by_height

BLOCK_WIDTH_PX = 1024
"""Width of the store that the unnamed block's pixel size is for, whatever the width of the file."""
ROUNDED = 5e-3
"""The named values are rounded to four digits."""


def read(path: Path, tiff: TiffFile | None) -> VendorFacts | None:
    """Facts from the Zeiss tag of `tiff`; None if it has none. `path` is not looked at.

    `ap_pixel_size` is not used: it is the pixel of the screen, wrong for some stores (HyperSpy PR 2056).
    """
    metadata: Mapping[str, Any] | None = tiff.sem_metadata if tiff is not None else None
    if tiff is None or not metadata:
        return None
    width_px = tiff.pages[0].imagewidth
    named = _named_nm(metadata, "ap_image_pixel_size")
    field = _named_nm(metadata, "ap_width")
    by_field = field / width_px if field else None
    block = metadata.get("", ())
    block_m = positive(block[3]) if len(block) > 3 else None
    by_block = block_m * 1e9 * BLOCK_WIDTH_PX / width_px if block_m else None
    nm_per_px, confidence = _pixel_size(named, by_block, by_field)
    return VendorFacts(
        source="zeiss tag 34118",
        nm_per_px=nm_per_px,
        confidence=confidence,
        scan_px=width_by_height(_text(metadata, "dp_image_store")),
        doubt=_doubt(metadata, named, by_field),
        info={
            name: value
            for name, key in (
                ("instrument", "dp_sem"),
                ("magnification", "ap_mag"),
                ("accelerating_voltage", "ap_actualkv"),
            )
            if (value := _text(metadata, key))
        },
    )


def _text(metadata: Mapping[str, Any], key: str) -> str:
    """`10.0 kV` from an entry (name, value, unit), whose unit may be missing."""
    return " ".join(str(part) for part in metadata.get(key, ())[1:])


def _named_nm(metadata: Mapping[str, Any], key: str) -> float | None:
    entry = metadata.get(key, ())
    return length_nm(entry[1], entry[2]) if len(entry) == 3 else None


def _pixel_size(
    named: float | None, by_block: float | None, by_field: float | None
) -> tuple[tuple[float, float] | None, Confidence | None]:
    """As named, with the further digits of the block where the two agree.

    Old versions do not name it; there the block is believed if the width of the field says the same.
    """
    if named:
        exact = by_block if by_block and math.isclose(by_block, named, rel_tol=ROUNDED) else named
        return both_axes(exact, None), "stated"
    if by_block and by_field and math.isclose(by_block, by_field, rel_tol=ROUNDED):
        return both_axes(by_block, None), "derived"
    return None, None


def _doubt(metadata: Mapping[str, Any], named: float | None, by_field: float | None) -> str | None:
    if _text(metadata, "dp_fib_imaging") == "FIB":
        return "the picture is the ion beam's, the stated pixel size may be the electron beam's"
    if named and by_field and not math.isclose(named, by_field, rel_tol=4 * ROUNDED):
        return f"a pixel is stated as {named:.4g} nm, but is {by_field:.4g} nm by the width of the field"
    return None
