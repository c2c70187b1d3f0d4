"""Size distribution of a class as a drawing in SVG, to stand in a page as it is."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from html import escape

import numpy as np
from numpy.typing import NDArray

from nanotally.measure.statistics import SizeDistribution

WIDTH, HEIGHT = 540, 350
LEFT, RIGHT, TOP, BOTTOM = 48, 16, 56, 44
FEWEST_BINS, MOST_BINS = 6, 40
WIDE = 8.0
"""Ratio of the largest to the smallest above which the axis is logarithmic."""
CURVE_POINTS = 120
NAME_PX = 32
"""Half the room for the name of a quantile and its value."""
NAMES = {"ecd": "equivalent circular diameter", "edge": "edge length"}

Row = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Bins:
    """Sizes counted in bins of equal width on a linear or a logarithmic axis.

    Attributes:
        edges: (k + 1,) of the bins, nm.
        counts: (k,) particles.
        logarithmic: which axis.
        top: end of the axis of counts.
    """

    edges: Row
    counts: NDArray[np.int64]
    logarithmic: bool
    top: float

    def x(self, size_nm: float) -> float:
        """Where a size is drawn."""
        low, high, at = (math.log(v) if self.logarithmic else v for v in (self.edges[0], self.edges[-1], size_nm))
        return LEFT + (at - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    def y(self, count: float) -> float:
        """Where a number of particles is drawn."""
        return HEIGHT - BOTTOM - count / self.top * (HEIGHT - TOP - BOTTOM)


def histogram(name: str, size_nm: NDArray[np.float32], own: SizeDistribution, colour: str) -> str:
    """An `<svg>`: bars, the lognormal curve of the same mean and spread, D10, D50 with its interval, and D90.

    Args:
        name: of the class.
        size_nm: (n,) at least one size, nanometres.
        own: statistics of these.
        colour: of the bars, as SVG writes it.
    """
    bins = bins_of(size_nm)
    curve = _lognormal(bins, own)
    bins = replace(bins, top=1.05 * max(float(bins.counts.max()), float(curve[:, 1].max(initial=0))))
    title = f"{name}: {NAMES[own.quantity]}, {own.n} particles"
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" class="plot"><title>{escape(title)}</title>',
        *_axes(bins, f"{NAMES[own.quantity]}, nm"),
        *_bars(bins, colour),
        *_interval(bins, own),
        *_curve(bins, curve),
        *_quantiles(bins, own),
        "</svg>",
    ]
    return "\n".join(parts)


def bins_of(size_nm: NDArray[np.float32]) -> Bins:
    """Bins about as wide as Freedman and Diaconis (1981) have them, 2 IQR / n^(1/3), on the axis that they lie on.

    On a linear axis their edges are round numbers.
    """
    logarithmic = bool(size_nm.max() > WIDE * size_nm.min())
    size = np.log(size_nm.astype(np.float64)) if logarithmic else size_nm.astype(np.float64)
    low, high = float(size.min()), float(size.max())
    q1, q3 = np.percentile(size, (25, 75))
    span = high - low or abs(low) / 10
    width = float(np.clip(2 * (q3 - q1) / len(size) ** (1 / 3), span / MOST_BINS, span / FEWEST_BINS))
    if logarithmic:
        edges = np.exp(np.linspace(low - width / 2, high + width / 2, round(span / width) + 2))
    else:
        width = _round(width)
        first, last = math.floor(low / width), math.floor(high / width) + 1
        edges = np.linspace(first * width, last * width, last - first + 1)
    counts, _ = np.histogram(size_nm, edges)
    return Bins(edges, counts, logarithmic, 1.0)


def _round(step: float) -> float:
    """The next of 1, 2, 2.5 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= step * (1 - 1e-9))


def _even_ticks(low: float, high: float, about: int) -> list[float]:
    step = _round((high - low) / about)
    return [n * step for n in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]


def _size_ticks(bins: Bins) -> list[float]:
    low, high = float(bins.edges[0]), float(bins.edges[-1])
    if not bins.logarithmic:
        return _even_ticks(low, high, 7)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    return [m * 10.0**power for power in powers for m in (1, 2, 5) if low <= m * 10.0**power <= high]


