"""Gatan DigitalMicrograph: TIFF tags 65003 and 65004, units, 65009 and 65010, lengths of a pixel."""

from __future__ import annotations

from pathlib import Path

from tifffile import TiffFile

from nanotally.micrograph.facts import VendorFacts, both_axes, length_nm

X_UNIT, Y_UNIT, X_SCALE, Y_SCALE = 65003, 65004, 65009, 65010


def read(path: Path, tiff: TiffFile | None) -> VendorFacts | None:
    """Facts from the tags of `tiff`; None if it has none, or no unit of length. `path` is not looked at.

    Others use the same numbers, so without a unit the scales mean nothing. Diffraction patterns have "1/nm".
    """
    tags = tiff.pages[0].tags if tiff is not None else {}
    if X_UNIT not in tags or X_SCALE not in tags:
        return None
    x = length_nm(tags[X_SCALE].value, tags[X_UNIT].value)
    if x is None:
        return None
    y = length_nm(tags[Y_SCALE].value, tags[Y_UNIT].value) if Y_UNIT in tags and Y_SCALE in tags else None
    return VendorFacts(source="gatan tags 65003 to 65010", nm_per_px=both_axes(x, y), confidence="stated")
