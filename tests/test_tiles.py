from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nanotally.detect.tiles import PAD, cut_tiles, plan_levels


@given(
    height=st.integers(1, 900),
    width=st.integers(1, 900),
    side=st.integers(32, 256),
    overlap_share=st.floats(0, 0.9),
)
def test_tiles_cover_the_field_with_the_overlap(height: int, width: int, side: int, overlap_share: float) -> None:
    overlap = int(side * overlap_share)
    (level,) = plan_levels(height=height, width=width, side=side, overlap=overlap, scale=1.0, most=1)
    for axis, length in ((0, width), (1, height)):
        starts = sorted({int(corner[axis]) for corner in level.corners})
        assert starts[0] == 0
        assert starts[-1] == max(length - side, 0)
        assert all(b - a <= side - overlap for a, b in pairwise(starts))


def test_a_frame_of_1280_by_960_is_twelve_tiles_of_416() -> None:
    (level,) = plan_levels(height=960, width=1280, side=416, overlap=96, scale=1.0, most=1)
    assert len(level.corners) == 12


def test_levels_halve_until_one_tile_holds_the_field() -> None:
    levels = plan_levels(height=960, width=1280, side=416, overlap=96, scale=1.0, most=None)
    assert [(level.width, level.height) for level in levels] == [(1280, 960), (640, 480), (320, 240)]
    assert len(levels[-1].corners) == 1


def test_a_tile_is_the_field_at_that_place_scaled_to_one() -> None:
    field = np.random.default_rng(0).integers(0, 256, (300, 500), dtype=np.uint8)
    (level,) = plan_levels(height=300, width=500, side=128, overlap=16, scale=1.0, most=1)
    out = np.empty((len(level.corners), 1, 128, 128), np.float32)
    cut_tiles(field, level, out)
    for tile, (x, y) in zip(out, level.corners, strict=True):
        np.testing.assert_allclose(tile[0] * 255, field[y : y + 128, x : x + 128], atol=1e-3)


def test_beyond_the_border_a_tile_has_the_grey_of_the_training() -> None:
    (level,) = plan_levels(height=20, width=30, side=64, overlap=8, scale=1.0, most=None)
    out = np.zeros((1, 1, 64, 64), np.float32)
    cut_tiles(np.full((20, 30), 255, np.uint8), level, out)
    assert (out[0, 0, :20, :30] == 1).all()
    np.testing.assert_allclose(out[0, 0, 20:], PAD / 255)
    np.testing.assert_allclose(out[0, 0, :, 30:], PAD / 255)
