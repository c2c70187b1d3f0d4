"""Painting particles: what is on top is seen, shadows and depth darken, a beam that passes through is weakened."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nanotally.generator.bodies import Habit, Image, Material, Sprite, quasi_sphere
from nanotally.generator.placement import Placed
from nanotally.generator.scene import paint_particles

HEIGHT, WIDTH = 60, 80
seeds = st.integers(0, 2**32 - 1)


def square(x: int, y: int, side: int = 10, *, level: float = 0.5) -> Placed:
    alpha = np.ones((side, side), np.float32)
    return Placed(Sprite(alpha * np.float32(level), alpha, 0, float(side)), x, y)


def bare(level: float = 0.2) -> Image:
    return np.full((HEIGHT, WIDTH), level, np.float32)


def pile(rng: np.random.Generator, count: int, material: Material) -> list[Placed]:
    """Quasi-spheres anywhere, also beside the field."""
    sizes = rng.uniform(4, 40, count)
    return [
        Placed(quasi_sphere(float(size), Habit(), material, rng), *rng.integers(-40, 80, 2).tolist()) for size in sizes
    ]


def test_particles_are_painted_bottom_up() -> None:
    canvas = bare(0.1)
    paint_particles(canvas, [square(10, 10, level=0.4), square(15, 10, level=0.8), square(-100, 0)])
    assert canvas[12, 12] == pytest.approx(0.4)
    assert canvas[12, 17] == pytest.approx(0.8)
    assert canvas[30, 30] == pytest.approx(0.1)


@settings(max_examples=30)
@given(seed=seeds, count=st.integers(0, 12))
def test_each_pixel_is_that_of_the_topmost_particle_or_the_substrate(seed: int, count: int) -> None:
    placed = pile(np.random.default_rng(seed), count, Material())
    canvas = bare()
    paint_particles(canvas, placed)
    for y, x in np.random.default_rng(seed).integers(0, (HEIGHT, WIDTH), (50, 2)):
        expected = 0.2
        for spot in placed:
            v, u = y - spot.y, x - spot.x
            if 0 <= v < spot.sprite.alpha.shape[0] and 0 <= u < spot.sprite.alpha.shape[1]:
                alpha = spot.sprite.alpha[v, u]
                expected = (1 - alpha) * expected + alpha * spot.sprite.signal[v, u]
        assert canvas[y, x] == pytest.approx(expected, abs=1e-5)


def test_lower_particles_are_darker_and_shadows_lie_beside_them() -> None:
    canvas = bare()
    paint_particles(canvas, [square(10, 10, 12), square(40, 30)], shadow=0.5, sunk=0.4)
    assert canvas[15, 15] == pytest.approx(0.5 * 0.8)
    assert canvas[35, 45] == pytest.approx(0.5)
    assert canvas[15, 9] < 0.18
    assert canvas[5, 70] == pytest.approx(0.2)


@given(
    x=st.integers(-11, 79), y=st.integers(-11, 59), side=st.sampled_from([12, 20, 28, 36]), shadow=st.floats(0.05, 1)
)
def test_a_shadow_only_darkens_and_ends_near_its_particle(x: int, y: int, side: int, shadow: float) -> None:
    canvas = bare()
    paint_particles(canvas, [square(x, y, side)], shadow=shadow)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    away = np.maximum.reduce([x - columns, columns - (x + side - 1), y - rows, rows - (y + side - 1)])
    np.testing.assert_allclose(canvas[away <= 0], 0.5, rtol=1e-5)
    assert (canvas[away > 0] <= 0.2 + 1e-6).all()
    assert (canvas[away > 0] >= 0.2 * (1 - shadow) - 1e-6).all()
    np.testing.assert_array_equal(canvas[away > side / 4], np.float32(0.2))
    beside = canvas[away == 1]
    assert beside.size == 0 or beside.min() < 0.2


def test_shadows_fall_on_what_lies_below_and_not_on_what_lies_above() -> None:
    canvas = bare()
    paint_particles(canvas, [square(10, 10, 20), square(25, 10, 20)], shadow=0.6)
    assert canvas[20, 24] < 0.45
    assert canvas[20, 26] == pytest.approx(0.5)


@given(sunk=st.floats(0, 1), count=st.integers(1, 8))
def test_the_topmost_keeps_its_signal_and_each_below_has_lost_the_same_more(sunk: float, count: int) -> None:
    canvas = bare(0)
    paint_particles(canvas, [square(10 * i, 20, level=1) for i in range(count)], sunk=sunk)
    levels = canvas[25, 5 : 10 * count : 10]
    np.testing.assert_allclose(levels, 1 - sunk * np.arange(count - 1, -1, -1) / count, atol=1e-6)


@settings(max_examples=30)
@given(seed=seeds, count=st.integers(0, 12))
def test_in_transmission_what_comes_through_is_the_product_in_any_order(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    placed = pile(rng, count, Material(absorption=1.5, edge_gain=0))
    expected = bare(0.9).astype(float)
    for spot in placed:
        at, part = spot.windows(HEIGHT, WIDTH)
        expected[at] *= 1 - spot.sprite.alpha[part] * (1 - spot.sprite.signal[part])
    for order in (placed, placed[::-1]):
        canvas = bare(0.9)
        paint_particles(canvas, order, transmission=True)
        np.testing.assert_allclose(canvas, expected, atol=1e-5)


def test_in_transmission_two_that_overlap_are_darker_than_each_and_nothing_casts_a_shadow() -> None:
    canvas = bare(0.8)
    paint_particles(canvas, [square(10, 10, level=0.5), square(16, 10, level=0.5)], transmission=True, shadow=0.5)
    assert canvas[15, 12] == pytest.approx(0.4)
    assert canvas[15, 18] == pytest.approx(0.2)
    assert canvas[15, 9] == pytest.approx(0.8)
