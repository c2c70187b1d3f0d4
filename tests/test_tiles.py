from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanotally.detect.tiles import LARGEST_PX, PAD, Level, cut_tiles, plan_levels


@given(
    height=st.integers(1, 900),
    width=st.integers(1, 900),
    side=st.integers(32, 256),
    overlap_share=st.floats(0, 0.9),
)
def test_tiles_cover_the_field_with_the_overlap(height: int, width: int, side: int, overlap_share: float) -> None:
    overlap = int(side * overlap_share)
    level = level_of(height, width, side, None, overlap)
    assert level.tile == (side, side)
    assert_covered(level, height, width, overlap)


@given(
    height=st.integers(1, 9000),
    width=st.integers(1, 9000),
    stride=st.sampled_from([8, 32, 64]),
    overlap=st.integers(0, 1400),
)
def test_large_tiles_cover_the_field_too_and_are_multiples_of_the_stride(
    height: int, width: int, stride: int, overlap: int
) -> None:
    level = level_of(height, width, 416, stride, overlap)
    assert_covered(level, height, width, overlap)
    for tile, length in zip(level.tile, (width, height), strict=True):
        assert tile % stride == 0
        assert tile <= LARGEST_PX
        assert tile < length + stride  # no more is padded than must be


def level_of(height: int, width: int, side: int, stride: int | None, overlap: int) -> Level:
    """The finest level."""
    (level,) = plan_levels(
        height=height, width=width, input_size=side, stride=stride, overlap=overlap, scale=1.0, most=1
    )
    return level


def assert_covered(level: Level, height: int, width: int, overlap: int) -> None:
    for axis, length in ((0, width), (1, height)):
        side = level.tile[axis]
        starts = sorted({int(corner[axis]) for corner in level.corners})
        assert starts[0] == 0
        assert starts[-1] == max(length - side, 0)
        assert all(b - a <= side - overlap for a, b in pairwise(starts))


def test_a_frame_of_1280_by_960_is_twelve_tiles_of_416_or_one_of_any_size() -> None:
    assert len(level_of(960, 1280, 416, None, 96).corners) == 12
    whole = level_of(960, 1280, 416, 32, 96)
    assert whole.corners.tolist() == [[0, 0]]
    assert whole.tile == (1280, 960)


@pytest.mark.parametrize("stride", [None, 32])
def test_levels_halve_until_the_field_is_not_larger_than_the_input(stride: int | None) -> None:
    levels = plan_levels(height=960, width=1280, input_size=416, stride=stride, overlap=96, scale=1.0, most=None)
    assert [(level.width, level.height) for level in levels] == [(1280, 960), (640, 480), (320, 240)]
    assert len(levels[-1].corners) == 1
    if stride:
        assert [level.tile for level in levels] == [(1280, 960), (640, 480), (320, 256)]


def test_a_tile_is_the_field_at_that_place_scaled_to_one() -> None:
    field = np.random.default_rng(0).integers(0, 256, (300, 500), dtype=np.uint8)
    level = level_of(300, 500, 128, None, 16)
    out = np.empty((len(level.corners), 1, 128, 128), np.float32)
    cut_tiles(field, level, out)
    for tile, (x, y) in zip(out, level.corners, strict=True):
        np.testing.assert_allclose(tile[0] * 255, field[y : y + 128, x : x + 128], atol=1e-3)


def test_beyond_the_border_a_tile_has_the_grey_of_the_training() -> None:
    level = level_of(20, 30, 64, None, 8)
    out = np.zeros((1, 1, 64, 64), np.float32)
    cut_tiles(np.full((20, 30), 255, np.uint8), level, out)
    assert (out[0, 0, :20, :30] == 1).all()
    np.testing.assert_allclose(out[0, 0, 20:], PAD / 255)
    np.testing.assert_allclose(out[0, 0, :, 30:], PAD / 255)
