"""A scale is a round length that fits, written with the unit people use for it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanotally.generator.scale import Mark, draw_mark, fit_scale, length_text


@given(
    seed=st.integers(0, 2**32 - 1), nm_per_px=st.floats(1e-3, 1e4), shortest=st.floats(4, 400), room=st.floats(2.51, 5),
    firsts=st.sampled_from([(1,), (1, 2, 5), (1, 2, 3), (1, 2, 3, 4, 5)]),
)  # fmt: skip
def test_the_length_is_round_and_fits(
    seed: int, nm_per_px: float, shortest: float, room: float, firsts: tuple[int, ...]
) -> None:
    scale = fit_scale(nm_per_px, shortest, room * shortest, np.random.default_rng(seed), firsts=firsts)
    assert shortest - 0.5 <= scale.length_px <= room * shortest + 0.5
    assert scale.length_px * nm_per_px == pytest.approx(scale.length_nm, abs=0.51 * nm_per_px)
    first, rest = f"{scale.length_nm:.6e}".split(".")
    assert int(first) in {*firsts, 1, 2, 5}
    assert rest.startswith("000000e")


@pytest.mark.parametrize(
    ("length_nm", "text"),
    [
        (0.5, "0.5 nm"),
        (50, "50 nm"),
        (999.4, "999 nm"),
        (999.6, "1 µm"),
        (2000, "2 µm"),
        (5e5, "500 µm"),
        (1e6, "1 mm"),
    ],
)
def test_nanometres_below_a_thousand(length_nm: float, text: str) -> None:
    assert length_text(length_nm) == text


@pytest.mark.parametrize(("length_nm", "text"), [(500, "500nm"), (1000, "1.00um"), (40_000, "40.0um"), (50, "50.0nm")])
def test_some_instruments_write_three_digits(length_nm: float, text: str) -> None:
    assert length_text(length_nm, digits="#.3g", space="", micro="u") == text


@given(mark=st.sampled_from(Mark), long=st.integers(12, 500), high=st.integers(3, 30), line=st.integers(1, 4))
def test_a_mark_is_as_long_as_it_says(mark: Mark, long: int, high: int, line: int) -> None:
    cover = draw_mark(mark, long, high, line).cover
    inked = np.flatnonzero(cover.any(axis=0))
    assert cover.shape == (high, long)
    assert (inked[0], inked[-1]) == (0, long - 1)


@pytest.mark.parametrize("mark", [Mark.RULE, Mark.COMB])
def test_ten_intervals_have_eleven_uprights(mark: Mark) -> None:
    starts = np.diff(draw_mark(mark, 201, 9, 1).cover[-1] > 0, prepend=False)
    assert np.flatnonzero(starts)[::2].tolist() == list(range(0, 201, 20))
