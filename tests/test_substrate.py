"""What particles lie on: the level, slope and texture that are asked for, and flaws in their numbers."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nanotally.generator.bodies import Image
from nanotally.generator.substrate import Flaws, Substrate, add_flaws, cut_background, paint_substrate
from nanotally.opencv import cv2

seeds = st.integers(0, 2**32 - 1)


def paint(substrate: Substrate, *, height: int = 200, width: int = 300, seed: int = 0) -> Image:
    return paint_substrate(height, width, substrate, np.random.default_rng(seed))


@given(height=st.integers(1, 80), width=st.integers(1, 80), level=st.floats(0, 1))
def test_a_plain_substrate_is_its_level_everywhere(height: int, width: int, level: float) -> None:
    plain = paint(Substrate(level=level), height=height, width=width)
    assert plain.shape == (height, width)
    assert plain.dtype == np.float32
    np.testing.assert_allclose(plain, level, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("textured", [Substrate(gradient=0.5), Substrate(grain=0.2), Substrate(blotches=0.1)])
def test_the_substrate_has_its_level_and_its_texture(textured: Substrate) -> None:
    signal = paint(textured)
    assert signal.mean() == pytest.approx(textured.level, rel=0.15)
    assert signal.std() > 0.03 * textured.level


@given(
    gradient=st.floats(0.01, 1), angle=st.floats(0, 2 * np.pi), height=st.integers(40, 200), width=st.integers(40, 200)
)
def test_the_gradient_is_a_slope_in_its_direction(gradient: float, angle: float, height: int, width: int) -> None:
    signal = paint(Substrate(level=0.4, gradient=gradient, gradient_rad=angle), height=height, width=width)
    down, right = (np.diff(signal, axis=axis).mean() * max(height, width) / 0.4 for axis in (0, 1))
    assert np.hypot(right, down) == pytest.approx(gradient, rel=1e-3)
    assert (right, down) == pytest.approx((gradient * np.cos(angle), gradient * np.sin(angle)), abs=2e-3 * gradient)
    np.testing.assert_allclose(signal - signal[:1], (signal - signal[:1])[:, :1].repeat(width, axis=1), atol=1e-5)


@given(gradient=st.floats(0.01, 1), angle=st.floats(0, 2 * np.pi), side=st.integers(100, 200))
def test_a_graded_substrate_has_its_level_in_the_middle_of_a_square_field(
    gradient: float, angle: float, side: int
) -> None:
    signal = paint(Substrate(level=0.4, gradient=gradient, gradient_rad=angle), height=side, width=side)
    assert signal.mean() == pytest.approx(0.4, rel=0.01 * gradient + 1e-5)
    assert signal[side // 2, side // 2] == pytest.approx(0.4, rel=0.01 * gradient + 1e-5)


@settings(max_examples=30)
@given(
    grain=st.floats(0.01, 0.15), grain_px=st.floats(0.5, 14), rolled=st.just(1.0) | st.floats(1, 15), seed=seeds,
    height=st.integers(200, 400), width=st.integers(200, 400),
)  # fmt: skip
def test_the_grain_has_its_strength_however_coarse_or_rolled(
    grain: float, grain_px: float, rolled: float, seed: int, height: int, width: int
) -> None:
    substrate = Substrate(level=0.2, grain=grain, grain_px=grain_px, rolled=rolled)
    signal = paint(substrate, height=height, width=width, seed=seed)
    assert signal.shape == (height, width)
    assert signal.std() == pytest.approx(0.2 * grain, rel=0.05)


def grain_length_px(signal: Image, axis: int) -> float:
    """Standard deviation of the Gaussian that the texture was blurred with along an axis, from its steepness."""
    return float(signal.std() / np.diff(signal, axis=axis).std() / np.sqrt(2))


@pytest.mark.parametrize("grain_px", [1.5, 3.0, 6.0, 12.0])
@pytest.mark.parametrize("rolled", [1.0, 4.0, 10.0])
def test_the_grain_has_its_size_and_rolled_metal_has_it_longer_along_x(grain_px: float, rolled: float) -> None:
    signal = paint(Substrate(grain=0.1, grain_px=grain_px, rolled=rolled), height=400, width=900)
    assert grain_length_px(signal, 0) == pytest.approx(grain_px, rel=0.15)
    assert grain_length_px(signal, 1) == pytest.approx(grain_px * rolled, rel=0.25)


@pytest.mark.parametrize("angle", [0.0, np.pi / 2])
def test_a_bumpy_film_is_lit_from_one_side(angle: float) -> None:
    signal = paint(Substrate(level=0.5, relief=0.1, grain_px=6.0, gradient_rad=angle))
    assert signal.std() == pytest.approx(0.05, rel=0.05)
    assert signal.mean() == pytest.approx(0.5, rel=0.01)
    along, across = ((signal - 0.5).sum(axis=axis).std() for axis in (1, 0))
    # Slopes along the light add up to nothing over a line; across it they do not.
    assert (along < 0.5 * across) == (angle == 0.0)


def test_blotches_are_broad_and_have_their_strength() -> None:
    strength = []
    for seed in range(30):
        relative = paint(Substrate(level=0.3, blotches=0.2), seed=seed) / 0.3 - 1
        assert np.abs(np.diff(relative, axis=1)).max() < 0.05 * np.abs(relative).max()
        strength.append(np.square(relative).mean())
    assert np.sqrt(np.mean(strength)) == pytest.approx(0.2, rel=0.25)


@given(seed=seeds, level=st.floats(0.01, 0.3))
def test_a_substrate_is_never_darker_than_nothing(seed: int, level: float) -> None:
    signal = paint(Substrate(level=level, gradient=1, grain=0.6, blotches=0.8), height=40, width=50, seed=seed)
    assert signal.min() >= 0


def test_a_substrate_is_painted_by_its_seed() -> None:
    textured = Substrate(grain=0.1, blotches=0.1)
    one, other, another = (paint(textured, seed=seed).tobytes() for seed in (1, 1, 2))
    assert one == other
    assert one != another


def changed(flaws: Flaws, seed: int, *, height: int = 500, width: int = 600, level: float = 0.5) -> Image:
    """What the flaws have added to a flat substrate."""
    signal = np.full((height, width), level, np.float32)
    add_flaws(signal, flaws, np.random.default_rng(seed))
    return np.asarray(signal - np.float32(level), np.float32)


@pytest.mark.parametrize("kind", ["debris", "pores"])
def test_flaws_come_in_their_numbers(kind: str) -> None:
    flaws = replace(Flaws(size_px=4), **{kind: 40.0})
    counts = []
    for seed in range(60):
        apart = cv2.dilate((changed(flaws, seed) != 0).astype(np.uint8), np.ones((3, 3), np.uint8))
        counts.append(cv2.connectedComponents(apart)[0] - 1)
    assert np.mean(counts) == pytest.approx(12, rel=0.12)  # 40 a megapixel on 0.3: less where two have met
    assert 0.5 < np.var(counts) / np.mean(counts) < 1.8  # Poisson


def test_scratches_come_in_their_numbers() -> None:
    none = sum(not changed(Flaws(scratches=4), seed, height=400, width=500).any() for seed in range(200))
    assert none == pytest.approx(200 * np.exp(-0.8), abs=25)


@given(
    kinds=st.tuples(*[st.sampled_from([0.0, 300.0, 3000.0])] * 3, st.sampled_from([0.0, 3.0])),
    size_px=st.floats(1, 80), contrast=st.floats(0, 1),
    height=st.integers(1, 120), width=st.integers(1, 120), seed=seeds,
)  # fmt: skip
def test_flaws_stay_within_any_field(
    kinds: tuple[float, float, float, float], size_px: float, contrast: float, height: int, width: int, seed: int
) -> None:
    debris, scratches, pores, stains = kinds
    flaws = Flaws(debris=debris, scratches=scratches, pores=pores, stains=stains, size_px=size_px, contrast=contrast)
    around = np.full((height + 20, width + 20), 0.5, np.float32)
    add_flaws(around[10:-10, 10:-10], flaws, np.random.default_rng(seed))
    assert np.isfinite(around).all()
    around[10:-10, 10:-10] = 0.5
    assert (around == 0.5).all()


@given(seed=seeds)
def test_no_flaws_change_nothing(seed: int) -> None:
    assert not changed(Flaws(), seed, height=60, width=60).any()


def test_stains_are_broad_and_soft() -> None:
    seen = 0
    for seed in range(30):
        stain = changed(Flaws(stains=2, contrast=0.5), seed)
        assert np.abs(np.diff(stain, axis=0)).max(initial=0) < 0.5 * 0.5
        seen += stain.any()
        assert np.abs(stain).max() <= 0.5 * 0.5
    assert seen == pytest.approx(30 * (1 - np.exp(-2)), abs=8)  # Poisson


def test_debris_is_bright_pores_are_dark_with_a_bright_rim_and_scratches_are_long() -> None:
    debris = changed(Flaws(debris=30), 1)
    assert debris.max() > 0.1
    assert debris.min() > -0.1
    pores = changed(Flaws(pores=30, size_px=20), 1)
    assert pores.min() < -0.2
    assert pores.max() > 0.05
    lines = (changed(Flaws(scratches=30), 1) != 0).astype(np.uint8)
    sides = [cv2.minAreaRect(line)[1] for line in cv2.findContours(lines, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]]
    assert max(max(side) for side in sides) > 100
    assert lines.mean() < 0.1


@pytest.mark.parametrize("size_px", [6.0, 12.0, 24.0])
def test_pores_have_their_size(size_px: float) -> None:
    areas = []
    for seed in range(20):
        dark = (changed(Flaws(pores=20, size_px=size_px), seed) < -0.15).astype(np.uint8)
        areas += cv2.connectedComponentsWithStats(dark)[2][1:, cv2.CC_STAT_AREA].tolist()
    diameter = 2 * np.sqrt(np.array(areas) / np.pi)
    assert np.exp(np.log(diameter).mean()) == pytest.approx(size_px * np.sqrt(0.8), rel=0.25)  # up to 1.5 times as long


textures = st.tuples(st.integers(1, 30), st.integers(1, 30), seeds).map(
    lambda drawn: np.random.default_rng(drawn[2]).integers(1, 256, drawn[:2], np.uint8)
)


@given(picture=textures, height=st.integers(1, 80), width=st.integers(1, 80), level=st.floats(0.05, 1), seed=seeds)
def test_a_background_has_the_level_and_the_size_of_the_field(
    picture: np.ndarray, height: int, width: int, level: float, seed: int
) -> None:
    signal = cut_background(picture, height, width, level, np.random.default_rng(seed))
    assert signal.shape == (height, width)
    assert signal.dtype == np.float32
    assert signal.mean() == pytest.approx(level, rel=1e-4)
    assert signal.tobytes() == cut_background(picture, height, width, level, np.random.default_rng(seed)).tobytes()


def test_a_background_is_a_part_of_the_picture_from_anywhere_in_it() -> None:
    picture = np.random.default_rng(0).integers(50, 200, (9, 11), np.uint8)
    found = set()
    for seed in range(200):
        signal = cut_background(picture, 7, 8, 0.4, np.random.default_rng(seed))
        for y, x in np.ndindex(3, 4):
            part = picture[y : y + 7, x : x + 8]
            if np.allclose(signal, 0.4 * part / part.mean(), rtol=1e-4):
                found.add((y, x))
                break
        else:
            pytest.fail(f"seed {seed}: not a part of the picture")
    assert len(found) == 12


def test_a_background_that_is_too_small_is_mirrored() -> None:
    picture = np.random.default_rng(0).integers(50, 200, (10, 12), np.uint8)
    signal = cut_background(picture, 25, 20, 0.3, np.random.default_rng(0))
    np.testing.assert_array_equal(signal[10:20], signal[9::-1])
    np.testing.assert_array_equal(signal[20:], signal[:5])
    np.testing.assert_array_equal(signal[:, 12:], signal[:, 11:3:-1])
    np.testing.assert_allclose(signal[:10, :12] / signal[0, 0], picture / picture[0, 0], rtol=1e-5)
