"""OME-TIFF: `PhysicalSizeX` and `PhysicalSizeXUnit` in the XML of the image description."""

from __future__ import annotations

from pathlib import Path
from xml.etree.ElementTree import Element

from tifffile import TiffFile

from nanotally.micrograph.facts import VendorFacts, both_axes, length_nm, parse_xml, whole


def read(path: Path, tiff: TiffFile | None) -> VendorFacts | None:
    """Facts on the first image of the OME-XML of `tiff`; None if it has none. `path` is not looked at.

    A size without unit is in micrometres (OME schema 2016-06).
    """
    text = tiff.ome_metadata if tiff is not None else None
    root = parse_xml(text.encode()) if text else None
    pixels = root.find("{*}Image/{*}Pixels") if root is not None else None
    if pixels is None:
        return None
    nm_per_px = both_axes(_length_nm(pixels, "X"), _length_nm(pixels, "Y"))
    width, height = whole(pixels.get("SizeX")), whole(pixels.get("SizeY"))
    return VendorFacts(
        source="ome-xml",
        nm_per_px=nm_per_px,
        confidence="stated" if nm_per_px else None,
        scan_px=(width, height) if width and height else None,
    )


def _length_nm(pixels: Element, axis: str) -> float | None:
    return length_nm(pixels.get(f"PhysicalSize{axis}"), pixels.get(f"PhysicalSize{axis}Unit", "µm"))
