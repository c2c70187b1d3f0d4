"""Zeiss SmartSEM: TIFF tag 34118."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tifffile import TiffFile

from nanotally.micrograph.facts import NM_PER_UNIT, VendorFacts, positive, width_by_height

BLOCK_WIDTH_PX = 1024
"""Width of the store that the unnamed block's pixel size is for, whatever the width of the file."""


def read(path: Path, tiff: TiffFile | None) -> VendorFacts | None:
    """Facts from the Zeiss tag of `tiff`; None if it has none. `path` is not looked at."""
    metadata: Mapping[str, Any] | None = tiff.sem_metadata if tiff is not None else None
    if tiff is None or not metadata:
        return None
    nm = _pixel_size_nm(metadata, tiff.pages[0].imagewidth)
    return VendorFacts(
        source="zeiss tag 34118",
        nm_per_px=(nm, nm) if nm else None,
        confidence="stated" if nm else None,
        scan_px=width_by_height(_text(metadata, "dp_image_store")),
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


def _pixel_size_nm(metadata: Mapping[str, Any], width_px: int) -> float | None:
    """Pixel size by name, with the further digits of the unnamed block where the two agree.

    `ap_pixel_size` is not used: it is the pixel of the screen, wrong for some stores (HyperSpy PR 2056).
    """
    entry = metadata.get("ap_image_pixel_size", ())
    if len(entry) != 3 or entry[2] not in NM_PER_UNIT:
        return None
    value = positive(entry[1])
    if value is None:
        return None
    named = value * NM_PER_UNIT[entry[2]]
    block = metadata.get("", ())
    block_m = positive(block[3]) if len(block) > 3 else None
    exact = block_m * 1e9 * BLOCK_WIDTH_PX / width_px if block_m else math.nan
    return exact if math.isclose(exact, named, rel_tol=5e-3) else named
