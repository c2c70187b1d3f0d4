"""Particles as solid bodies: true to the size they are labelled with, whole, and turned as they say."""

from itertools import permutations, product

import numpy as np
import pytest
from bodies import ALL, BARE, PLAIN, ROUND, SHARP, edges, habits, moment, random, seeds, shares
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from nanotally.generator.bodies import CUBE, OTHERS, QUASI_SPHERE, Draw, Habit, Material, Sprite, quasi_sphere
from nanotally.generator.bodies.polyhedra import FEWEST_FACETS, cube
from nanotally.generator.bodies.solid import turned
from nanotally.opencv import cv2

DIRECTIONS = np.arange(1440) * 2 * np.pi / 1440


def axes(sprite: Sprite) -> tuple[float, float, float]:
    """Shorter and longer axis of the ellipse of equal second moments, pixels, and the longer one's angle."""
    y, x = np.indices(sprite.alpha.shape)
    spread = np.cov(x.ravel(), y.ravel(), aweights=sprite.alpha.ravel())
    (low, high), ways = np.linalg.eigh(spread)
    return 4 * float(np.sqrt(low)), 4 * float(np.sqrt(high)), float(np.arctan2(ways[1, 1], ways[0, 1]))


def sides(sprite: Sprite) -> tuple[float, float]:
    """Shorter and longer side of the smallest rectangle around the mask, pixels."""
    corners = cv2.findNonZero(cv2.resize(sprite.alpha, None, fx=4, fy=4, interpolation=cv2.INTER_LINEAR).round())
    low, high = sorted(cv2.minAreaRect(corners)[1])
    return (low + 1) / 4, (high + 1) / 4


def equivalent_diameter(sprite: Sprite) -> float:
    """Diameter of the circle of equal area, pixels."""
    return 2 * float(np.sqrt(sprite.alpha.sum() / np.pi))


def radii(sprite: Sprite) -> NDArray[np.float64]:
    """From the centre of gravity to the contour in each of `DIRECTIONS`, pixels."""
    half = (len(sprite.alpha) - 1) / 2
    centre = half * (1 + 1j) + moment(sprite, 1)
    size = round(half), len(DIRECTIONS)  # of the polar picture: a pixel of radius a column
    polar = cv2.warpPolar(sprite.alpha, size, (centre.real, centre.imag), size[0], cv2.INTER_LINEAR)
    return np.asarray(polar.sum(axis=1))


def seen_support(sprite: Sprite) -> NDArray[np.float64]:
    """How far the mask reaches from its centre in each of `DIRECTIONS`, pixels."""
    middle = (sprite.alpha.shape[0] - 1) / 2 * (1 + 1j) + moment(sprite, 1)
    points = cv2.findNonZero(sprite.mask.astype(np.uint8))[:, 0] @ [1, 1j] - middle
    rim = cv2.convexHull(np.stack([points.real, points.imag], 1).astype(np.float32))[:, 0]
    reach = rim @ np.stack([np.cos(DIRECTIONS), np.sin(DIRECTIONS)])
    return np.asarray(reach.max(axis=0) + 0.5)  # a pixel is half as wide


def check_contour(sprite: Sprite, corners: NDArray[np.float64], radius_px: float) -> None:
    """The sprite is the shadow of a ball of `radius_px` that has rolled around `corners` (n, 3).

    The shadow reaches as far as its farthest corner and the ball; its area is that of the polygon of its tangents.
    """
    support = (corners[:, :2] @ np.stack([np.cos(DIRECTIONS), np.sin(DIRECTIONS)])).max(axis=0) + radius_px
    np.testing.assert_allclose(seen_support(sprite), support, atol=1)
    step = DIRECTIONS[1]
    tangent = (np.roll(support, 1) + np.roll(support, -1) - 2 * support * np.cos(step)) / np.sin(step)
    assert sprite.alpha.sum() == pytest.approx((support * tangent).sum() / 2, rel=0.01)


@settings(max_examples=60)
@given(edge=edges, roundness=st.floats(0, 0.95), tilt=st.floats(0, 1.6), seed=seeds)
def test_the_contour_of_a_cube_is_exact_at_every_tilt_and_roundness(
    edge: float, roundness: float, tilt: float, seed: int
) -> None:
    sprite = cube(edge, Habit(roundness=roundness, tilt_rad=tilt), PLAIN, random(seed))
    rotation, turn = turned(None, tilt, random(seed))
    corners = np.array(list(product((-1, 1), repeat=3))) * edge / 2 * (1 - roundness)
    check_contour(sprite, corners @ rotation.T, roundness * edge / 2)
    assert (sprite.size_px, sprite.turn_rad, sprite.class_id) == (edge, turn, CUBE)


