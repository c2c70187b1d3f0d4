"""Phenom: an XML document `<FeiImage>` in TIFF tag 34683 or in the bytes of a JPEG."""

from __future__ import annotations

from pathlib import Path
from xml.etree.ElementTree import Element

from tifffile import TiffFile

from nanotally.micrograph.facts import VendorFacts, both_axes, length_nm, parse_xml, tag_bytes, whole

XML_TAG = 34683
JPEG = b"\xff\xd8"
BEGIN, END = b"<FeiImage", b"</FeiImage>"


def read(path: Path, tiff: TiffFile | None) -> VendorFacts | None:
    """Facts from the XML of a TIFF or JPEG; None if there is none of Phenom's."""
    data = tag_bytes(tiff, XML_TAG) if tiff is not None else _jpeg_bytes(path)
    begin, end = (data.find(BEGIN), data.rfind(END)) if data else (-1, -1)
    root = parse_xml(data[begin : end + len(END)]) if data and 0 <= begin < end else None
    if root is None:
        return None
    nm_per_px = both_axes(_length_nm(root, "pixelWidth"), _length_nm(root, "pixelHeight"))
    return VendorFacts(
        source="phenom jpeg" if tiff is None else f"phenom tag {XML_TAG}",
        nm_per_px=nm_per_px,
        confidence="stated" if nm_per_px else None,
        databar_px=whole(root.findtext("databarHeight")),
        info={
            name: value
            for name, element in (("instrument", "edition"), ("accelerating_voltage", "highVoltage"))
            if (value := _text(root, element))
        },
    )


def _jpeg_bytes(path: Path) -> bytes | None:
    with path.open("rb") as file:
        return JPEG + file.read() if file.read(len(JPEG)) == JPEG else None


def _length_nm(root: Element, name: str) -> float | None:
    """Without a unit a length is not believed."""
    element = root.find(name)
    return None if element is None else length_nm(element.text, element.get("unit"))


def _text(root: Element, name: str) -> str:
    """Text and unit of the first element of that name, at any depth."""
    element = next(root.iter(name), None)
    return "" if element is None else f"{element.text or ''} {element.get('unit', '')}".strip()
