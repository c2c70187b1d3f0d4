"""ImageJ and Fiji: `unit=` in the image description, pixels a unit in the TIFF resolution tags."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tifffile import TiffFile

from nanotally.micrograph.facts import COARSEST_NM, VendorFacts, both_axes, length_nm, positive

PRINT_UNIT = {2: "inch", 3: "cm"}
"""Values of the TIFF tag ResolutionUnit."""
PRINT_NM = {"inch": 25.4e6, "cm": 1e7}


def read(path: Path, tiff: TiffFile | None) -> VendorFacts | None:
    """Facts from the description of `tiff`; None if it is not ImageJ's, or not calibrated. `path` is not looked at.

    Without `unit=` the resolution tags are settings for print, and so they are with the units that ImageJ takes
    from such settings, inch and centimetre. The resolution 1 is what programs write that have none to write.
    """
    metadata: dict[str, Any] | None = tiff.imagej_metadata if tiff is not None else None
    if tiff is None or not metadata:
        return None
    unit = _unit(metadata.get("unit", ""))
    per_unit = [_pixels_per_unit(tiff, name) for name in ("XResolution", "YResolution")]
    if unit in PRINT_NM:
        return VendorFacts(
            source="imagej description", remark=f"its scale is in {unit}, a setting for print, and is not used"
        )
    if length_nm(1, unit) is None or per_unit[0] in (None, 1.0):
        return None
    x, y = (length_nm(1 / pixels, u) if pixels else None for pixels, u in _axes(per_unit, metadata, unit))
    return VendorFacts(
        source="imagej description",
        nm_per_px=both_axes(x, y),
        confidence="stated",
        doubt=_doubt(tiff, unit, per_unit[0]),
    )


def _unit(value: Any) -> str:
    return str(value).strip().replace("\\u00B5", "µ")


def _axes(per_unit: list[float | None], metadata: dict[str, Any], unit: str) -> list[tuple[float | None, str]]:
    return list(zip(per_unit, (unit, _unit(metadata.get("yunit", unit))), strict=True))


def _pixels_per_unit(tiff: TiffFile, tag: str) -> float | None:
    value = tiff.pages[0].tags.valueof(tag)
    if not isinstance(value, tuple) or len(value) != 2:
        return None
    numerator, denominator = positive(value[0]), positive(value[1])
    return numerator / denominator if numerator and denominator else None


def _doubt(tiff: TiffFile, unit: str, per_unit: float | None) -> str | None:
    """Some programs write pixels a centimetre under `unit=um`: where that could be meant, nobody can tell."""
    of_print = PRINT_UNIT.get(int(tiff.pages[0].resolutionunit))
    if of_print is None or per_unit is None or PRINT_NM[of_print] / per_unit > COARSEST_NM:
        return None
    return f"its description has unit {unit}, its resolution tags {of_print}"
