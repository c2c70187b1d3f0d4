"""FEI and Thermo Fisher: TIFF tags 34680 (S-FEG) and 34682 (Helios and later), INI; 34683, XML."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from tifffile import TiffFile

from nanotally.micrograph.facts import (
    Confidence,
    VendorFacts,
    both_axes,
    length_nm,
    parse_xml,
    positive,
    tag_bytes,
    whole,
)

INI_TAGS = (34682, 34680)
XML_TAG = 34683
M = 1e9
"""Nanometres a metre: FEI writes metres."""


def read(path: Path, tiff: TiffFile | None) -> VendorFacts | None:
    """Facts from the INI tags of `tiff`; None if it has none. `path` is not looked at."""
    metadata: Mapping[str, Any] | None = tiff.fei_metadata if tiff is not None else None
    if tiff is None or not metadata:
        return None
    image = metadata.get("Image", {})
    width, height = whole(image.get("ResolutionX")), whole(image.get("ResolutionY"))
    scan = _scan(metadata)
    nm_per_px, confidence = _pixel_size(metadata, scan, width, height)
    return VendorFacts(
        source=f"thermofisher tag {next(tag for tag in INI_TAGS if tag in tiff.pages[0].tags)}",
        nm_per_px=nm_per_px,
        confidence=confidence,
        scan_px=(width, height) if width and height else None,
        databar_px=whole(metadata.get("PrivateFei", {}).get("DatabarHeight")),
        doubt=_doubt(scan, width),
        info=_info(metadata),
    )


def _scan(metadata: Mapping[str, Any]) -> Mapping[str, Any]:
    """The section of the scan that made the picture. A file of two beams may hold one for each."""
    named = str(metadata.get("Beam", {}).get("Scan", ""))
    beams = [name for name in ("EScan", "IScan") if name in metadata]
    for name in ("Scan", named, *(beams if len(beams) == 1 else ())):
        if name in metadata:
            section: Mapping[str, Any] = metadata[name]
            return section
    return {}


def _pixel_size(
    metadata: Mapping[str, Any], scan: Mapping[str, Any], width: int | None, height: int | None
) -> tuple[tuple[float, float] | None, Confidence | None]:
    """As stated; else the width of the field, of a scan or of the infrared camera, over its pixels."""
    x, y = positive(scan.get("PixelWidth")), positive(scan.get("PixelHeight"))
    if x and y:
        return (x * M, y * M), "stated"
    camera = metadata.get("IRBeam", {})
    field_x = positive(scan.get("HorFieldsize")) or positive(camera.get("HFW"))
    field_y = positive(scan.get("VerFieldsize")) or positive(camera.get("VFW"))
    if field_x and width:
        return both_axes(field_x * M / width, field_y * M / height if field_y and height else None), "derived"
    return None, None


def _doubt(scan: Mapping[str, Any], width: int | None) -> str | None:
    """A pixel size times the pixels is the width of the field, or one of the three is not of this picture."""
    pixel, field_m = positive(scan.get("PixelWidth")), positive(scan.get("HorFieldsize"))
    if not (pixel and field_m and width) or math.isclose(pixel * width, field_m, rel_tol=0.02):
        return None
    return f"{width} px of {pixel * M:.4g} nm are not the stated {field_m * M:.4g} nm field"


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


def read_xml(path: Path, tiff: TiffFile | None) -> VendorFacts | None:
    """Facts from the XML tag of `tiff`; None if it has none of this kind. `path` is not looked at.

    A diffraction pattern has a pixel size there too, in reciprocal metres.
    """
    data = tag_bytes(tiff, XML_TAG)
    root = parse_xml(data) if data else None
    if root is None or root.tag != "Metadata":
        return None
    nm_per_px = both_axes(_length_nm(root, "X"), _length_nm(root, "Y"))
    width, height = (whole(root.findtext(f"BinaryResult/ImageSize/{axis}")) for axis in "XY")
    return VendorFacts(
        source=f"thermofisher tag {XML_TAG}",
        nm_per_px=nm_per_px,
        confidence="stated" if nm_per_px else None,
        scan_px=(width, height) if width and height else None,
        info={"instrument": name} if (name := root.findtext("Instrument/InstrumentClass")) else {},
    )


def _length_nm(root: Element, axis: str) -> float | None:
    size = root.find(f"BinaryResult/PixelSize/{axis}")
    return None if size is None else length_nm(size.text, size.get("unit", "m"))
