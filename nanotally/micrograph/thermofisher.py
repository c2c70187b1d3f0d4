"""FEI and Thermo Fisher: TIFF tags 34680 (S-FEG) and 34682 (Helios and later)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tifffile import TiffFile

from nanotally.micrograph.facts import Confidence, VendorFacts, positive

SCANS = ("Scan", "EScan", "IScan")
"""Sections that may hold the pixel size: the scan in use, the electron beam's, the ion beam's."""


def read(path: Path, tiff: TiffFile | None) -> VendorFacts | None:
    """Facts from the FEI tags of `tiff`; None if it has none. `path` is not looked at."""
    metadata: Mapping[str, Any] | None = tiff.fei_metadata if tiff is not None else None
    if tiff is None or not metadata:
        return None
    image = metadata.get("Image", {})
    width, height = positive(image.get("ResolutionX")), positive(image.get("ResolutionY"))
    nm_per_px, confidence = _pixel_size(metadata, width)
    databar = positive(metadata.get("PrivateFei", {}).get("DatabarHeight"))
    return VendorFacts(
        source="thermofisher tag 34680" if 34680 in tiff.pages[0].tags else "thermofisher tag 34682",
        nm_per_px=nm_per_px,
        confidence=confidence,
        scan_px=(int(width), int(height)) if width and height else None,
        databar_px=int(databar) if databar else None,
        info=_info(metadata),
    )


def _pixel_size(
    metadata: Mapping[str, Any], width_px: float | None
) -> tuple[tuple[float, float] | None, Confidence | None]:
    for name in SCANS:
        scan = metadata.get(name, {})
        x, y = positive(scan.get("PixelWidth")), positive(scan.get("PixelHeight"))
        if x and y:
            return (x * 1e9, y * 1e9), "stated"
    for name in SCANS:
        field_m = positive(metadata.get(name, {}).get("HorFieldsize"))
        if field_m and width_px:
            nm = field_m / width_px * 1e9
            return (nm, nm), "derived"
    return None, None


def _info(metadata: Mapping[str, Any]) -> dict[str, str]:
    info = {}
    if instrument := metadata.get("System", {}).get("SystemType"):
        info["instrument"] = str(instrument)
    volts = positive(metadata.get("Beam", {}).get("HV")) or positive(metadata.get("Vector", {}).get("HighTension"))
    if volts:
        info["accelerating_voltage"] = f"{volts / 1000:g} kV"
    if magnification := positive(metadata.get("Vector", {}).get("Magnification")):
        info["magnification"] = f"{magnification:g}"
    return info
