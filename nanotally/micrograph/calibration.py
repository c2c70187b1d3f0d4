"""The pixel size of a picture, if all that is known of it agrees. Wrong nanometres are worse than none."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from nanotally.micrograph.facts import COARSEST_NM, FINEST_NM, Confidence, VendorFacts

AGREEMENT = 0.03
"""Relative difference of two sources that state the same: a micron bar of 50 whole pixels is good to 1 %."""
MOST_OBLONG = 1.5
"""Ratio of the sides of a pixel. Scans for television have oblong ones (up to 1.1), a squeezed picture has others."""


@dataclass(frozen=True)
class Calibration:
    """What is believed of a picture's scale.

    Attributes:
        nm_per_px: nanometres a pixel (x, y), or None where it is not known for certain.
        source: where it comes from, or None.
        confidence: how good it is, or None.
        warnings: why there is none although metadata has one, and what else should be known, a sentence each.
    """

    nm_per_px: tuple[float, float] | None
    source: str | None
    confidence: Confidence | None
    warnings: tuple[str, ...]


def calibrate(facts: Sequence[VendorFacts], width_px: int) -> Calibration:
    """The pixel size of the first of `facts` that has one, unless anything at all speaks against it.

    Args:
        facts: of every source, the most trusted first.
        width_px: real width of the picture.
    """
    doubts = [f"{fact.source}: {doubt}" for fact in facts for doubt in _doubts(fact, width_px)]
    sized = [fact for fact in facts if fact.nm_per_px is not None]
    doubts += [doubt for other in sized[1:] if (doubt := _disagreement(sized[0], other))]
    remarks = [f"{fact.source}: {fact.remark}" for fact in facts if fact.remark]
    if doubts:
        return Calibration(None, None, None, (*(f"no pixel size is used: {doubt}" for doubt in doubts), *remarks))
    if not sized:
        return Calibration(None, None, None, tuple(remarks))
    return Calibration(sized[0].nm_per_px, sized[0].source, sized[0].confidence, tuple(remarks))


def _doubts(fact: VendorFacts, width_px: int) -> list[str]:
    doubts = [fact.doubt] if fact.doubt else []
    if fact.scan_px is not None and fact.scan_px[0] != width_px:
        doubts.append(
            f"it was scanned {fact.scan_px[0]} px wide and is {width_px} px wide: resized or cut after the scan"
        )
    if fact.nm_per_px is not None:
        x, y = fact.nm_per_px
        if not (FINEST_NM <= x <= COARSEST_NM and FINEST_NM <= y <= COARSEST_NM):
            doubts.append(f"{x:.4g} x {y:.4g} nm is no pixel of an electron microscope")
        elif max(x / y, y / x) > MOST_OBLONG:
            doubts.append(f"a pixel of {x:.4g} x {y:.4g} nm is not believed")
    return doubts


def _disagreement(first: VendorFacts, other: VendorFacts) -> str | None:
    if first.nm_per_px is None or other.nm_per_px is None:
        return None
    if all(math.isclose(a, b, rel_tol=AGREEMENT) for a, b in zip(first.nm_per_px, other.nm_per_px, strict=True)):
        return None
    return (
        f"{first.source} says {first.nm_per_px[0]:.4g} x {first.nm_per_px[1]:.4g} nm, "
        f"{other.source} {other.nm_per_px[0]:.4g} x {other.nm_per_px[1]:.4g} nm"
    )