@settings(max_examples=40)
@given(edge=edges, truncation=st.floats(0.001, 0.999), seed=seeds)
def test_truncation_cuts_the_corners_and_leaves_the_faces_in_place(edge: float, truncation: float, seed: int) -> None:
    sprite = cube(edge, Habit(roundness=0, truncation=truncation, tilt_rad=1.5), PLAIN, random(seed))
    rotation, _ = turned(None, 1.5, random(seed))
    # Every corner becomes three, each on one of its edges.
    cut = [
        p
        for signs in product((-1, 1), repeat=3)
        for p in permutations((1, 1, 1 - truncation))
        for p in [p * np.array(signs)]
    ]
    check_contour(sprite, np.array(cut) @ rotation.T * edge / 2, 0.0)
    assert sprite.size_px == edge


@settings(max_examples=30)
@given(edge=edges, seed=seeds)
def test_a_flat_sharp_cube_is_a_square_of_its_edge_length(edge: float, seed: int) -> None:
    sprite = cube(edge, SHARP, PLAIN, random(seed))
    assert np.sqrt(sprite.alpha.sum()) == pytest.approx(edge, rel=0.005)
    # The mask is known to half a pixel on each side, the area to far less.
    np.testing.assert_allclose(sides(sprite), edge, rtol=0.02, atol=0.5)


@settings(max_examples=40)
@given(edge=edges, roundness=st.floats(0, 0.9), tilt=st.floats(0, 0.15), seed=seeds)
def test_across_its_faces_a_cube_measures_its_edge_length(
    edge: float, roundness: float, tilt: float, seed: int
) -> None:
    flat, leaning = (
        cube(edge, Habit(roundness=roundness, tilt_rad=most), PLAIN, random(seed), turn_rad=0.0) for most in (0, tilt)
    )
    for axis in (0, 1):
        assert flat.alpha.sum(axis).max() == pytest.approx(edge, rel=0.01)
        # Leaning, it shows a bit of the faces at its sides: never less than its edge.
        assert 0.99 * edge < leaning.alpha.sum(axis).max() < 1.01 * edge * (1 + tilt)


@settings(max_examples=30)
@given(edge=edges, roundness=st.floats(0.2, 0.9), seed=seeds)
def test_rounding_takes_the_four_corners_of_a_flat_cube(edge: float, roundness: float, seed: int) -> None:
    sprite = cube(edge, Habit(roundness=roundness, tilt_rad=0), PLAIN, random(seed))
    lost = (4 - np.pi) * (roundness * edge / 2) ** 2
    assert sprite.alpha.sum() == pytest.approx(edge**2 - lost, rel=0.005, abs=2)