def _axes(bins: Bins, named: str) -> list[str]:
    base, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    parts = [f'<line x1="{LEFT}" x2="{right}" y1="{base}" y2="{base}" class="axis"/>']
    for tick in _size_ticks(bins):
        at = f"{bins.x(tick):.1f}"
        parts.append(f'<line x1="{at}" x2="{at}" y1="{base}" y2="{base + 4}" class="axis"/>')
        parts.append(f'<text x="{at}" y="{base + 18}" text-anchor="middle">{tick:g}</text>')
    for tick in _even_ticks(0, bins.top, 5):
        if tick == round(tick):
            at = f"{bins.y(tick):.1f}"
            parts.append(f'<line x1="{LEFT}" x2="{right}" y1="{at}" y2="{at}" class="grid"/>')
            parts.append(f'<text x="{LEFT - 6}" y="{at}" dy="4" text-anchor="end">{tick:g}</text>')
    middle = (LEFT + right) / 2
    parts.append(f'<text x="{middle:.0f}" y="{HEIGHT - 6}" text-anchor="middle">{escape(named)}</text>')
    parts.append(
        f'<text transform="translate(13 {(TOP + base) / 2:.0f}) rotate(-90)" text-anchor="middle">particles</text>'
    )
    return parts


def _bars(bins: Bins, colour: str) -> list[str]:
    parts = []
    for low, high, count in zip(bins.edges[:-1].tolist(), bins.edges[1:].tolist(), bins.counts.tolist(), strict=True):
        if count:
            x, y = bins.x(low), bins.y(count)
            parts.append(
                f'<rect x="{x:.1f}" y="{y:.1f}" width="{bins.x(high) - x - 1:.1f}" height="{bins.y(0) - y:.1f}" '
                f'fill="{colour}"><title>{low:.4g} to {high:.4g} nm: {count}</title></rect>'
            )
    return parts


def _interval(bins: Bins, own: SizeDistribution) -> list[str]:
    if own.median_95_nm is None:
        return []
    low, high = (bins.x(size) for size in own.median_95_nm)
    width = max(high - low, 1)
    return [f'<rect x="{low:.1f}" y="{TOP}" width="{width:.1f}" height="{HEIGHT - BOTTOM - TOP}" class="band"/>']


def _lognormal(bins: Bins, own: SizeDistribution) -> Row:
    """(k, 2) sizes and particles a bin of the lognormal distribution; empty where the spread is not known."""
    if own.geometric_mean_nm is None or not own.sigma_g or own.sigma_g <= 1:
        return np.empty((0, 2))
    spread, edges = math.log(own.sigma_g), bins.edges
    first = max(float(edges[0]), float(edges[1]) / 100)
    size = np.geomspace(first, float(edges[-1]), CURVE_POINTS)
    per_ln = np.exp(-np.square(np.log(size / own.geometric_mean_nm) / spread) / 2) / (spread * math.sqrt(math.tau))
    width_ln = math.log(edges[1] / edges[0]) if bins.logarithmic else (edges[1] - edges[0]) / size
    return np.column_stack([size, own.n * per_ln * width_ln])


def _curve(bins: Bins, curve: Row) -> list[str]:
    points = " ".join(f"{bins.x(size):.1f},{bins.y(count):.1f}" for size, count in curve.tolist())
    return [f'<polyline points="{points}" class="curve"/>'] if points else []


def _quantiles(bins: Bins, own: SizeDistribution) -> list[str]:
    """D10, D50 and D90, each named in a row of its own, so that no name stands on another."""
    parts = []
    for row, (label, size) in enumerate((("D10", own.d10_nm), ("D50", own.d50_nm), ("D90", own.d90_nm))):
        if size is None:
            continue
        x, y = bins.x(size), TOP - 8 - 15 * row
        at = min(max(x, LEFT + NAME_PX), WIDTH - RIGHT - NAME_PX)
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{y + 4}" y2="{HEIGHT - BOTTOM}" class="mark"/>')
        parts.append(f'<text x="{at:.1f}" y="{y}" text-anchor="middle">{label} {size:.4g}</text>')
    return parts
