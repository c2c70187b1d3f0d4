import struct
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
from analysed import DISCS, boxes, draw_discs, result_of
from hypothesis import given
from hypothesis import strategies as st
from roifile import ROI_TYPE, roiread

from nanotally.detections import CLASSES, Detections
from nanotally.labels.imagej import rois_of, write_rois


def properties(path: Path, name: str) -> dict[str, str]:
    """Of a region, as they stand in the file: older releases of roifile lose their end when reading."""
    with ZipFile(path) as file:
        data = file.read(f"{name}.roi")
    (header,) = struct.unpack(">i", data[60:64])
    start, length = struct.unpack(">ii", data[header + 40 : header + 48])
    text = data[start : start + 2 * length].decode("utf-16-be")
    return dict(line.split(": ", 1) for line in text.splitlines())


def test_zip_holds_contours_and_boxes_with_names_and_classes(tmp_path: Path) -> None:
    result = result_of(draw_discs(tmp_path / "discs.png"))
    write_rois(
        tmp_path / "discs.zip", rois_of(result.found.detections, classes=CLASSES, contours=result.measured.contours)
    )
    rois = roiread(tmp_path / "discs.zip")
    assert [roi.name for roi in rois] == [*(f"000{n}-quasi_sphere" for n in range(1, 6)), "0006-cube"]
    assert [roi.group for roi in rois] == [2, 2, 2, 2, 2, 1]
    told = [properties(tmp_path / "discs.zip", roi.name) for roi in rois]
    np.testing.assert_allclose([[float(v) for v in each["box"].split()] for each in told], boxes(), atol=0.005)
    for roi, (x, y, radius) in zip(rois, DISCS, strict=False):
        assert roi.roitype == ROI_TYPE.POLYGON
        from_centre = roi.coordinates() - (x, y)  # the corner of the image is 0 0, in ImageJ too
        np.testing.assert_allclose(np.hypot(*from_centre.T), radius, atol=0.8)
        np.testing.assert_allclose(from_centre.mean(axis=0), 0, atol=0.3)
    assert rois[5].roitype == ROI_TYPE.RECT
    assert (rois[5].xd, rois[5].yd, rois[5].widthd, rois[5].heightd) == (300.25, 200.5, 19.5, 39)
    assert (told[5]["class"], told[5]["score"]) == ("cube", "0.5000")


@given(
    st.lists(st.tuples(*[st.floats(0, 4000, width=32), st.floats(0.125, 500, width=32)] * 2), min_size=1, max_size=5)
)
def test_boxes_come_back_with_fractions_and_within_a_pixel_in_whole_ones(
    tmp_path_factory: pytest.TempPathFactory, drawn: list[tuple[float, float, float, float]]
) -> None:
    xyxy = np.array([[x, y, x + width, y + height] for x, width, y, height in drawn], np.float32)
    path = tmp_path_factory.getbasetemp() / "boxes.zip"
    write_rois(path, rois_of(Detections(xyxy), classes=CLASSES))
    rois = roiread(path)
    exact = [[roi.xd, roi.yd, roi.xd + roi.widthd, roi.yd + roi.heightd] for roi in rois]
    np.testing.assert_allclose(exact, xyxy, rtol=1e-6, atol=1e-4)
    whole = np.array([[roi.left, roi.top, roi.right, roi.bottom] for roi in rois])
    assert (np.abs(whole - xyxy) <= 1).all()  # what programs see that know no fractions
    assert (whole[:, 2:] > whole[:, :2]).all()


def test_a_zip_is_replaced_and_not_added_to(tmp_path: Path) -> None:
    for n in (3, 2):
        write_rois(tmp_path / "a.zip", rois_of(Detections(boxes()[:n]), classes=CLASSES, position=n))
    rois = roiread(tmp_path / "a.zip")
    assert [roi.position for roi in rois] == [2, 2]
