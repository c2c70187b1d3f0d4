"""Particles as solid bodies: bright where a beam sees them so."""

import numpy as np
import pytest
from bodies import ALL, BARE, PLAIN, ROUND, SHARP, edges, habits, moment, random, seeds, shares
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from nanotally.generator.bodies import DRAW, OTHERS, Habit, Material, Sprite, quasi_sphere
from nanotally.generator.bodies.body import STEEPEST, lit
from nanotally.generator.bodies.polyhedra import FEWEST_FACETS, cube
from nanotally.generator.bodies.solid import turned
from nanotally.generator.bodies.texture import SMALLEST_TEXTURE_PX
from nanotally.opencv import cv2

materials = st.builds(
    Material,
    level=st.floats(0.05, 1),
    spread=st.floats(0, 0.5),
    tilt_gain=shares,
    edge_gain=shares,
    edge_width=st.floats(0.01, 1),
    side_gain=shares,
    side_rad=st.floats(0, 7),
    roughness=st.floats(0, 0.2),
    grain=st.floats(0.01, 0.15),
    relief=shares,
    mottle=st.floats(0, 0.3),
    shell_level=shares,
    absorption=st.floats(0, 5),
)


@pytest.mark.parametrize("name", ALL)
@settings(max_examples=40)
@given(size=st.floats(4, 80), habit=habits, material=materials, seed=seeds)
def test_a_particle_is_finite_and_nowhere_negative(
    name: str, size: float, habit: Habit, material: Material, seed: int
) -> None:
    sprite = ALL[name](size, habit, material, random(seed))
    assert sprite.signal.dtype == sprite.alpha.dtype == np.float32
    assert sprite.signal.shape == sprite.alpha.shape
    assert np.isfinite(sprite.signal).all()
    assert sprite.signal[sprite.alpha > 0].min() >= 0
    assert sprite.alpha.min() >= 0
    assert sprite.alpha.max() <= 1
    np.testing.assert_array_equal(sprite.mask, sprite.alpha >= 0.5)
    assert (sprite.class_id is None) == (name in OTHERS)


def ridges(sprite: Sprite) -> float:
    """Share of the inside, away from the contour, that is brighter than a face."""
    deep = cv2.distanceTransform(sprite.mask.astype(np.uint8), cv2.DIST_L2, 5) > 12
    return float((sprite.signal[deep] > 1.2 * Material.level).mean())


def test_facets_meet_in_bright_ridges() -> None:
    material = Material(**{**BARE, "edge_gain": 0.5}, edge_width=0.05)
    smooth, few, some, many = (
        [quasi_sphere(120, Habit(irregularity=0, facets=n), material, random(seed)) for seed in range(5)]
        for n in (0, FEWEST_FACETS, 20, 40)
    )
    assert not any(map(ridges, smooth))
    found = [np.mean([ridges(sprite) for sprite in drawn]) for drawn in (few, some, many)]
    assert 0.05 < found[0] < found[1] < found[2]


def rim_and_middle(sprite: Sprite) -> tuple[float, float]:
    depth = cv2.distanceTransform(sprite.mask.astype(np.uint8), cv2.DIST_L2, 5)
    return float(sprite.signal[(depth > 0) & (depth < 3)].mean()), float(sprite.signal[depth > 12].mean())


@pytest.mark.parametrize(
    ("name", "gain"),
    [("quasi_sphere", {"tilt_gain": 1.0}), ("quasi_sphere", {"edge_gain": 0.5}), ("cube", {"edge_gain": 0.5})],
)
def test_secondary_electrons_brighten_the_rim(name: str, gain: dict[str, float]) -> None:
    material = Material(**{**BARE, **gain})
    rim, middle = rim_and_middle(DRAW[name](50, SHARP, material, random(0)))
    assert rim > 1.2 * middle


