"""What is written in a format is read back as it was, up to what the format rounds."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st

from nanotally.detections import CLASSES, Detections
from nanotally.labels import (
    LabelledImage,
    read_coco,
    read_createml,
    read_voc,
    read_yolo,
    write_coco,
    write_createml,
    write_voc,
    write_yolo,
)


@st.composite
def labelled_images(draw: st.DrawFn, *, smallest_px: float) -> LabelledImage:
    """An image of any shape with particles anywhere in it, some of them against its borders."""
    width, height = draw(st.integers(40, 6000)), draw(st.integers(40, 6000))

    def span(length: int) -> tuple[float, float]:
        size = draw(st.floats(smallest_px, length))
        low = draw(st.sampled_from([0.0, length - size]) | st.floats(0, length - size))
        return low, low + size

    n = draw(st.integers(0, 5))
    spans = [(span(width), span(height)) for _ in range(n)]
    flags = st.lists(st.booleans(), min_size=n, max_size=n)
    shares = st.lists(st.floats(0, 1, width=32) | st.just(np.nan), min_size=n, max_size=n)
    xyxy = np.array([[x1, y1, x2, y2] for (x1, x2), (y1, y2) in spans], np.float32).reshape(-1, 4)
    return LabelledImage(
        image="scan 7.tif",
        width=width,
        height=height,
        detections=Detections(
            xyxy, class_id=np.array(draw(st.lists(st.integers(0, 1), min_size=n, max_size=n)), np.uint16)
        ),
        difficult=np.array(draw(flags), bool),
        truncated=np.array(draw(flags), bool),
        visible=np.array(draw(shares), np.float32),
    )


def assert_same(read: LabelledImage, written: LabelledImage, tolerance_px: float) -> None:
    assert (read.image, read.width, read.height) == (written.image, written.width, written.height)
    assert read.classes == CLASSES
    np.testing.assert_array_equal(read.detections.class_id, written.detections.class_id)
    np.testing.assert_allclose(read.detections.xyxy, written.detections.xyxy, rtol=0, atol=tolerance_px)


def assert_same_marks(read: LabelledImage, written: LabelledImage) -> None:
    np.testing.assert_array_equal(read.difficult, written.difficult)
    np.testing.assert_array_equal(read.truncated, written.truncated)
    np.testing.assert_allclose(read.visible, written.visible, rtol=0, atol=0.51e-4)  # four decimals; NaN is NaN


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("labels")


@given(written=labelled_images(smallest_px=0.1))
def test_yolo(folder: Path, written: LabelledImage) -> None:
    write_yolo(folder / "a.txt", written)
    size = {"image": written.image, "width": written.width, "height": written.height}
    read = read_yolo(folder / "a.txt", **size, classes=CLASSES)
    # Centre and size are each rounded at the sixth decimal; float32 holds 6000 px to 0.0005 px.
    assert_same(read, written, tolerance_px=1e-6 * max(written.width, written.height) + 1e-3)


@given(written=labelled_images(smallest_px=2.0))
def test_voc(folder: Path, written: LabelledImage) -> None:
    write_voc(folder / "a.xml", written)
    read = read_voc(folder / "a.xml")
    assert_same(read, written, tolerance_px=1.5)  # at the left and upper border, where VOC has no 0
    inner = (written.detections.xyxy >= 1.5).all(axis=1)
    np.testing.assert_allclose(read.detections.xyxy[inner], written.detections.xyxy[inner], rtol=0, atol=0.501)
    np.testing.assert_array_equal(read.difficult, written.difficult)
    assert (read.truncated >= written.truncated).all()
    assert np.isnan(read.visible).all()


@given(written=st.lists(labelled_images(smallest_px=0.1), max_size=3))
def test_coco(folder: Path, written: list[LabelledImage]) -> None:
    write_coco(folder / "a.json", written)
    read = read_coco(folder / "a.json")
    assert len(read) == len(written)
    for one, other in zip(read, written, strict=True):
        assert_same(one, other, tolerance_px=2e-3)
        assert_same_marks(one, other)


@given(drawn=st.lists(labelled_images(smallest_px=0.1), max_size=3))
def test_createml(folder: Path, drawn: list[LabelledImage]) -> None:
    written = [replace(labelled, image=f"scan {number}.tif") for number, labelled in enumerate(drawn)]
    for labelled in written:  # the size is in the image only; a file with a hole for its pixels is quickly made
        tifffile.imwrite(folder / labelled.image, shape=(labelled.height, labelled.width), dtype=np.uint8)
    write_createml(folder / "a.json", written)
    read = read_createml(folder / "a.json")
    assert len(read) == len(written)
    for one, other in zip(read, written, strict=True):
        assert_same(one, other, tolerance_px=2e-3)
        assert_same_marks(one, other)
