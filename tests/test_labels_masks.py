from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from nanotally.errors import LabelError
from nanotally.labels import read_mask, write_mask
from nanotally.labels.masks import MOST_INSTANCES
from nanotally.opencv import cv2


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("masks")


def numbered(drawn: NDArray[np.int64]) -> NDArray[np.int32]:
    """The same areas, numbered without gaps."""
    levels, rows = np.unique(np.append(drawn, 0), return_inverse=True)
    assert levels[0] == 0
    return rows[:-1].reshape(drawn.shape).astype(np.int32)


@given(
    drawn=arrays(np.int64, st.tuples(st.integers(1, 12), st.integers(1, 12)), elements=st.integers(0, 9)).map(numbered)
)
def test_what_is_written_is_read_back_with_tight_boxes(folder: Path, drawn: NDArray[np.int32]) -> None:
    write_mask(folder / "a.png", drawn)
    height, width = drawn.shape
    instances, xyxy = read_mask(folder / "a.png", width=width, height=height)
    assert (instances.dtype, xyxy.dtype) == (np.int32, np.float32)
    np.testing.assert_array_equal(instances, drawn)
    assert xyxy.shape == (drawn.max(), 4)
    for number, (x1, y1, x2, y2) in enumerate(xyxy.astype(int), start=1):
        inside = drawn[y1:y2, x1:x2] == number
        assert inside.sum() == (drawn == number).sum()
        assert all(side.any() for side in (inside[0], inside[-1], inside[:, 0], inside[:, -1]))


def test_a_particle_that_is_alone_and_seen_in_two_pieces_stays_one(folder: Path) -> None:
    drawn = np.array([[1, 0, 1]], np.int32)
    write_mask(folder / "a.png", drawn)
    instances, xyxy = read_mask(folder / "a.png", width=3, height=1)
    assert instances.tolist() == [[1, 0, 1]]
    assert xyxy.tolist() == [[0, 0, 3, 1]]


@pytest.mark.parametrize(("dtype", "level"), [(np.uint8, 255), (np.uint8, 1), (np.uint16, 65535)])
def test_each_connected_area_of_a_threshold_s_mask_is_a_particle(folder: Path, dtype: type, level: int) -> None:
    cv2.imwrite(str(folder / "a.png"), np.array([[level, 0, level], [0, 0, level]], dtype))
    instances, xyxy = read_mask(folder / "a.png", width=3, height=2)
    assert instances.tolist() == [[1, 0, 2], [0, 0, 2]]
    assert xyxy.tolist() == [[0, 0, 1, 1], [2, 0, 3, 2]]


def test_levels_need_not_be_without_gaps(folder: Path) -> None:
    cv2.imwrite(str(folder / "a.png"), np.array([[200, 0, 7]], np.uint8))
    assert read_mask(folder / "a.png", width=3, height=1)[0].tolist() == [[2, 0, 1]]


def test_as_many_as_16_bits_hold_are_written_and_not_one_more(folder: Path) -> None:
    path = folder / "many.png"
    most = np.arange(MOST_INSTANCES + 1, dtype=np.int32).reshape(256, 256)
    write_mask(path, most)
    instances, xyxy = read_mask(path, width=256, height=256)
    np.testing.assert_array_equal(instances, most)
    assert len(xyxy) == MOST_INSTANCES
    before = path.read_bytes()
    for wrong, said in ((most + 1, "instance 65536"), (most - 1, "instance -1")):
        with pytest.raises(LabelError, match=rf"many\.png: {said}; a mask of 16 bits holds 65535"):
            write_mask(path, wrong)
    assert path.read_bytes() == before


def test_what_is_no_mask_of_this_micrograph_is_an_error(folder: Path) -> None:
    for name, shape in (("colour", (2, 3, 3)), ("alpha", (2, 3, 4)), ("small", (1, 3))):
        cv2.imwrite(str(folder / f"{name}.png"), np.zeros(shape, np.uint8))
    cv2.imwrite(str(folder / "float.tif"), np.zeros((2, 3), np.float32))
    (folder / "empty.png").write_bytes(b"")
    (folder / "text.png").write_text("0 0.5 0.5 0.1 0.1")
    for name in ("colour.png", "alpha.png", "float.tif", "empty.png", "text.png"):
        with pytest.raises(LabelError, match=rf"{name}: not an instance mask; expected a grey picture"):
            read_mask(folder / name, width=3, height=2)
    with pytest.raises(LabelError, match=r"small\.png: the mask is 3x1 px, the micrograph 3x2"):
        read_mask(folder / "small.png", width=3, height=2)
    with pytest.raises(LabelError, match=r"none\.png: cannot be read"):
        read_mask(folder / "none.png", width=3, height=2)
