"""JEOL: a sidecar `.txt` of lines `$KEY value`."""

from __future__ import annotations

import re
from pathlib import Path

from tifffile import TiffFile

from nanotally.micrograph.facts import NM_PER_UNIT, VendorFacts, positive, read_sidecar, width_by_height


def read(path: Path, tiff: TiffFile | None) -> VendorFacts | None:
    """Facts from the sidecar of `path`; None if there is none of JEOL's. `tiff` is not looked at."""
    text = read_sidecar(path)
    if text is None or "$CM_FULL_SIZE" not in text:
        return None
    values = {}
    for line in text.splitlines():
        key, _, value = line.partition(" ")
        values[key.lstrip("$")] = value.strip()
    nm = _pixel_size_nm(values)
    kilovolts = positive(values.get("CM_ACCEL_VOLT"))
    return VendorFacts(
        source="jeol sidecar",
        nm_per_px=(nm, nm) if nm else None,
        confidence="derived" if nm else None,
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
    """Length that the micron bar stands for ("100nm", "10µm") over its length in whole pixels."""
    marker = re.fullmatch(r"([\d.]+)\s*(\S+)", values.get("SM_MICRON_MARKER", ""))
    bar_px = positive(values.get("SM_MICRON_BAR"))
    if marker is None or marker[2] not in NM_PER_UNIT or bar_px is None:
        return None
    length = positive(marker[1])
    return length * NM_PER_UNIT[marker[2]] / bar_px if length else None
