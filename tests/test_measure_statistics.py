"""Statistics of sizes against numpy, scipy and the laws that they must keep."""

from math import exp, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanotally.measure.statistics import (
    median_interval,
    particles_needed,
    size_distribution,
)

sizes = st.lists(st.floats(1, 1e4), min_size=2, max_size=200)


def lognormal(n: int, sigma_g: float, seed: int = 0) -> np.ndarray:
    return 60 * np.exp(np.random.default_rng(seed).normal(0, log(sigma_g), n))


@given(sizes=sizes, factor=st.floats(0.01, 100))
def test_sizes_in_another_unit_have_the_same_shape(sizes: list[float], factor: float) -> None:
    one, other = size_distribution(sizes), size_distribution(np.array(sizes) * factor)
    for name in ("mean_nm", "d10_nm", "d50_nm", "d90_nm", "geometric_mean_nm"):
        assert getattr(other, name) == pytest.approx(getattr(one, name) * factor, rel=1e-6)
    for name in ("cv", "span", "sigma_g"):
        assert getattr(other, name) == pytest.approx(getattr(one, name), rel=1e-6, abs=1e-9)
    assert one.d10_nm <= one.d50_nm <= one.d90_nm


def test_a_lognormal_sample_gives_back_its_parameters() -> None:
    known = size_distribution(lognormal(200_000, 1.4))
    assert known.geometric_mean_nm == pytest.approx(60, rel=0.01)
    assert known.sigma_g == pytest.approx(1.4, rel=0.01)
    assert known.d50_nm == pytest.approx(60, rel=0.01)
    assert known.d90_nm == pytest.approx(60 * 1.4**1.2816, rel=0.01)
    assert known.mean_nm == pytest.approx(60 * exp(log(1.4) ** 2 / 2), rel=0.01)
    assert known.enough


def test_what_was_not_measured_does_not_count() -> None:
    assert size_distribution([10, np.nan, 30]) == size_distribution([30, 10])
    assert size_distribution([np.nan]).n == 0
    assert size_distribution([]).d50_nm is None


def test_of_one_particle_no_spread_is_known() -> None:
    one = size_distribution([40.0])
    assert (one.n, one.d50_nm, one.sigma_g, one.cv, one.needed, one.enough) == (1, 40.0, None, None, None, False)


@pytest.mark.parametrize(("size", "precision"), [([1.0, 0.0], 0.05), ([1.0, -2.0], 0.05), ([1.0], 0.0)])
def test_sizes_and_precision_are_above_zero(size: list[float], precision: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        size_distribution(size, precision=precision)


@pytest.mark.parametrize("n", [6, 11, 30, 201])
def test_the_interval_holds_the_median_in_95_of_100_samples(n: int) -> None:
    samples = np.sort(np.random.default_rng(n).lognormal(0, 0.4, (2000, n)), axis=1)
    held = [low <= 1 <= high for low, high in map(median_interval, samples)]  # the median of the population is 1
    assert 0.94 < np.mean(held) < 0.995


def test_the_ranks_are_those_of_the_binomial_distribution() -> None:
    binom = pytest.importorskip("scipy.stats", reason="scipy is not installed (it comes with trackers)").binom
    for n in (*range(1, 60), 301, 1000):
        rank = int(np.argmax(binom.cdf(np.arange(n), n, 0.5) > 0.025))
        interval = median_interval(np.arange(1, n + 1, dtype=float))
        assert interval == ((rank, n + 1 - rank) if rank else None)


def test_the_interval_is_that_of_the_bootstrap() -> None:
    size = np.sort(lognormal(301, 1.3))
    rng = np.random.default_rng(0)
    medians = np.median(rng.choice(size, (4000, len(size))), axis=1)
    low, high = median_interval(size)
    width = high - low
    assert [low, high] == pytest.approx(np.percentile(medians, [2.5, 97.5]), abs=0.2 * width)


def test_a_million_sizes_have_an_interval() -> None:
    low, high = median_interval(np.arange(1e6))
    assert (high + low) / 2 == pytest.approx(499_999.5)
    assert high - low == pytest.approx(1.96 * 1e3, rel=0.01)


@pytest.mark.parametrize(
    ("precision", "needed"), [(0.05, {1.05: 4, 1.1: 15, 1.2: 54, 1.4: 183, 1.6: 356}),
                              (0.02, {1.05: 23, 1.1: 89, 1.2: 326, 1.4: 1109, 1.6: 2164})],
)  # fmt: skip
def test_particles_needed_are_those_of_the_table(precision: float, needed: dict[float, int]) -> None:
    assert {sigma: particles_needed(sigma, precision=precision) for sigma in needed} == needed


def test_enough_is_said_when_the_median_is_known() -> None:
    size = lognormal(2000, 1.3)
    said = [size_distribution(size[:n]).enough for n in (10, 40, 1000, 2000)]
    assert said == [False, False, True, True]
    assert not size_distribution(size, precision=0.001).enough
