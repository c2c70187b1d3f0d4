from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanotally.trainer.darknet.training import BURN_IN, Darknet, exposure, input_side_px, view_matrix

STOCK = Darknet()
DECAYING = Darknet(decays_at=(0.8, 0.9))
SEEDS = st.integers(0, 10_000)


def test_the_learning_rate_of_the_paper_rises_with_the_fourth_power_and_never_falls() -> None:
    assert STOCK.learning_rate(0) == 0
    assert STOCK.learning_rate(BURN_IN / 2) == pytest.approx(1 / 16)
    assert [STOCK.learning_rate(done) for done in (BURN_IN, 0.5, 0.9, 1.0)] == [1, 1, 1, 1]


def test_a_corrected_one_falls_to_a_tenth_twice() -> None:
    assert [DECAYING.learning_rate(done) for done in (0.5, 0.8, 0.95)] == pytest.approx([1, 0.1, 0.01])


@given(seed=SEEDS, resize=st.sampled_from([1.0, 1.5]), width=st.integers(100, 2000), height=st.integers(100, 2000))
def test_a_window_stays_within_what_jitter_and_zoom_allow(seed: int, resize: float, width: int, height: int) -> None:
    random.seed(seed)
    left, top, right, bottom = Darknet(resize=resize).window(width, height)
    outwards, inwards = 0.3 + (resize - 1) / 2, 0.3 + (1 - 1 / resize) / 2
    for low, high, side in ((left, right, width), (top, bottom, height)):
        assert -outwards * side <= low <= inwards * side
        assert (1 - inwards) * side <= high <= (1 + outwards) * side


@given(seed=SEEDS, width=st.integers(100, 2000), height=st.integers(100, 2000))
def test_a_letterboxed_window_is_square_and_holds_the_squeezed_one(seed: int, width: int, height: int) -> None:
    random.seed(seed)
    squeezed = STOCK.window(width, height)
    random.seed(seed)
    left, top, right, bottom = replace(STOCK, letterbox=True).window(width, height)
    assert right - left == pytest.approx(bottom - top)
    assert left <= squeezed[0] + 1e-6
    assert right >= squeezed[2] - 1e-6
    assert top <= squeezed[1] + 1e-6
    assert bottom >= squeezed[3] - 1e-6


@given(seed=SEEDS, turns=st.booleans())
def test_a_view_shows_its_window_and_nothing_else(seed: int, turns: bool) -> None:
    random.seed(seed)
    darknet = Darknet(turns=turns)
    left, top, right, bottom = window = darknet.window(640, 480)
    matrix = view_matrix(window, darknet.orientation(), 416)
    corners = np.array([[left, right, right, left], [top, top, bottom, bottom], [1, 1, 1, 1]])
    shown = (matrix @ corners)[:2].T
    assert {tuple(point) for point in shown.round(6)} == {(0.0, 0.0), (416.0, 0.0), (416.0, 416.0), (0.0, 416.0)}


def orientations(darknet: Darknet) -> set[tuple[float, ...]]:
    return {tuple(darknet.orientation().ravel()) for _ in range(200)}


def test_darknet_mirrors_left_and_right_only_and_a_corrected_recipe_knows_all_eight_ways() -> None:
    random.seed(0)
    assert orientations(STOCK) == {(1, 0, 0, 1), (-1, 0, 0, 1)}
    assert len(orientations(replace(STOCK, turns=True))) == 8


def test_the_input_changes_its_size_every_ten_batches() -> None:
    sizes = [input_side_px(416, batch, seed=0) for batch in range(20_000)]
    assert all(len(set(sizes[start : start + 10])) == 1 for start in range(0, len(sizes), 10))
    assert sorted(set(sizes)) == list(range(320, 609, 32))  # AlexeyAB's darknet with random=1
    assert [input_side_px(416, batch, seed=1) for batch in range(1000)] != sizes[:1000]


def test_exposure_brightens_as_often_as_it_darkens() -> None:
    random.seed(0)
    factors = np.array([exposure() for _ in range(2000)])
    assert factors.min() >= 1 / 1.5
    assert factors.max() <= 1.5
    assert np.mean(factors > 1) == pytest.approx(0.5, abs=0.05)
