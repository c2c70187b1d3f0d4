"""Who is who: neighbours on a grid, the displacement that most pairs agree on, and the mutually best pairs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Places = NDArray[np.float64]
Sizes = NDArray[np.float64]
Rows = NDArray[np.int64]

ALIKE = 0.1
"""Standard deviation of ln(size) between two sightings of a particle: two boxes that differ by more weigh less."""
UNLIKE = 0.5
"""ln(size) by which two sightings of one particle never differ."""
NEAR, NEAR_PX = 0.5, (3.0, 24.0)
"""A particle is found again within this share of its size, but at least and at most so many pixels."""
BINS = 16
"""Bins a side of the histogram of displacements: as fine as a box is precise, for the reach that the tracker asks."""
MOST_CELLS = 1000
"""A side of the grid has no more cells, whatever the extent."""


@dataclass(frozen=True)
class Agreement:
    """The displacement that most particles agree on.

    Attributes:
        way: (2,) float64, what is added to a place here to have it there.
        support: how many particles agree.
        score: the same, each weighed by how well its size agrees.
        chance: how many would agree, on average, if both sets were strewn at random.
    """

    way: Places
    support: int
    score: float
    chance: float

    @property
    def significant(self) -> bool:
        """Whether more agree than ever would by chance: five standard deviations of a Poisson variable, and two."""
        return self.support > self.chance + 5 * float(np.sqrt(self.chance)) + 2


NOBODY = Agreement(np.zeros(2), 0, 0.0, 0.0)


def neighbours(here: Places, there: Places, reach: float) -> tuple[Rows, Rows]:
    """Rows (i, j) of all pairs of one of `here` (n, 2) with one of `there` (m, 2) within `reach` in x and in y."""
    if not len(here) or not len(there):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    low = there.min(axis=0)
    extent = there.max(axis=0) - low
    side = np.maximum(reach, extent / MOST_CELLS)
    last = (extent // side).astype(np.int64)
    columns, lines = (last + 5).tolist()  # two empty cells on each side: nobody's neighbours lie outside
    x, y = ((there - low) // side).astype(np.int64).T + 2
    cell = x + columns * y
    order = np.argsort(cell, kind="stable")
    ends = np.concatenate([[0], np.cumsum(np.bincount(cell, minlength=columns * lines))])
    x, y = np.minimum(np.maximum((here - low) // side, -1), last + 1).astype(np.int64).T + 2
    # The cells of a line lie one behind the other, so three of them are one run.
    runs = ((x + columns * y)[None] + [[-columns], [0], [columns]]).ravel()
    first = ends[runs - 1]
    count = ends[runs + 2] - first
    i = np.repeat(np.tile(np.arange(len(here)), 3), count)
    j = order[np.arange(len(i)) + np.repeat(first - np.cumsum(count) + count, count)]
    away = np.abs(there[j] - here[i])
    close = (away[:, 0] <= reach) & (away[:, 1] <= reach)
    return i[close], j[close]


def agree(here: Places, here_size: Sizes, there: Places, there_size: Sizes, *, reach: float) -> Agreement:
    """The displacement within `reach` that most of `here` (n, 2) agree on, to come to lie on one of `there` (m, 2).

    A histogram of the displacements of all pairs of similar size, summed over three bins by three: what is the same
    for all particles piles up, everything else is spread out.
    """
    i, j = neighbours(here, there, reach)
    unlike = np.abs(np.log(here_size[i] / there_size[j]))
    i, j, unlike = (part[unlike < UNLIKE] for part in (i, j, unlike))
    if not len(i):
        return NOBODY
    way = there[j] - here[i]
    bin_size = 2 * reach / BINS
    column, line = np.minimum((way + reach) // bin_size, BINS - 1).astype(np.int64).T
    weight = np.exp(-((unlike / ALIKE) ** 2) / 4)  # two sightings, each with an error
    tally = np.bincount(line * BINS + column, weight, minlength=BINS * BINS).reshape(BINS, BINS)
    piles = tally[:-2] + tally[1:-1] + tally[2:]
    piles = piles[:, :-2] + piles[:, 1:-1] + piles[:, 2:]
    line_of, column_of = divmod(int(np.argmax(piles)), BINS - 2)
    in_pile = (np.abs(column - column_of - 1) <= 1) & (np.abs(line - line_of - 1) <= 1)
    middle = np.median(way[in_pile], axis=0)
    away = np.abs(way - middle)
    joined = (away[:, 0] <= 1.5 * bin_size) & (away[:, 1] <= 1.5 * bin_size)
    return Agreement(
        way=np.median(way[joined], axis=0),
        support=len(np.unique(i[joined])),
        score=float(weight[joined].sum()),
        chance=len(i) * 9 / BINS**2,
    )


def best_pairs(i: Rows, j: Rows, cost: NDArray[np.float64], *, here: int, there: int) -> tuple[Rows, Rows]:
    """Pairs each of which is the cheapest for both, then the same among the rest, until nobody is left.

    That is what greedy matching by rising cost gives, in a few rounds over arrays.

    Args:
        i: (k,) int64, rows of the one side, below `here`.
        j: (k,) int64, rows of the other side, below `there`.
        cost: (k,) float64.
        here: rows of the one side.
        there: rows of the other side.
    """
    order = np.argsort(cost, kind="stable")
    i, j = i[order], j[order]
    taken: list[tuple[Rows, Rows]] = []
    while len(i):
        rank = np.arange(len(i))
        best_i, best_j = np.empty(here, np.int64), np.empty(there, np.int64)
        best_i[i[::-1]] = rank[::-1]  # the last that is written stays: the cheapest
        best_j[j[::-1]] = rank[::-1]
        mutual = (best_i[i] == rank) & (best_j[j] == rank)
        taken.append((i[mutual], j[mutual]))
        gone_i, gone_j = np.zeros(here, bool), np.zeros(there, bool)
        gone_i[i[mutual]] = gone_j[j[mutual]] = True
        free = ~(gone_i[i] | gone_j[j])
        i, j = i[free], j[free]
    if not taken:
        return i, j
    return np.concatenate([pair[0] for pair in taken]), np.concatenate([pair[1] for pair in taken])


def partners(
    here: Places, here_size: Sizes, there: Places, there_size: Sizes, *, unit: float, last: NDArray[np.bool_]
) -> tuple[Rows, Rows]:
    """Rows (i, j) of `here` (n, 2) and `there` (m, 2) that are the same particle, each row at most once.

    Args:
        here: (n, 2) float64, places.
        here_size: (n,) float64.
        there: (m, 2) float64, places in the same coordinates.
        there_size: (m,) float64.
        unit: of both, a pixel.
        last: (m,) bool, which of `there` come after all others.
    """
    i, j = neighbours(here, there, NEAR_PX[1] * unit)
    near = np.minimum(np.maximum(NEAR * there_size, NEAR_PX[0] * unit), NEAR_PX[1] * unit)[j]
    way = here[i] - there[j]
    away = np.hypot(way[:, 0], way[:, 1]) / near
    unlike = np.abs(np.log(here_size[i] / there_size[j])) / UNLIKE
    may = (away <= 1) & (unlike <= 1)
    cost = away**2 + unlike**2 + 2 * last[j]
    return best_pairs(i[may], j[may], cost[may], here=len(here), there=len(there))
