"""How large the particles are, and how sure that is: statistics of particles counted once."""

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
        quantity: what of a particle is its size: `ecd` or `edge`.
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
        enough: whether the whole interval of the median lies within `precision` of the median.
    """

    quantity: str = "ecd"
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
    enough: bool = False


def size_distribution(size_nm: ArrayLike, *, quantity: str = "ecd", precision: float = PRECISION) -> SizeDistribution:
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
        return SizeDistribution(quantity=quantity, n=0, precision=precision)
    d10, d50, d90 = np.percentile(size, (10, 50, 90)).tolist()
    log_size = np.log(size)
    spread = float(log_size.std(ddof=1)) if n > 1 else None
    interval = median_interval(size)
    return SizeDistribution(
        quantity=quantity,
        n=n,
        mean_nm=float(size.mean()),
        cv=float(size.std(ddof=1) / size.mean()) if n > 1 else None,
        d10_nm=d10,
        d50_nm=d50,
        d90_nm=d90,
        span=(d90 - d10) / d50,
        geometric_mean_nm=exp(log_size.mean()),
        sigma_g=None if spread is None else exp(spread),
        median_95_nm=interval,
        needed=None if spread is None else particles_needed(exp(spread), precision=precision),
        precision=precision,
        enough=interval is not None and d50 / (1 + precision) <= interval[0] <= interval[1] <= d50 * (1 + precision),
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
