"""How large the particles are, how sure that is, and how densely they lie: statistics of particles counted once."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log, log1p

import numpy as np
from numpy.typing import ArrayLike, NDArray

Z95 = 1.96
"""Standard deviations on either side of the mean that hold 95 % of a normal distribution."""
TAIL = 0.025
"""Share of samples that may miss the median on either side."""
PRECISION = 0.05
"""Relative error up to which a size counts as known, unless told otherwise."""


@dataclass(frozen=True, kw_only=True)
class SizeDistribution:
    """Sizes of particles, by number (each particle counts the same), with the names of ISO 9276.

    What cannot be said of so few particles is None.

    Attributes:
        n: particles that were measured.
        mean_nm: arithmetic mean.
        cv: coefficient of variation: standard deviation (n - 1) as a share of the mean. Its square and it are both
            called "PDI" by some, which is why neither is called so here.
        d10_nm: a tenth of the particles is smaller.
        d50_nm: median.
        d90_nm: nine tenths are smaller.
        span: (d90 - d10) / d50.
        geometric_mean_nm: exp of the mean of ln(size).
        sigma_g: geometric standard deviation, exp of the standard deviation (n - 1) of ln(size).
        median_95_nm: interval that holds the median of the whole population in at least 95 of 100 samples.
        needed: particles after which the geometric mean is known within `precision`, as far as can be told now.
        precision: relative error up to which a size counts as known.
    """

    n: int
    mean_nm: float | None = None
    cv: float | None = None
    d10_nm: float | None = None
    d50_nm: float | None = None
    d90_nm: float | None = None
    span: float | None = None
    geometric_mean_nm: float | None = None
    sigma_g: float | None = None
    median_95_nm: tuple[float, float] | None = None
    needed: int | None = None
    precision: float = PRECISION

    @property
    def enough(self) -> bool:
        """Whether the whole interval of the median lies within `precision` of the median."""
        if self.median_95_nm is None or self.d50_nm is None:
            return False
        low, high = self.median_95_nm
        return low >= self.d50_nm / (1 + self.precision) and high <= self.d50_nm * (1 + self.precision)


def size_distribution(size_nm: ArrayLike, *, precision: float = PRECISION) -> SizeDistribution:
    """Statistics of sizes (n,) in nm; those that are NaN were not measured and are left out.

    Raises:
        ValueError: if a size is not above 0, or `precision` is not.
    """
    size = np.asarray(size_nm, np.float64)
    size = np.sort(size[~np.isnan(size)])
    if precision <= 0 or (size <= 0).any():
        raise ValueError("sizes and the precision asked for are above 0")
    n = len(size)
    if n == 0:
        return SizeDistribution(n=0, precision=precision)
    d10, d50, d90 = np.percentile(size, (10, 50, 90)).tolist()
    log_size = np.log(size)
    spread = float(log_size.std(ddof=1)) if n > 1 else None
    return SizeDistribution(
        n=n,
        mean_nm=float(size.mean()),
        cv=float(size.std(ddof=1) / size.mean()) if n > 1 else None,
        d10_nm=d10,
        d50_nm=d50,
        d90_nm=d90,
        span=(d90 - d10) / d50,
        geometric_mean_nm=exp(log_size.mean()),
        sigma_g=None if spread is None else exp(spread),
        median_95_nm=median_interval(size),
        needed=None if spread is None else particles_needed(exp(spread), precision=precision),
        precision=precision,
    )


def median_interval(ordered: NDArray[np.float64]) -> tuple[float, float] | None:
    """Interval of 95 % for the median of the population that `ordered` (n,), rising, is a sample of.

    It lies between two order statistics whose ranks the binomial distribution with p = 1/2 gives (Thompson 1936; David
    and Nagaraja, Order Statistics, 7.1). That supposes nothing of the distribution, holds the median in at least 95 of
    100 samples, and is what the bootstrap of the median comes to (Efron 1979, section 3) without its resampling, so it
    costs no more than the sorting. None for fewer than 6: even the smallest and the largest do not hold it then.
    """
    n = len(ordered)
    below = np.arange(n // 2 + 1)
    log_share = np.concatenate([[0.0], np.cumsum(np.log((n - below[:-1]) / (below[:-1] + 1)))]) - n * log(2)
    rank = int(np.searchsorted(np.cumsum(np.exp(log_share)), TAIL, side="right"))
    return (float(ordered[rank - 1]), float(ordered[n - rank])) if rank else None


def particles_needed(sigma_g: float, *, precision: float = PRECISION) -> int:
    """How many particles bring the 95 % interval of the geometric mean to within `precision`, if sizes are lognormal.

    n = (1.96 ln sigma_g / ln(1 + precision))^2, rounded: from the standard error of the mean of ln(size). The median
    needs pi / 2 times as many.
    """
    return max(1, round((Z95 * log(sigma_g) / log1p(precision)) ** 2))


def number_density_per_um2(
    box_px: ArrayLike, *, width_px: float, height_px: float, nm_per_px: tuple[float, float]
) -> float:
    """Particles a square micrometre in one field of view, those that its border cuts left out and made up for.

    A larger particle is cut more often, so each whole one stands for the places where it would have been whole:
    density = sum of 1 / ((W - Fx)(H - Fy)) (Miles 1974; Lantuejoul 1980). Counting all, or only the whole ones over the
    whole area, is biased.

    Args:
        box_px: (n, 2), width and height of the box of each whole particle, pixels.
        width_px: of the field of view, databar and masks excluded.
        height_px: the same.
        nm_per_px: pixel size, x and y.

    Raises:
        ValueError: if a box does not fit into the field of view.
    """
    box = np.asarray(box_px, np.float64).reshape(-1, 2)
    room = np.array([width_px, height_px]) - box
    if (room <= 0).any():
        raise ValueError(f"a whole particle does not fit into {width_px} x {height_px} pixels")
    um2_per_px2 = nm_per_px[0] * nm_per_px[1] / 1e6
    return float((1 / (room[:, 0] * room[:, 1])).sum() / um2_per_px2)
