"""Procedural particles: true to the size they are labelled with, whole, and bright where a beam sees them so."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nanotally.generator.shapes import DRAW, Material, Sprite, cube, quasi_sphere
from nanotally.opencv import cv2

SHARP = Material(roundness=0.0, tilt_rad=0.0)
BARE = Material(tilt_gain=0, edge_gain=0, side_gain=0, roughness=0, roundness=0, irregularity=0, tilt_rad=0)
seeds = st.integers(0, 2**32 - 1)
materials = st.builds(
    Material,
    level=st.floats(0.05, 0.9),
    edge_gain=st.floats(0, 1),
    roughness=st.floats(0, 0.2),
    roundness=st.floats(0, 0.5),
    irregularity=st.floats(0, 0.1),
    tilt_rad=st.floats(0, 1.5),
)


def sides(sprite: Sprite) -> tuple[float, float]:
    """Shorter and longer side of the smallest rectangle around the mask, pixels."""
    corners = cv2.findNonZero(cv2.resize(sprite.alpha, None, fx=4, fy=4, interpolation=cv2.INTER_LINEAR).round())
    low, high = sorted(cv2.minAreaRect(corners)[1])
    return (low + 1) / 4, (high + 1) / 4


@settings(max_examples=30)
@given(edge=st.floats(20, 120), seed=seeds)
def test_a_flat_sharp_cube_is_a_square_of_its_edge_length(edge: float, seed: int) -> None:
    sprite = cube(edge, SHARP, np.random.default_rng(seed))
    assert sprite.size_px == edge
    assert np.sqrt(sprite.alpha.sum()) == pytest.approx(edge, rel=0.005)
    # The mask is known to half a pixel on each side, the area to far less.
    np.testing.assert_allclose(sides(sprite), edge, rtol=0.02, atol=0.5)


@settings(max_examples=30)
@given(edge=st.floats(20, 80), roundness=st.floats(0.1, 0.3), seed=seeds)
def test_rounded_corners_leave_the_edge_length_alone(edge: float, roundness: float, seed: int) -> None:
    flat = Material(roundness=roundness, tilt_rad=0.0)
    sprite = cube(edge, flat, np.random.default_rng(seed))
    assert sides(sprite)[1] == pytest.approx(edge, rel=0.02, abs=0.5)
    assert sprite.alpha.sum() < cube(edge, SHARP, np.random.default_rng(seed)).alpha.sum()


@settings(max_examples=30)
@given(diameter=st.floats(8, 150), seed=seeds)
def test_a_sphere_has_its_diameter(diameter: float, seed: int) -> None:
    sprite = quasi_sphere(diameter, BARE, np.random.default_rng(seed))
    assert sprite.size_px == pytest.approx(diameter, rel=0.01)
    np.testing.assert_allclose(sides(sprite), diameter, rtol=0.02, atol=0.5)


@settings(max_examples=30)
@given(diameter=st.floats(8, 150), irregularity=st.floats(0, 0.1), seed=seeds)
def test_the_size_of_a_quasi_sphere_is_that_of_the_circle_of_equal_area(
    diameter: float, irregularity: float, seed: int
) -> None:
    sprite = quasi_sphere(diameter, Material(irregularity=irregularity), np.random.default_rng(seed))
    assert np.pi / 4 * sprite.size_px**2 == pytest.approx(sprite.alpha.sum(), rel=1e-4)


@pytest.mark.parametrize("name", DRAW)
@given(size=st.floats(4, 100), material=materials, seed=seeds)
def test_a_particle_is_whole_and_finite(name: str, size: float, material: Material, seed: int) -> None:
    sprite = DRAW[name](size, material, np.random.default_rng(seed))
    assert sprite.signal.dtype == sprite.alpha.dtype == np.float32
    assert sprite.signal.shape == sprite.alpha.shape
    assert np.isfinite(sprite.signal).all()
    assert sprite.alpha.min() >= 0
    assert sprite.alpha.max() <= 1
    border = np.ones(sprite.alpha.shape, bool)
    border[1:-1, 1:-1] = False
    assert not sprite.alpha[border].any()
    assert sprite.mask.any()
    np.testing.assert_array_equal(sprite.mask, sprite.alpha >= 0.5)


@pytest.mark.parametrize("name", DRAW)
def test_the_same_seed_draws_the_same_particle(name: str) -> None:
    one, other, another = (DRAW[name](30, Material(), np.random.default_rng(seed)) for seed in (4, 4, 5))
    np.testing.assert_array_equal(one.signal, other.signal)
    assert one.signal.shape != another.signal.shape or (one.signal != another.signal).any()


@pytest.mark.parametrize("name", DRAW)
def test_a_bare_face_has_the_level_of_the_material(name: str) -> None:
    sprite = DRAW[name](40, BARE, np.random.default_rng(0))
    np.testing.assert_allclose(sprite.signal[sprite.mask], BARE.level, rtol=1e-3)


def rim_and_middle(sprite: Sprite) -> tuple[float, float]:
    depth = cv2.distanceTransform(sprite.mask.astype(np.uint8), cv2.DIST_L2, 5)
    return float(sprite.signal[(depth > 0) & (depth < 3)].mean()), float(sprite.signal[depth > 12].mean())


@pytest.mark.parametrize(
    ("name", "gain"),
    [("quasi_sphere", {"tilt_gain": 1.0}), ("quasi_sphere", {"edge_gain": 0.5}), ("cube", {"edge_gain": 0.5})],
)
def test_secondary_electrons_brighten_the_rim(name: str, gain: dict[str, float]) -> None:
    material = Material(**{**vars(BARE), **gain})
    rim, middle = rim_and_middle(DRAW[name](50, material, np.random.default_rng(0)))
    assert rim > 1.2 * middle


def test_the_detector_lights_one_side() -> None:
    material = Material(**{**vars(BARE), "side_gain": 0.3, "side_rad": 0.0})
    sprite = quasi_sphere(60, material, np.random.default_rng(0))
    middle = sprite.mask.shape[1] // 2
    left, right = (sprite.signal[:, part][sprite.mask[:, part]].mean() for part in (slice(middle), slice(middle, None)))
    assert right > left + 0.1 * material.level
