"""A scene and the truth about it: boxes tight to what is seen, pixel by pixel."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nanotally.generator.placement import Placed
from nanotally.generator.scene import (
    DIFFICULT_BELOW,
    LEAST_VISIBLE,
    Substrate,
    Truth,
    paint_particles,
    paint_substrate,
    truth_of,
)
from nanotally.generator.shapes import Material, Sprite, quasi_sphere

HEIGHT, WIDTH = 60, 80


def square(x: int, y: int, side: int = 10, *, level: float = 0.5) -> Placed:
    alpha = np.ones((side, side), np.float32)
    return Placed(Sprite(alpha * np.float32(level), alpha, 0, float(side)), x, y)


def nowhere() -> np.ndarray:
    return np.zeros((HEIGHT, WIDTH), bool)


def check_exact(truth: Truth) -> None:
    """Boxes are tight and half-open around the pixels of their instance, and there is no other instance."""
    assert set(np.unique(truth.instances)) <= set(range(len(truth.detections) + 1))
    for row, (x1, y1, x2, y2) in enumerate(truth.detections.xyxy, start=1):
        ys, xs = np.nonzero(truth.instances == row)
        assert (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1) == (x1, y1, x2, y2)


@st.composite
def piles(draw: st.DrawFn) -> list[Placed]:
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    count = draw(st.integers(0, 15))
    return [
        Placed(quasi_sphere(float(rng.uniform(4, 40)), Material(), rng), *rng.integers(-30, 70, 2).tolist())
        for _ in range(count)
    ]


@settings(max_examples=50)
@given(placed=piles(), seed=st.integers(0, 999), bar=st.integers(0, 20))
def test_labels_are_exact_in_any_pile(placed: list[Placed], seed: int, bar: int) -> None:
    hidden = np.random.default_rng(seed).random((HEIGHT, WIDTH)) < 0.1
    truth = truth_of(placed, hidden, bar_px=bar)
    check_exact(truth)
    assert not truth.instances[hidden].any()
    assert not truth.instances[HEIGHT - bar :].any()
    assert (truth.visible >= LEAST_VISIBLE).all()
    np.testing.assert_array_equal(truth.difficult, truth.visible < DIFFICULT_BELOW)
    seen = np.bincount(truth.instances.ravel(), minlength=len(truth.visible) + 1)[1:]
    whole = {round(spot.sprite.size_px, 3): spot.sprite.mask.sum() for spot in placed}
    shares = [n / whole[round(float(size), 3)] for n, size in zip(seen, truth.size_px, strict=True)]
    np.testing.assert_allclose(truth.visible, shares, rtol=1e-5)


def test_what_lies_on_top_hides_what_lies_below() -> None:
    truth = truth_of([square(10, 10), square(16, 10)], nowhere())
    np.testing.assert_array_equal(truth.detections.xyxy, [[10, 10, 16, 20], [16, 10, 26, 20]])
    np.testing.assert_allclose(truth.visible, [0.6, 1.0])
    assert not truth.difficult.any()
    assert not truth.truncated.any()


@pytest.mark.parametrize(
    ("covered_px", "labelled", "difficult"), [(4, True, False), (6, True, True), (7, True, True), (8, False, False)]
)
def test_a_hardly_visible_particle_is_difficult_and_a_hidden_one_is_not_labelled(
    covered_px: int, labelled: bool, difficult: bool
) -> None:
    truth = truth_of([square(10, 10), square(20 - covered_px, 10)], nowhere())
    assert len(truth.detections) == 1 + labelled
    assert truth.difficult.tolist() == ([difficult, False] if labelled else [False])
    # Its pixels are nobody's then.
    assert set(np.unique(truth.instances)) == set(range(2 + labelled))


def test_the_border_truncates() -> None:
    truth = truth_of([square(-4, 10), square(40, 10), square(75, 55), square(-20, -20)], nowhere())
    np.testing.assert_array_equal(truth.detections.xyxy, [[0, 10, 6, 20], [40, 10, 50, 20], [75, 55, 80, 60]])
    assert truth.truncated.tolist() == [True, False, True]
    np.testing.assert_allclose(truth.visible, [0.6, 1, 0.25])


def test_the_databar_truncates_even_where_it_looks_like_the_specimen() -> None:
    truth = truth_of([square(10, 44)], nowhere(), bar_px=10)
    np.testing.assert_array_equal(truth.detections.xyxy, [[10, 44, 20, 50]])
    assert truth.truncated.tolist() == [True]
    assert truth.instances.shape == (HEIGHT, WIDTH)


def test_every_scrap_is_in_the_truth_when_asked_for() -> None:
    scrap = square(79, 59)
    assert len(truth_of([scrap], nowhere()).detections) == 0
    truth = truth_of([scrap, square(100, 0)], nowhere(), least_visible=0)
    np.testing.assert_array_equal(truth.detections.xyxy, [[79, 59, 80, 60]])
    np.testing.assert_allclose(truth.visible, [0.01])


def test_an_empty_scene_has_an_empty_truth() -> None:
    truth = truth_of([], nowhere())
    assert len(truth.detections) == len(truth.size_px) == 0
    assert not truth.instances.any()


def test_classes_and_sizes_are_those_of_the_particles() -> None:
    truth = truth_of([square(0, 0, 8), square(20, 20, 12)], nowhere())
    assert truth.detections.class_id.tolist() == [0, 0]
    assert truth.size_px.tolist() == [8, 12]


def test_particles_are_painted_bottom_up() -> None:
    canvas = np.full((HEIGHT, WIDTH), 0.1, np.float32)
    paint_particles(canvas, [square(10, 10, level=0.4), square(15, 10, level=0.8), square(-100, 0)])
    assert canvas[12, 12] == pytest.approx(0.4)
    assert canvas[12, 17] == pytest.approx(0.8)
    assert canvas[30, 30] == pytest.approx(0.1)


def test_lower_particles_are_darker_and_shadows_lie_beside_them() -> None:
    canvas = np.full((HEIGHT, WIDTH), 0.2, np.float32)
    paint_particles(canvas, [square(10, 10), square(40, 30)], shadow=0.5, sunk=0.4)
    assert canvas[15, 15] == pytest.approx(0.5 * 0.8)
    assert canvas[35, 45] == pytest.approx(0.5)
    assert canvas[15, 9] < 0.18
    assert canvas[5, 70] == pytest.approx(0.2)


@pytest.mark.parametrize(
    "substrate", [Substrate(), Substrate(gradient=0.5), Substrate(grain=0.2), Substrate(blotches=0.1)]
)
def test_the_substrate_has_its_level_and_its_texture(substrate: Substrate) -> None:
    bare = paint_substrate(200, 300, substrate, np.random.default_rng(0))
    assert bare.shape == (200, 300)
    assert bare.dtype == np.float32
    assert bare.mean() == pytest.approx(substrate.level, rel=0.15)
    textured = substrate != Substrate()
    assert (bare.std() > 0.03 * substrate.level) == textured


def test_the_grain_has_its_strength() -> None:
    bare = paint_substrate(200, 300, Substrate(level=0.2, grain=0.1, grain_px=2), np.random.default_rng(0))
    assert bare.std() == pytest.approx(0.02, rel=0.02)
