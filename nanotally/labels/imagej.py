"""ImageJ's regions of interest: a zip that its ROI Manager opens, written by `roifile`.

ImageJ's coordinates are ours: the corner of the image is 0 0, and a rectangle from 3 to 5 covers pixels 3 and 4. Boxes
are rectangles with sub-pixel edges; ImageJ measures in whole pixels inside them. Contours are polygons.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from roifile import ROI_OPTIONS, ROI_TYPE, ImagejRoi, roiwrite

from nanotally.detections import Detections

VERSION = 228
"""Of the format. Since 223 rectangles have fractions of pixels; older releases of roifile write less unless told."""


def roi_name(row: int, class_name: str) -> str:
    """Name of the region of the particle in `row`: counts from 1, and tells the class."""
    return f"{row + 1:04d}-{class_name}"


def rois_of(
    detections: Detections, *, classes: Sequence[str], contours: NDArray[np.float32] | None = None, position: int = 0
) -> list[ImagejRoi]:
    """A region a particle: its contour where there is one, else its box.

    The name is that of `roi_name`, the group is the class id + 1 (ImageJ gives every group a colour, and the ROI
    Manager selects by it), and the properties are `class`, `score` and `box` (x1 y1 x2 y2, pixels).

    Args:
        detections: in one image.
        classes: names of the class ids.
        contours: (n, k, 2) x y in pixels; NaN for a particle without one.
        position: slice of the stack that the image is, from 1; 0: no stack.
    """
    rois = []
    for row, (box, class_id, score) in enumerate(
        zip(detections.xyxy.tolist(), detections.class_id.tolist(), detections.score.tolist(), strict=True)
    ):
        measured = contours is not None and np.isfinite(contours[row]).all()
        roi = _polygon(contours[row]) if measured and contours is not None else _rectangle(box)
        roi.name = roi_name(row, classes[class_id])
        roi.version = VERSION
        roi.group = class_id + 1
        roi.position = position
        roi.props = f"class: {classes[class_id]}\nscore: {score:.4f}\nbox: {' '.join(f'{v:.2f}' for v in box)}\n"
        rois.append(roi)
    return rois


def write_rois(path: Path | str, rois: Iterable[ImagejRoi]) -> None:
    """Write regions as a zip for the ROI Manager, in the place of one that is there.

    Their names must differ: ImageJ keeps one of each.
    """
    roiwrite(path, rois, mode="w")


def _polygon(points: NDArray[np.float32]) -> ImagejRoi:
    roi = ImagejRoi.frompoints(points)
    roi.roitype = ROI_TYPE.POLYGON  # frompoints takes it for one drawn by hand, whose corners cannot be moved
    return roi


def _rectangle(box: Sequence[float]) -> ImagejRoi:
    x1, y1, x2, y2 = box
    left, top = int(x1), int(y1)
    return ImagejRoi(
        roitype=ROI_TYPE.RECT,
        options=ROI_OPTIONS.SUB_PIXEL_RESOLUTION,
        left=left,
        top=top,
        right=max(left + 1, round(x2)),
        bottom=max(top + 1, round(y2)),
        xd=x1,
        yd=y1,
        widthd=x2 - x1,
        heightd=y2 - y1,
    )
