"""Hitachi: a sidecar `.txt`, an INI file with the section `[SemImageFile]`; tabletop ones also TIFF tag 40092."""

from __future__ import annotations

import configparser
import re
from collections.abc import Mapping
from pathlib import Path

from tifffile import TiffFile

from nanotally.micrograph.facts import Confidence, VendorFacts, both_axes, positive, tag_bytes, width_by_height
from nanotally.micrograph.sidecars import read_sidecar

SECTION = "SemImageFile"
XP_COMMENT = 40092
PHOTO_WIDTH_NM = 127e6
"""Width of the photograph, 5 inches, that the magnification of the S series is for."""


def read(path: Path, tiff: TiffFile | None) -> VendorFacts | None:
    """Facts from the sidecar of `path`; None if there is none of Hitachi's. `tiff` is not looked at.

    It says nothing of the databar, which stands inside the pixels of `DataSize`.
    """
    text = read_sidecar(path, ".txt")
    if text is None or f"[{SECTION}]" not in text:
        return None
    parser = configparser.ConfigParser(strict=False, interpolation=None, allow_no_value=True)
    try:
        parser.read_string(text)
    except configparser.Error:
        return None
    values = {key: value or "" for key, value in parser[SECTION].items()}
    scan_px = width_by_height(values.get("datasize", ""))
    nm_per_px, confidence = _pixel_size(values, scan_px)
    return VendorFacts(
        source="hitachi sidecar",
        nm_per_px=nm_per_px,
        confidence=confidence,
        scan_px=scan_px,
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


def read_comment(path: Path, tiff: TiffFile | None) -> VendorFacts | None:
    """Facts from the comment tag of `tiff`; None if it has none of Hitachi's. `path` is not looked at."""
    data = tag_bytes(tiff, XP_COMMENT)
    if data is None:
        return None
    values = dict(re.findall(r"^(\w+)=(.*)$", data.decode("utf-16-le", errors="replace"), re.MULTILINE))
    if "SerialNumber" not in values or "PixelSize" not in values:
        return None
    nm_per_px = both_axes(positive(values["PixelSize"]), None)
    return VendorFacts(
        source="hitachi tag 40092",
        nm_per_px=nm_per_px,
        confidence="stated" if nm_per_px else None,
    )


def _pixel_size(
    values: Mapping[str, str], scan_px: tuple[int, int] | None
) -> tuple[tuple[float, float] | None, Confidence | None]:
    """As stated; of the S series, which does not state it, by the magnification of its photograph."""
    if nm_per_px := both_axes(positive(values.get("pixelsize")), None):
        return nm_per_px, "stated"
    magnification = positive(values.get("magnification"))
    of_photograph = values.get("magnificationdisplay", "") in ("", "0")
    if values.get("instructname", "").startswith("S-") and magnification and scan_px and of_photograph:
        return both_axes(PHOTO_WIDTH_NM / magnification / scan_px[0], None), "derived"
    return None, None
