"""Olympus Soft Imaging Solutions: TIFF tags 33471 and 33560, which may be on the second page."""

from __future__ import annotations

from pathlib import Path

from tifffile import TiffFile

from nanotally.micrograph.facts import VendorFacts, both_axes, positive

TAGS = (33560, 33471)
PAGES = 2


def read(path: Path, tiff: TiffFile | None) -> VendorFacts | None:
    """Facts from the first Olympus tag that has a pixel size; None if there is none. `path` is not looked at."""
    for page in tiff.pages[:PAGES] if tiff is not None else ():
        for tag in TAGS:
            values = page.tags.valueof(tag)
            if not isinstance(values, dict) or "pixelsizex" not in values:
                continue
            metres = positive(values["pixelsizex"]), positive(values.get("pixelsizey"))
            nm_per_px = both_axes(*(m * 1e9 if m else None for m in metres))
            magnification = positive(values.get("magnification"))
            return VendorFacts(
                source=f"olympus tag {tag}",
                nm_per_px=nm_per_px,
                confidence="stated" if nm_per_px else None,
                info={"magnification": f"{magnification:g}"} if magnification else {},
            )
    return None
