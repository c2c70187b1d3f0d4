"""All that is measured on one frame: sizes, groups, covered area, density, sharpness."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nanotally.detections import CLASSES, Detections
from nanotally.measure.agglomerates import find_agglomerates
from nanotally.measure.density import Examined, density_per_um2
from nanotally.measure.focus import sharpness
from nanotally.measure.quantities import CUBE
from nanotally.measure.sizing import size_particles


@dataclass(frozen=True, eq=False)
class Measurement:
    """What was measured on a frame.

    Attributes:
        columns: (n,) values of every size of the particles, NaN where not measured, and their `agglomerate`:
            particles with the same number touch; -1 for those that are not counted. Sizes are in nanometres where the
            pixel size is known, else in pixels: the end of the name is the unit.
        size_nm: (n,) float32, what `quantity_of` names; None where the pixel size is not known.
        agglomerates: groups of two or more particles.
        covered_share: of the examined area, 0 to 1, that particles cover.
        examined_px: area in which particles are counted, square pixels.
        density_per_um2: particles a square micrometre; None where the pixel size is not known.
        sharpness: of the picture, 0 to about 1, to turn the focus knob by; None where it has no contrast.
        contours: (n, k, 2) float32, x y in pixels of the image, the corner of the image at 0 0, once around; NaN where
            the contour is not trusted. None where nobody asked for any.
    """

    columns: Mapping[str, NDArray[np.generic]]
    size_nm: NDArray[np.float32] | None
    agglomerates: int
    covered_share: float
    examined_px: int
    density_per_um2: float | None
    sharpness: float | None
    contours: NDArray[np.float32] | None = None


def measure(
    image: NDArray[np.uint8],
    detections: Detections,
    examined: Examined,
    *,
    nm_per_px: tuple[float, float] | None = None,
    classes: Sequence[str] = CLASSES,
) -> Measurement:
    """Measure the particles of a frame, and the frame.

    Args:
        image: (h, w) uint8.
        detections: found in it, boxes in pixels of the whole image.
        examined: where particles were looked for and counted.
        nm_per_px: nanometres a pixel (x, y), or None where not known.
        classes: names of the class ids.
    """
    sizing = size_particles(image, detections, nm_per_px=nm_per_px, field=examined.field, classes=classes)
    height, width = image.shape
    groups = find_agglomerates(detections, sizing, (height, width), field=examined.field)
    sizes, unit = (sizing.px, "px") if sizing.nm is None else (sizing.nm, "nm")
    columns: dict[str, NDArray[np.generic]] = {
        f"area_{unit}2": sizes.area,
        f"ecd_{unit}": sizes.ecd,
        f"feret_max_{unit}": sizes.feret_max,
        f"feret_min_{unit}": sizes.feret_min,
        f"edge_{unit}": sizes.edge,
        "orientation_deg": sizes.orientation_deg,
        "agglomerate": groups.group,
    }
    cube = np.array([name == CUBE for name in classes])[detections.class_id]
    x1, y1, x2, y2 = examined.field
    area_px = examined.area_px
    return Measurement(
        columns=columns,
        size_nm=None if sizing.nm is None else np.where(cube, sizing.nm.edge, sizing.nm.ecd),
        agglomerates=groups.number,
        covered_share=groups.covered_px / area_px if area_px else 0.0,
        examined_px=area_px,
        density_per_um2=None if nm_per_px is None else density_per_um2(detections, examined, nm_per_px),
        sharpness=sharpness(image[y1:y2, x1:x2]),
        contours=np.where(sizing.measured[:, None, None], sizing.contours.points, np.float32(np.nan)),
    )
