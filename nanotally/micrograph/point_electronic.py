"""Point electronic DISS, digital scanners for older instruments: `PixelSizeX` and `PixelSizeY` in XMP, tag 700."""

from __future__ import annotations

from pathlib import Path
from xml.etree.ElementTree import Element

from tifffile import TiffFile

from nanotally.micrograph.facts import VendorFacts, both_axes, parse_xml, positive, tag_bytes

XMP_TAG = 700
PROGRAMS = ("point electronic DISS", "Digital Image Processing System")


def read(path: Path, tiff: TiffFile | None) -> VendorFacts | None:
    """Facts from the XMP of `tiff`; None if it has none of this program's. `path` is not looked at."""
    data = tag_bytes(tiff, XMP_TAG)
    if tiff is None or data is None:
        return None
    software = tiff.pages[0].software.encode(errors="replace")
    if not any(program.encode() in software + data for program in PROGRAMS):
        return None
    root = parse_xml(data)
    if root is None:
        return None
    metres = positive(_value(root, "PixelSizeX")), positive(_value(root, "PixelSizeY"))
    nm_per_px = both_axes(*(m * 1e9 if m else None for m in metres))
    return VendorFacts(
        source="point electronic xmp",
        nm_per_px=nm_per_px,
        confidence="stated" if nm_per_px else None,
    )


def _value(root: Element, name: str) -> str | None:
    """Text of the first element or attribute of that name, in whichever namespace: XMP allows both."""
    for element in root.iter():
        if element.tag.rpartition("}")[2] == name:
            return element.text
        for key, value in element.items():
            if key.rpartition("}")[2] == name:
                return value
    return None
