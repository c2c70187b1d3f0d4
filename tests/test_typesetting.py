"""A line of text is as high as it was asked to be, and ink is chosen so that it can be read."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanotally.generator.typesetting import (
    CONTRAST,
    PLOTTER,
    READABLE,
    ROMAN,
    ROMAN_BOLD,
    SANS,
    SANS_BOLD,
    SANS_NARROW,
    SOFT_PX,
    TYPEWRITER,
    Face,
    around,
    block,
    legible_ink,
    print_pieces,
    set_line,
    softened,
)

FACES = (SANS, SANS_BOLD, SANS_NARROW, ROMAN, ROMAN_BOLD, TYPEWRITER, PLOTTER)
faces = st.sampled_from(FACES)


@given(face=faces, capital=st.floats(4, 60))
def test_a_capital_is_as_high_as_asked_and_stands_on_the_baseline(face: Face, capital: float) -> None:
    _, top, _, bottom = set_line("H", face, capital).box
    assert -top == pytest.approx(capital, abs=0.13 * capital + 1)
    assert bottom == pytest.approx(0, abs=0.08 * capital + 1)


@given(face=faces, text=st.text("0123456789abcdgpqkVWM()=.:µ°", min_size=1, max_size=12), capital=st.floats(4, 40))
def test_the_box_is_tight_about_the_ink(face: Face, text: str, capital: float) -> None:
    cover = set_line(text, face, capital).cover
    assert (cover[:, [0, -1]].max(axis=0) > 0).all()
    assert (cover[[0, -1]].max(axis=1) > 0).all()


@pytest.mark.parametrize("face", FACES)
def test_micro_has_a_tail_that_u_has_not(face: Face) -> None:
    u, micro = (set_line(letter, face, 20) for letter in "uµ")
    assert micro.box[3] >= u.box[3] + 4
    assert micro.cover.shape[1] == pytest.approx(u.cover.shape[1], abs=1)


def test_a_line_of_nothing_has_no_ink() -> None:
    assert set_line(" ", SANS, 12).cover.size == 0


@given(face=faces, sigma=st.floats(0.01, 0.9))
def test_soft_edges_keep_ink_and_place(face: Face, sigma: float) -> None:
    sharp = set_line("(a) 5 µm", face, 14).moved(30, 40)
    soft = softened(sharp, sigma)
    assert soft.box == tuple(edge + by for edge, by in zip(sharp.box, (-SOFT_PX,) * 2 + (SOFT_PX,) * 2, strict=True))
    assert soft.cover.sum(dtype=float) == pytest.approx(sharp.cover.sum(dtype=float), rel=0.03)


def test_ink_is_blended_by_its_cover() -> None:
    image = np.full((4, 6), 100, np.uint8)
    pieces = [block(1, 2).moved(1, 1), block(2, 1).moved(4, 2)]
    pieces[1].cover[:] = 51
    print_pieces(image, pieces, 200)
    assert image[1].tolist() == [100, 200, 200, 100, 100, 100]
    assert image[2:, 4].tolist() == [120, 120]
    assert around(pieces) == (1, 1, 5, 4)


@given(seed=st.integers(0, 2**32 - 1), mean=st.floats(0, 255), spread=st.floats(0, 90))
def test_legible_ink_stands_out_from_its_ground(seed: int, mean: float, spread: float) -> None:
    ground = np.clip(np.random.default_rng(seed).normal(mean, spread, (20, 30)), 0, 255).astype(np.uint8)
    ink = legible_ink(ground)
    if ink is not None:
        assert (np.abs(ground.astype(int) - ink) >= CONTRAST).mean() >= READABLE
    if spread < 10:
        assert ink == (255 if np.median(ground) < 140 else 0)


def test_on_a_chequered_ground_no_ink_is_legible() -> None:
    assert legible_ink(np.array([[0, 255], [255, 0]], np.uint8)) is None