@pytest.mark.parametrize("width", [0.1, 0.3])
def test_the_glow_of_an_edge_decays_over_its_width(width: float) -> None:
    material = Material(**{**BARE, "edge_gain": 0.6}, edge_width=width)
    sprite = cube(100, SHARP, material, random(0), turn_rad=0.0)
    line = sprite.signal[len(sprite.signal) // 2] / material.level - 1
    inner = slice(int(sprite.alpha.any(axis=0).argmax()) + 3, len(line) // 2)
    decay = -1 / np.polyfit(np.arange(line.size)[inner], np.log(np.maximum(line[inner], 1e-6)), 1)[0]
    assert decay == pytest.approx(width * 50, rel=0.1)
    assert 0.5 < line.max() <= 0.6


@given(slope=st.floats(0, 1.3), gain=shares, way=st.floats(0, 6.28), detector=st.floats(0, 6.28))
def test_a_face_shines_as_its_tilt_and_the_detector_say(slope: float, gain: float, way: float, detector: float) -> None:
    normal = np.array([np.sin(slope) * np.cos(way), np.sin(slope) * np.sin(way), np.cos(slope)])
    shone = lit(*normal.T, Material(tilt_gain=gain, side_gain=0.2, side_rad=detector))
    steep = 1 / max(np.cos(slope), STEEPEST) - 1
    assert shone == pytest.approx(1 + gain * steep + 0.2 * np.sin(slope) * np.cos(way - detector))


@pytest.mark.parametrize("name", DRAW)
def test_a_bare_face_has_the_level_of_the_material(name: str) -> None:
    habit = Habit(tilt_rad=0, irregularity=0)
    sprite = DRAW[name](40, habit, PLAIN, random(0))
    np.testing.assert_allclose(sprite.signal[sprite.mask], PLAIN.level, rtol=1e-3)


@pytest.mark.parametrize("name", DRAW)
def test_edges_glow_towards_the_detector(name: str) -> None:
    lit_edge = Material(**{**BARE, "edge_gain": 1.0}), Material(**{**BARE, "edge_gain": 1.0, "side_gain": 0.4})
    habit = Habit(roundness=0.05, tilt_rad=0, irregularity=0)
    even, one_sided = (ALL[name](80, habit, material, random(3), turn_rad=0.0) for material in lit_edge)
    y, x = np.indices(even.alpha.shape) - (len(even.alpha) - 1) / 2
    rim = (np.hypot(x, y) > 34) & (np.abs(y) < 12) & even.mask
    for side in (1, -1):
        change = (one_sided.signal - even.signal)[rim & (side * x > 0)].mean()
        assert side * change > 0.05


@pytest.mark.parametrize("habit", [ROUND, Habit(facets=20)], ids=["smooth", "faceted"])
@pytest.mark.parametrize("side", [0.0, 1.2, np.pi / 2, 4.0])
def test_the_detector_lights_its_side(side: float, habit: Habit) -> None:
    material = Material(**{**BARE, "side_gain": 0.3}, side_rad=side)
    sprite = quasi_sphere(80, habit, material, random(0))
    y, x = np.indices(sprite.alpha.shape) - (sprite.alpha.shape[0] - 1) / 2
    ways = [np.cov(place[sprite.mask], sprite.signal[sprite.mask])[0, 1] for place in (x, y)]
    assert np.cos(np.arctan2(ways[1], ways[0]) - side) > 0.97
    near = sprite.mask & (x * np.cos(side) + y * np.sin(side) > 0)
    assert sprite.signal[near].mean() > sprite.signal[sprite.mask & ~near].mean() + 0.1 * material.level


@settings(max_examples=30)
@given(diameter=st.floats(20, 100), absorption=st.floats(0.1, 5), seed=seeds)
def test_a_sphere_in_transmission_is_as_dark_as_it_is_thick(diameter: float, absorption: float, seed: int) -> None:
    material = Material(**BARE, absorption=absorption)
    sprite = quasi_sphere(diameter, ROUND, material, random(seed))
    y, x = np.indices(sprite.alpha.shape) - (sprite.alpha.shape[0] - 1) / 2
    centre = moment(sprite, 1)
    distance = np.hypot(x - centre.real, y - centre.imag)
    inner = distance < 0.45 * diameter
    thick = np.sqrt(1 - (2 * distance[inner] / diameter) ** 2)
    np.testing.assert_allclose(sprite.signal[inner], np.exp(-absorption * thick), atol=0.02)  # Lambert and Beer


@settings(max_examples=30)
@given(edge=edges, absorption=st.floats(0.1, 5), seed=seeds)
def test_in_transmission_a_flat_cube_is_even_and_a_tilted_one_darkest_where_thickest(
    edge: float, absorption: float, seed: int
) -> None:
    material = Material(**BARE, absorption=absorption)
    flat = cube(edge, SHARP, material, random(seed))
    np.testing.assert_allclose(flat.signal[flat.mask], np.exp(-absorption), rtol=1e-3)
    tilted = cube(edge, Habit(roundness=0, tilt_rad=1.5), material, random(seed))
    rotation, _ = turned(None, 1.5, random(seed))
    # Through the middle the way is as long as the face that the beam enters by is inclined.
    middle = tilted.signal[tilted.signal.shape[0] // 2, tilted.signal.shape[1] // 2]
    assert -np.log(middle) / absorption == pytest.approx(1 / np.abs(rotation[2]).max(), abs=0.1)
    assert tilted.signal[tilted.mask].min() >= 0.99 * np.exp(-absorption * np.sqrt(3))


@pytest.mark.parametrize("name", ALL)
@settings(max_examples=20)
@given(habit=habits, absorption=st.floats(0.1, 5), edge_gain=shares, seed=seeds)
def test_what_comes_through_a_particle_is_a_share(
    name: str, habit: Habit, absorption: float, edge_gain: float, seed: int
) -> None:
    material = Material(**{**BARE, "edge_gain": edge_gain}, absorption=absorption)
    sprite = ALL[name](40, habit, material, random(seed))
    assert sprite.signal[sprite.mask].min() > 0
    assert sprite.signal.max() <= 1.2  # more than all at the contour: Fresnel's fringe


def levels(material: Material) -> NDArray[np.float64]:
    """Signal in the middle of many flat cubes."""
    drawn = [cube(12, SHARP, material, random(seed)).signal for seed in range(600)]
    return np.array([float(signal[len(signal) // 2, len(signal) // 2]) for signal in drawn])


@pytest.mark.parametrize("spread", [0.0, 0.1, 0.3])
def test_levels_vary_from_particle_to_particle(spread: float) -> None:
    found = levels(Material(**BARE, spread=spread))
    assert np.log(found / Material.level).std() == pytest.approx(spread, rel=0.1, abs=1e-6)
    assert np.median(found) == pytest.approx(Material.level, rel=0.05)


def test_in_transmission_the_density_varies_from_particle_to_particle() -> None:
    found = -np.log(levels(Material(**BARE, spread=0.2, absorption=1.5)))
    assert np.log(found / 1.5).std() == pytest.approx(0.2, rel=0.1)


@pytest.mark.parametrize("absorption", [0.0, 1.0])
@pytest.mark.parametrize("roughness", [0.02, 0.1])
def test_texture_has_its_strength(roughness: float, absorption: float) -> None:
    material = Material(**{**BARE, "roughness": roughness}, grain=0.03, absorption=absorption)
    insides = [cube(80, SHARP, material, random(seed)) for seed in range(5)]
    found = [sprite.signal[sprite.mask].std() / sprite.signal[sprite.mask].mean() for sprite in insides]
    assert np.mean(found) == pytest.approx(roughness, rel=0.1)


@pytest.mark.parametrize("grain", [0.02, 0.05])
def test_texture_has_its_grain(grain: float) -> None:
    material = Material(**{**BARE, "roughness": 0.1}, grain=grain)
    sprite = cube(160, SHARP, material, random(0), turn_rad=0.0)
    inside = sprite.signal[40:-40, 40:-40].astype(float)
    # Noise that was blurred by a Gaussian of sigma changes from pixel to pixel by its deviation / (sqrt(2) sigma).
    assert inside.std() / np.diff(inside).std() / np.sqrt(2) == pytest.approx(grain * 160, rel=0.25)


@pytest.mark.parametrize("grain", [0.15, 0.3, 1.0])
def test_texture_leaves_the_level_alone(grain: float) -> None:
    material = Material(**{**BARE, "roughness": 0.1}, grain=grain)
    drawn = [quasi_sphere(80, ROUND, material, random(seed)) for seed in range(60)]
    assert np.std([sprite.signal[sprite.mask].mean() / material.level for sprite in drawn]) < 0.04


@pytest.mark.parametrize("relief", [0.3, 1.0])
def test_bumps_have_the_strength_of_the_texture(relief: float) -> None:
    material = Material(**{**BARE, "roughness": 0.1}, grain=0.03, relief=relief)
    insides = [cube(80, SHARP, material, random(seed)) for seed in range(5)]
    found = [sprite.signal[sprite.mask].std() / sprite.signal[sprite.mask].mean() for sprite in insides]
    assert np.mean(found) == pytest.approx(0.1, rel=0.15)


def test_bumps_are_drawn_across_the_light_and_not_along_it() -> None:
    material = Material(**{**BARE, "roughness": 0.1}, grain=0.03, relief=1.0, side_rad=0.0)
    inside = cube(160, SHARP, material, random(0), turn_rad=0.0).signal[40:-40, 40:-40]
    # The slope of a Gaussian's noise changes along its direction with the root of 3 of the steepness across.
    assert np.diff(inside, axis=1).std() / np.diff(inside, axis=0).std() == pytest.approx(np.sqrt(3), rel=0.15)


def test_mottle_is_broad_and_has_its_strength() -> None:
    material = Material(**BARE, mottle=0.1)
    relative = [
        cube(80, SHARP, material, random(seed), turn_rad=0.0).signal[8:-8, 8:-8] / 0.5 - 1 for seed in range(60)
    ]
    assert np.sqrt(np.mean([np.square(one).mean() for one in relative])) == pytest.approx(0.1, rel=0.2)
    assert max(np.abs(np.diff(one, axis=1)).max() for one in relative) < 0.05


def test_the_texture_of_a_sphere_is_finer_towards_its_rim() -> None:
    material = Material(**{**BARE, "roughness": 0.1}, grain=0.02)
    steeper = []
    for seed in range(5):
        signal = quasi_sphere(160, ROUND, material, random(seed)).signal
        middle = len(signal) // 2
        rows = signal[middle - 6 : middle + 6]
        change = np.abs(np.diff(rows, axis=1))
        steeper.append(change[:, 8:24].mean() / change[:, middle - 15 : middle + 15].mean())
    assert np.mean(steeper) > 1.4


@pytest.mark.parametrize("name", ALL)
def test_the_smallest_particles_have_no_texture(name: str) -> None:
    rough = Material(**{**BARE, "roughness": 0.2})
    small, large = ([ALL[name](size, Habit(), m, random(1)).signal for m in (rough, PLAIN)]
                    for size in (SMALLEST_TEXTURE_PX - 1, SMALLEST_TEXTURE_PX + 1))  # fmt: skip
    np.testing.assert_array_equal(small[0], small[1])
    assert (large[0] != large[1]).any()


@pytest.mark.parametrize("name", ALL)
def test_the_same_seed_draws_the_same_particle(name: str) -> None:
    habit = Habit(truncation=0.3, concavity=0.1, elongation=1.4, facets=15, shell=0.2, tilt_rad=1)
    for of in (Habit(), habit):
        one, other, another = (ALL[name](30, of, Material(spread=0.1), random(seed)) for seed in (4, 4, 5))
        assert one.signal.tobytes() == other.signal.tobytes()
        assert one.alpha.tobytes() == other.alpha.tobytes()
        assert (one.size_px, one.turn_rad) == (other.size_px, other.turn_rad)
        assert one.signal.tobytes() != another.signal.tobytes()
