"""The part of a picture that is specimen: what is left above the databar."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from nanotally.micrograph.databar import changes_at, find_databar
from nanotally.micrograph.facts import VendorFacts

NEAR_PX = 3
"""Rows between the stated and the seen edge of a databar: a line or blur that belongs to either."""


def find_specimen(
    image: NDArray[np.uint8], facts: Sequence[VendorFacts]
) -> tuple[int, Literal["metadata", "pixels"] | None, VendorFacts | None]:
    """Height of the specimen in rows, what told it, and what the picture itself has to say to the metadata.

    The height of the scan is believed: the picture can only be higher by a databar. The stated height of a
    databar has to be seen, because the bar may have been cut off, or the whole picture resized since. Metadata
    that knows of no databar proves nothing (Thermo Fisher writes height 0 for a bar that is there).

    Args:
        image: (h, w) uint8 grey.
        facts: of every source, the most trusted first.
    """
    height, width = image.shape
    scanned = next((f.scan_px[1] for f in facts if f.scan_px is not None and f.scan_px[0] == width), None)
    if scanned is not None and height / 2 < scanned < height:
        return scanned, "metadata", None
    top = find_databar(image)
    for fact in facts:
        if fact.databar_px is not None and fact.scan_px is None:
            if _is_edge(image, height - fact.databar_px, top):
                return height - fact.databar_px, "metadata", None
            return (*_seen(top, height), _objection(fact.source, fact.databar_px, top, height))
    return (*_seen(top, height), None)


def _is_edge(image: NDArray[np.uint8], stated: int, top: int | None) -> bool:
    """True if the databar that begins at `top`, or is not found, may as well begin at the `stated` row.

    There the picture must change. So it does inside a bar, where the letters begin.
    """
    if top is not None and abs(top - stated) <= NEAR_PX:
        return True
    inside = top is not None and top < stated and changes_at(image, top)
    return changes_at(image, stated) and not inside


def _seen(top: int | None, height: int) -> tuple[int, Literal["pixels"] | None]:
    return (height, None) if top is None else (top, "pixels")


def _objection(source: str, rows: int, top: int | None, height: int) -> VendorFacts:
    if top is None:
        return VendorFacts(source=source, remark=f"its databar of {rows} rows is not in the picture")
    return VendorFacts(
        source=source,
        doubt=f"its databar has {rows} rows, the one in the picture {height - top}: resized after the scan",
    )