@settings(max_examples=40)
@given(edge=edges, concavity=st.floats(0, 0.3), seed=seeds)
def test_concavity_draws_the_sides_in_and_leaves_the_corners_in_place(edge: float, concavity: float, seed: int) -> None:
    habit = Habit(roundness=0, tilt_rad=0, concavity=concavity)
    upright, anyhow = (cube(edge, habit, PLAIN, random(seed), turn_rad=turn) for turn in (0.0, None))
    for alpha in (upright.alpha, upright.alpha.T):
        assert alpha[len(alpha) // 2].sum() == pytest.approx((1 - concavity) * edge, abs=0.3)
        assert (alpha >= 0.5).any(axis=0).sum() == pytest.approx(edge, abs=2)  # the tips are less than a pixel wide
    # Each of the four sides loses what lies above a parabola: two thirds of its length by its depth.
    assert anyhow.alpha.sum() == pytest.approx(edge**2 * (1 - 4 / 3 * concavity), rel=0.02)
    assert upright.size_px == anyhow.size_px == edge


@settings(max_examples=40)
@given(edge=edges, oblong=st.floats(1, 3), seed=seeds)
def test_an_oblong_cube_is_a_block_within_its_ratio(edge: float, oblong: float, seed: int) -> None:
    block = cube(edge, Habit(roundness=0, tilt_rad=0, oblong=oblong), PLAIN, random(seed), turn_rad=0.0)
    short, long = sorted(float(block.alpha.sum(axis).max()) for axis in (0, 1))
    third = edge**3 / (short * long)
    assert max(short, long, third) / min(short, long, third) < oblong * 1.02
    assert block.alpha.sum() == pytest.approx(short * long, rel=0.01)
    assert block.size_px == edge


def test_blocks_differ() -> None:
    habit = Habit(roundness=0, tilt_rad=0, oblong=1.8)
    sides = [cube(50, habit, PLAIN, random(seed), turn_rad=0.0).alpha.sum(0).max() for seed in range(20)]
    assert np.ptp(sides) > 10


@settings(max_examples=30)
@given(diameter=st.floats(8, 150), seed=seeds)
def test_a_sphere_has_its_diameter(diameter: float, seed: int) -> None:
    sprite = quasi_sphere(diameter, ROUND, PLAIN, random(seed))
    assert sprite.size_px == pytest.approx(diameter, rel=0.01)
    np.testing.assert_allclose(sides(sprite), diameter, rtol=0.02, atol=0.5)


@settings(max_examples=50)
@given(
    diameter=st.floats(10, 120),
    irregularity=st.floats(0, 0.05),
    elongation=st.floats(1, 2),
    shell=shares,
    seed=seeds,
)
def test_a_smooth_quasi_sphere_keeps_its_equivalent_diameter(
    diameter: float, irregularity: float, elongation: float, shell: float, seed: int
) -> None:
    habit = Habit(irregularity=irregularity, elongation=elongation, shell=shell)
    assert quasi_sphere(diameter, habit, PLAIN, random(seed)).size_px == pytest.approx(diameter, rel=0.02)


@settings(max_examples=30)
@given(diameter=st.floats(4, 120), facets=st.integers(FEWEST_FACETS, 60), seed=seeds)
def test_a_faceted_quasi_sphere_keeps_its_equivalent_diameter(diameter: float, facets: int, seed: int) -> None:
    sprite = quasi_sphere(diameter, Habit(facets=facets), PLAIN, random(seed))
    assert sprite.size_px == diameter
    assert equivalent_diameter(sprite) == pytest.approx(diameter, rel=0.01, abs=0.16)  # 4 % of the smallest


@settings(max_examples=30)
@given(diameter=st.floats(4, 100), habit=habits, seed=seeds)
def test_the_size_of_a_quasi_sphere_is_that_of_the_circle_of_equal_area(
    diameter: float, habit: Habit, seed: int
) -> None:
    sprite = quasi_sphere(diameter, habit, PLAIN, random(seed))
    assert sprite.size_px == pytest.approx(equivalent_diameter(sprite), rel=0.01, abs=0.16)
    assert sprite.class_id == QUASI_SPHERE


@pytest.mark.parametrize("irregularity", [0, 0.02, 0.04])
def test_irregularity_is_the_standard_deviation_of_the_radius(irregularity: float) -> None:
    habit = Habit(irregularity=irregularity)
    drawn = [radii(quasi_sphere(200, habit, PLAIN, random(seed))) / 100 for seed in range(60)]
    assert np.std(drawn) == pytest.approx(irregularity, rel=0.1, abs=0.001)


@pytest.mark.parametrize("most", [1.3, 2.0])
def test_an_elongated_quasi_sphere_is_longer_along_its_angle(most: float) -> None:
    ratios = []
    for seed in range(40):
        sprite = quasi_sphere(50, Habit(irregularity=0, elongation=most), PLAIN, random(seed), turn_rad=0.6)
        short, long, angle = axes(sprite)
        ratios.append(long / short)
        if ratios[-1] > 1.1:
            assert np.sin(angle - 0.6) == pytest.approx(0, abs=0.02)
    assert min(ratios) >= 0.99
    assert max(ratios) <= 1.01 * most
    assert max(ratios) > 1 + 0.8 * (most - 1)


@pytest.mark.parametrize("shell", [0.2, 0.5])
def test_a_shell_has_its_thickness_and_its_own_signal(shell: float) -> None:
    material = Material(**BARE, shell_level=0.4)
    sprite = quasi_sphere(100, Habit(irregularity=0, shell=shell), material, random(0))
    core = sprite.signal[sprite.mask] > 0.7 * material.level
    assert 2 * np.sqrt(core.sum() / np.pi) == pytest.approx(100 * (1 - shell), rel=0.02)
    at_the_rim = sprite.mask & (cv2.distanceTransform(sprite.mask.astype(np.uint8), cv2.DIST_L2, 5) < 0.8 * shell * 50)
    np.testing.assert_allclose(sprite.signal[at_the_rim], 0.4 * material.level, rtol=1e-3)


def test_with_fewer_facets_than_a_body_needs_a_quasi_sphere_is_smooth() -> None:
    few, none = (quasi_sphere(40, Habit(facets=n), PLAIN, random(0)) for n in (FEWEST_FACETS - 1, 0))
    np.testing.assert_array_equal(few.alpha, none.alpha)


def is_whole(sprite: Sprite) -> bool:
    """Whether nothing of it reaches the border of its sprite."""
    border = np.ones(sprite.alpha.shape, bool)
    border[1:-1, 1:-1] = False
    return bool(sprite.mask.any()) and not sprite.alpha[border].any()


@pytest.mark.parametrize("name", ALL)
@settings(max_examples=40)
@given(size=st.floats(4, 80), habit=habits, seed=seeds)
def test_a_particle_is_whole(name: str, size: float, habit: Habit, seed: int) -> None:
    assert is_whole(ALL[name](size, habit, PLAIN, random(seed)))


def length(sprite: Sprite) -> float:
    return float(np.ptp(sprite.mask.any(axis=0).nonzero()[0]) + 1)


@pytest.mark.parametrize(
    ("name", "least", "most"),
    # How wide each is across, in sizes: its inner circle and the farthest corner.
    [
        ("rod", 0.95, 1.1),
        ("plate", 0.85, 1.2),
        ("octahedron", 1, 1.75),
        ("tetrahedron", 0.5, 1.5),
        ("bipyramid", 0.8, 1.05),
    ],
)
def test_other_shapes_are_about_as_large_as_asked_for(name: str, least: float, most: float) -> None:
    for seed in range(20):
        sprite = OTHERS[name](60, Habit(roundness=0.1), PLAIN, random(seed), turn_rad=0.0)
        assert least * 60 <= length(sprite) <= most * 60
        assert sprite.size_px == 60


def test_a_rod_is_two_to_six_times_as_long_as_wide_and_lies_along_its_angle() -> None:
    for seed in range(20):
        short, long, angle = axes(OTHERS["rod"](60, Habit(roundness=0), PLAIN, random(seed), turn_rad=2.0))
        assert 1.8 < long / short < 6.6
        assert np.sin(angle - 2.0) == pytest.approx(0, abs=0.08)  # leaning turns it a little


@given(turn=st.floats(0, 6.28), roundness=st.floats(0, 0.5), seed=seeds)
@settings(max_examples=30)
def test_a_turned_cube_has_its_sides_there(turn: float, roundness: float, seed: int) -> None:
    sprite = cube(50, Habit(roundness=roundness, tilt_rad=0), PLAIN, random(seed), turn_rad=turn)
    assert sprite.turn_rad == turn
    # The fourth moment of a square points away from its corners, and turns four times as fast as it.
    off = np.angle(-moment(sprite, 4) * np.exp(-4j * turn)) / 4
    assert off == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("name", ALL)
def test_an_angle_may_be_a_whole_number(name: str) -> None:
    whole, real = (ALL[name](30, Habit(), PLAIN, random(0), turn_rad=turn) for turn in (2, 2.0))
    np.testing.assert_array_equal(whole.alpha, real.alpha)


@pytest.mark.parametrize("name", ALL)
def test_unasked_a_particle_is_turned_at_random(name: str) -> None:
    turns = np.array([ALL[name](12, Habit(), PLAIN, random(seed)).turn_rad for seed in range(40)])
    assert abs(np.exp(2j * turns).mean()) < 0.45  # Rayleigh's test: in 3 of 10,000 such samples


@pytest.mark.parametrize("draw", [cube, quasi_sphere])
def test_the_place_within_a_pixel_varies(draw: Draw) -> None:
    habit = Habit(irregularity=0, tilt_rad=0)
    places = np.array([moment(draw(15, habit, PLAIN, random(seed)), 1) for seed in range(100)])
    for shift in (places.real, places.imag):
        assert np.abs(shift).max() <= 0.51
        assert shift.std() == pytest.approx(1 / np.sqrt(12), rel=0.2)
    assert abs(np.corrcoef(places.real, places.imag)[0, 1]) < 0.35
