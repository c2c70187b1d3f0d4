"""TESCAN: TIFF tag 50431, or a sidecar `name-tif.hdr`, `name-png.hdr`, `name.hdr`."""

from __future__ import annotations

import re
from pathlib import Path

from tifffile import TiffFile

from nanotally.micrograph.facts import VendorFacts, both_axes, positive, tag_bytes, whole
from nanotally.micrograph.sidecars import read_sidecar

TAG = 50431
ENTRY = re.compile(r"(?<!\w)(\w+)=([^\r\n\0]*)", re.ASCII)
"""A setting. In the tag the blocks of settings follow a thumbnail and have binary lengths between them."""


def read(path: Path, tiff: TiffFile | None) -> VendorFacts | None:
    """Facts from the tag of `tiff`; None if it has none, or only the thumbnail. `path` is not looked at."""
    data = tag_bytes(tiff, TAG)
    return None if data is None else _facts(f"tescan tag {TAG}", data.decode("latin-1"))


def read_header(path: Path, tiff: TiffFile | None) -> VendorFacts | None:
    """Facts from the sidecar of `path`; None if there is none of TESCAN's. `tiff` is not looked at."""
    text = read_sidecar(path, f"-{path.suffix[1:]}.hdr", f"-{path.suffix[1:].upper()}.hdr", ".hdr")
    return None if text is None or "[MAIN]" not in text else _facts("tescan sidecar", text)


def _facts(source: str, text: str) -> VendorFacts | None:
    values = {key: value.strip() for key, value in ENTRY.findall(text)}
    if "PixelSizeX" not in values:
        return None
    metres = positive(values["PixelSizeX"]), positive(values.get("PixelSizeY"))
    nm_per_px = both_axes(*(m * 1e9 if m else None for m in metres))
    volts = positive(values.get("HV"))
    return VendorFacts(
        source=source,
        nm_per_px=nm_per_px,
        confidence="stated" if nm_per_px else None,
        databar_px=whole(values.get("ImageStripSize")),
        remark=_remark(values),
        info={
            name: value
            for name, value in (
                ("instrument", values.get("Device", "")),
                ("magnification", values.get("Magnification", "")),
                ("accelerating_voltage", f"{volts / 1000:g} kV" if volts else ""),
            )
            if value
        },
    )


def _remark(values: dict[str, str]) -> str | None:
    views = (whole(values.get("ViewFieldsCountX")) or 1) * (whole(values.get("ViewFieldsCountY")) or 1)
    if views == 1:
        return None
    return f"the picture shows {views} views of one field side by side, so a particle is found {views} times: cut it"
