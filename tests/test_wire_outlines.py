"""Contours in 16 bits: as they were to a part of a pixel, or none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nanotally.wire import outlines_from
from nanotally.wire.outlines import FINEST_PX, NONE, read_outlines


@settings(max_examples=40)
@given(
    n=st.integers(0, 40), points=st.integers(1, 64), seed=st.integers(0, 99),
    width=st.integers(1, 20_000), height=st.integers(1, 20_000),
)  # fmt: skip
def test_a_contour_in_the_frame_comes_back_to_half_a_unit(
    n: int, points: int, seed: int, width: int, height: int
) -> None:
    given = (np.random.default_rng(seed).random((n, points, 2)) * 0.9999 * [width, height]).astype(np.float32)
    unit_px, outlines = outlines_from(given, width=width, height=height)
    assert outlines.dtype == np.int16
    assert outlines.shape == given.shape
    assert (outlines >= 0).all()
    np.testing.assert_array_equal(read_outlines({"points": points, "unit_px": unit_px}, outlines.tobytes()), outlines)
    assert np.abs(outlines * unit_px - given).max(initial=0) <= unit_px * 1.01


@pytest.mark.parametrize(
    ("side", "unit_px"), [(1, 1 / 16), (2048, 1 / 16), (2049, 1 / 8), (4096, 1 / 8), (6144, 1 / 4)]
)
def test_the_unit_is_as_fine_as_the_frame_allows(side: int, unit_px: float) -> None:
    assert outlines_from(np.zeros((0, 4, 2)), width=side, height=1)[0] == unit_px
    assert outlines_from(np.zeros((0, 4, 2)), width=1, height=side)[0] == unit_px
    assert unit_px >= FINEST_PX


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -0.01, -1e9, 1e9, 640.0])
def test_a_contour_that_is_not_known_or_leaves_the_frame_is_none(wrong: float) -> None:
    given = np.full((2, 8, 2), 5, np.float32)
    given[1, 3, 0] = wrong
    _, outlines = outlines_from(given, width=640, height=480)
    assert (outlines[0] == 5 / FINEST_PX).all()
    assert (outlines[1] == NONE).all()
