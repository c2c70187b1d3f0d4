"""The imaging chain: each control does what its unit says."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanotally.generator.optics import Optics, record

PERFECT = {"beam_px": 0.0, "electrons": 1e6}
"""No blur and no noise to speak of."""


def flat(level: float, shape: tuple[int, int] = (200, 200)) -> np.ndarray:
    return np.full(shape, level, np.float32)


def step() -> np.ndarray:
    """Dark to the left of column 100, bright from there on."""
    signal = flat(0.2)
    signal[:, 100:] = 0.8
    return signal


def seen(signal: np.ndarray, seed: int = 0, **settings: float) -> np.ndarray:
    return record(signal, Optics(**settings), np.random.default_rng(seed)).astype(float) / 255


@given(level=st.floats(0.1, 0.6), electrons=st.floats(30, 600))
def test_noise_is_that_of_counted_electrons(level: float, electrons: float) -> None:
    image = seen(flat(level), beam_px=0, electrons=electrons)
    assert image.mean() == pytest.approx(level, rel=0.02)
    # Poisson: the variance of a count is the count (field facts 3.12); eight bits add 1/12 of a step squared.
    assert image.var() == pytest.approx(level / electrons + 1 / 12 / 255**2, rel=0.1)


@pytest.mark.parametrize("sigma", [0.8, 1.5, 3.0])
def test_the_beam_spreads_an_edge_by_its_standard_deviation(sigma: float) -> None:
    near = slice(80, 120)
    slope = np.diff(seen(step(), **{**PERFECT, "beam_px": sigma}).mean(axis=0)[near])
    at = np.arange(80, 119) + 0.5
    centre = (slope * at).sum() / slope.sum()
    assert np.sqrt((slope * (at - centre) ** 2).sum() / slope.sum()) == pytest.approx(sigma, rel=0.1)
    assert centre == pytest.approx(99.5, abs=0.1)


def test_an_astigmatic_beam_is_wider_along_one_axis() -> None:
    point = flat(0.0, (41, 41))
    point[20, 20] = 20.0
    spread = seen(point, **{**PERFECT, "beam_px": 2.0, "astigmatism": 2.0})
    y, x = np.mgrid[-20:21, -20:21]
    second = np.array([[(spread * a * b).sum() for a in (x, y)] for b in (x, y)]) / spread.sum()
    narrow, wide = np.sqrt(np.linalg.eigvalsh(second))
    assert wide / narrow == pytest.approx(2.0, rel=0.1)
    assert wide * narrow == pytest.approx(4.0, rel=0.1)


def test_vibration_moves_lines_sideways_and_only_sideways() -> None:
    across, along = seen(step(), **PERFECT), seen(step().T, **PERFECT)
    shaken = seen(step(), **PERFECT, vibration_px=2.0)
    assert (shaken != across).any(axis=1).mean() > 0.5
    np.testing.assert_allclose(seen(step().T, **PERFECT, vibration_px=2.0), along, atol=2 / 255)
    edges = (shaken < 0.5).sum(axis=1) - 100
    assert edges.std() == pytest.approx(2.0, rel=0.3)


def test_streaks_change_whole_lines() -> None:
    image = seen(flat(0.5), **PERFECT, streaks=0.05)
    assert image.mean(axis=1).std() == pytest.approx(0.025, rel=0.2)
    assert image.std(axis=1).max() < 2 / 255


def test_brightness_contrast_and_gamma() -> None:
    assert seen(flat(0.4), **PERFECT, brightness=0.1).mean() == pytest.approx(0.5, abs=0.003)
    assert seen(flat(0.4), **PERFECT, contrast=1.5).mean() == pytest.approx(0.6, abs=0.003)
    assert seen(flat(0.4), **PERFECT, gamma=2.0).mean() == pytest.approx(0.16, abs=0.003)
    assert seen(flat(0.9), **PERFECT, contrast=2.0).min() == 1.0
    assert seen(flat(-0.3), **PERFECT).max() == 0.0


@pytest.mark.parametrize("settings", [{"rescale": 0.6}, {"jpeg_quality": 50}])
def test_publishing_spoils_details_and_moves_nothing(settings: dict[str, float]) -> None:
    rng = np.random.default_rng(0)
    signal = (step() + rng.normal(0, 0.1, (200, 200))).astype(np.float32)
    before, after = seen(signal, **PERFECT), seen(signal, **PERFECT, **settings)
    assert after.shape == before.shape
    assert np.abs(after - before).mean() > 0.005
    assert after.mean() == pytest.approx(before.mean(), abs=0.01)
    profile = after.mean(axis=0)
    assert np.interp(0.5, profile[95:105], np.arange(95, 105)) == pytest.approx(99.5, abs=0.3)


@pytest.mark.parametrize("optics", [Optics(), Optics(vibration_px=0.5, streaks=0.01, rescale=0.7, jpeg_quality=80)])
def test_the_same_seed_records_the_same_bytes(optics: Optics) -> None:
    one, other, another = (record(step(), optics, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert one.dtype == np.uint8
    assert one.tobytes() == other.tobytes()
    assert one.tobytes() != another.tobytes()


def test_the_signal_is_left_as_it_was() -> None:
    signal = step()
    seen(signal, beam_px=1, vibration_px=1, streaks=0.1)
    np.testing.assert_array_equal(signal, step())
