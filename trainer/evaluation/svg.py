"""Plots as SVG text, to stand in a page as they are: no library, no file, no script."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

PALETTE = ("#E69F00", "#0072B2", "#009E73", "#CC79A7", "#D55E00", "#56B4E9")
"""Okabe and Ito's colours, told apart by colour-blind eyes too."""
WIDTH, HEIGHT = 460, 320
LEFT, RIGHT, TOP, BOTTOM = 52, 26, 12, 42
MOST_POINTS = 400


@dataclass(frozen=True)
class Line:
    """A line of a plot.

    Attributes:
        name: for the legend; empty: it is not in it.
        x, y: points; those that are not finite are left out.
        colour: as SVG writes it.
        dots: also mark each point, or only mark it where there is one.
        dashed: for something to compare with.
        notes: what the mouse shows over each dot.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    colour: str
    dots: bool = False
    dashed: bool = False
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Axis:
    """An axis of a plot: its name and the values at its ends."""

    name: str
    low: float = 0.0
    high: float = 1.0

    def place(self, value: float) -> float:
        """0 at the low end, 1 at the high one."""
        return (value - self.low) / (self.high - self.low)

    def ticks(self) -> list[float]:
        """About five round values: steps of 1, 2 or 5 times a power of ten."""
        rough = (self.high - self.low) / 5
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(step * power for step in (1, 2, 5, 10) if step * power >= rough * (1 - 1e-9))
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [tick * step for tick in range(first, last + 1)]


def axis_over(name: str, values: Sequence[float]) -> Axis:
    """An axis from the least to the greatest of `values`."""
    low, high = min(values), max(values)
    return Axis(name, low, high) if high > low else Axis(name, low - 1, high + 1)


def plot(title: str, lines: Sequence[Line], x: Axis, y: Axis) -> str:
    """An `<svg>` of `lines` with axes, grid and legend; `title` is what a screen reader says."""
    legend = [line for line in lines if line.name]
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT + 18 * len(legend)}" role="img" class="plot">',
        f"<title>{escape(title)}</title>",
        *_grid(x, y),
        *(part for line in lines for part in _draw(line, x, y)),
        *(part for row, line in enumerate(legend) for part in _entry(line, HEIGHT + 18 * row + 6)),
        "</svg>",
    ]
    return "\n".join(parts)


def _across(x: Axis, value: float) -> float:
    return LEFT + x.place(value) * (WIDTH - LEFT - RIGHT)


def _down(y: Axis, value: float) -> float:
    return HEIGHT - BOTTOM - y.place(value) * (HEIGHT - TOP - BOTTOM)


def _grid(x: Axis, y: Axis) -> list[str]:
    low, high = HEIGHT - BOTTOM, WIDTH - RIGHT
    parts = []
    for tick in x.ticks():
        at = f"{_across(x, tick):.1f}"
        parts.append(f'<line x1="{at}" x2="{at}" y1="{TOP}" y2="{low}" class="grid"/>')
        parts.append(f'<text x="{at}" y="{low + 16}" text-anchor="middle">{_number(tick)}</text>')
    for tick in y.ticks():
        at = f"{_down(y, tick):.1f}"
        parts.append(f'<line x1="{LEFT}" x2="{high}" y1="{at}" y2="{at}" class="grid"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{at}" dy="4" text-anchor="end">{_number(tick)}</text>')
    middle = (TOP + low) / 2
    parts.append(f'<text x="{(LEFT + high) / 2:.0f}" y="{low + 34}" text-anchor="middle">{escape(x.name)}</text>')
    parts.append(
        f'<text transform="translate(13 {middle:.0f}) rotate(-90)" text-anchor="middle">{escape(y.name)}</text>'
    )
    return parts


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _draw(line: Line, x: Axis, y: Axis) -> list[str]:
    notes = line.notes or [""] * len(line.x)
    finite = [
        (_across(x, a), _down(y, b), note)
        for a, b, note in zip(line.x, line.y, notes, strict=True)
        if math.isfinite(a) and math.isfinite(b)
    ]
    points = _thinned(finite) if len(finite) > MOST_POINTS else finite
    path = " ".join(f"{a:.1f},{b:.1f}" for a, b, _ in points)
    dashes = ' stroke-dasharray="5 4"' if line.dashed else ""
    parts = [f'<polyline points="{path}" fill="none" stroke="{line.colour}" stroke-width="2"{dashes}/>']
    if line.dots:
        parts += [
            f'<circle cx="{a:.1f}" cy="{b:.1f}" r="4" fill="{line.colour}"><title>{escape(note)}</title></circle>'
            for a, b, note in points
        ]
    return parts


def _thinned(points: list[tuple[float, float, str]]) -> list[tuple[float, float, str]]:
    return [points[i * (len(points) - 1) // (MOST_POINTS - 1)] for i in range(MOST_POINTS)]


def _entry(line: Line, top: int) -> list[str]:
    return [
        f'<rect x="{LEFT}" y="{top - 9}" width="14" height="10" fill="{line.colour}"/>',
        f'<text x="{LEFT + 20}" y="{top}">{escape(line.name)}</text>',
    ]
