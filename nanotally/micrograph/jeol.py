"""JEOL: a sidecar `.txt` of lines `$KEY value`."""

from __future__ import annotations

import re
from pathlib import Path

from tifffile import TiffFile

from nanotally.micrograph.facts import VendorFacts, both_axes, length_nm, positive, width_by_height
from nanotally.micrograph.sidecars import read_sidecar


def read(path: Path, tiff: TiffFile | None) -> VendorFacts | None:
    """Facts from the sidecar of `path`; None if there is none of JEOL's. `tiff` is not looked at."""
    text = read_sidecar(path, ".txt")
    if text is None or "$CM_FULL_SIZE" not in text:
        return None
    values = {}
    for line in text.splitlines():
        key, _, value = line.partition(" ")
        values[key.lstrip("$")] = value.strip()
    nm_per_px = both_axes(_pixel_size_nm(values), None)
    kilovolts = positive(values.get("CM_ACCEL_VOLT"))
    return VendorFacts(
        source="jeol sidecar",
        nm_per_px=nm_per_px,
        confidence="derived" if nm_per_px else None,
        scan_px=width_by_height(values["CM_FULL_SIZE"]),
        info={
            name: value
            for name, value in (
                ("instrument", values.get("CM_INSTRUMENT", "")),
                ("magnification", values.get("CM_MAG", "")),
                ("accelerating_voltage", f"{kilovolts:g} kV" if kilovolts else ""),
            )
            if value
        },
    )


def _pixel_size_nm(values: dict[str, str]) -> float | None:
    """Length that the micron bar stands for ("100nm", "10µm") over its length in whole pixels.

    The sidecars of newer instruments lack the latter. Their magnification is not asked: whether it is that of a
    photograph or that of a screen, they do not say.
    """
    marker = re.fullmatch(r"([\d.]+)\s*(\S+)", values.get("SM_MICRON_MARKER", ""))
    bar_px = positive(values.get("SM_MICRON_BAR"))
    length = length_nm(marker[1], marker[2]) if marker else None
    return length / bar_px if length and bar_px else None
