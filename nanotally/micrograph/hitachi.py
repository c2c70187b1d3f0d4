"""Hitachi: a sidecar `.txt`, an INI file with the section `[SemImageFile]`."""

from __future__ import annotations

import configparser
from pathlib import Path

from tifffile import TiffFile

from nanotally.micrograph.facts import VendorFacts, positive, read_sidecar, width_by_height

SECTION = "SemImageFile"


def read(path: Path, tiff: TiffFile | None) -> VendorFacts | None:
    """Facts from the sidecar of `path`; None if there is none of Hitachi's. `tiff` is not looked at.

    It says nothing of the databar, which stands inside the pixels of `DataSize`.
    """
    text = read_sidecar(path)
    if text is None or f"[{SECTION}]" not in text:
        return None
    parser = configparser.ConfigParser(strict=False, interpolation=None, allow_no_value=True)
    try:
        parser.read_string(text)
    except configparser.Error:
        return None
    values = {key: value or "" for key, value in parser[SECTION].items()}
    nm = positive(values.get("pixelsize"))
    return VendorFacts(
        source="hitachi sidecar",
        nm_per_px=(nm, nm) if nm else None,
        confidence="stated" if nm else None,
        scan_px=width_by_height(values.get("datasize", "")),
        info={
            name: value
            for name, key in (
                ("instrument", "instructname"),
                ("magnification", "magnification"),
                ("accelerating_voltage", "acceleratingvoltage"),
            )
            if (value := values.get(key, ""))
        },
    )
