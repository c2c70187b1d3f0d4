"""The cheapest way once around: one column of a table a step, for many tables at a time, by dynamic programming."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

LEVELS = 2**12
"""Costs are counted in whole parts of this size; then the bits below them have room for the way that was cheapest."""
BEYOND = np.int32(2**30)
"""Cost of a row outside the table: more than any path has."""


def closed_path(cost: NDArray[np.float32], *, bend: float, reach: int) -> NDArray[np.intp]:
    """Index of a row at each step of the path of least cost around each table.

    The path goes round one and a quarter times, free at both ends, and the round in the middle is taken. So it closes
    where the cost tells where it runs, and the work is far less than that of a search for the best closed one.

    Args:
        cost: (steps, rows, n) of being in a row at a step, about 1 in size; the last step is followed by the first.
        bend: cost of moving by one row between steps; by two rows it is four times as much.
        reach: most rows that a path may move between steps.

    Returns:
        (steps, n).
    """
    steps, rows, n = cost.shape
    lead = steps // 8
    order = np.arange(-lead, steps + lead) % steps
    jumps = np.arange(-reach, reach + 1)
    bits = len(jumps).bit_length()
    levels = (cost * np.float32(LEVELS)).astype(np.int32) << bits
    # The number of the jump stands below its price, so the least sum also tells which jump led to it.
    price = (np.rint(bend * LEVELS * jumps**2).astype(np.int32) << bits) + np.arange(len(jumps), dtype=np.int32)
    total = np.full((rows + 2 * reach, n), BEYOND, np.int32)
    inside, around = total[reach:-reach], sliding_window_view(total, rows, axis=0).transpose(0, 2, 1)
    sums, best = np.empty((len(jumps), rows, n), np.int32), np.empty((rows, n), np.int32)
    came = np.empty((len(order), rows, n), np.int32)
    inside[:] = levels[order[0]]
    for step in range(1, len(order)):
        np.add(around, price[:, None, None], out=sums)
        np.minimum.reduce(sums, axis=0, out=best)
        np.bitwise_and(best, (1 << bits) - 1, out=came[step])
        np.subtract(best, came[step], out=best)
        np.add(best, levels[order[step]], out=inside)
    return _traced(came, inside.argmin(axis=0), jumps)[lead : lead + steps]


def _traced(came: NDArray[np.int32], last: NDArray[np.intp], jumps: NDArray[np.intp]) -> NDArray[np.intp]:
    """The path (all steps, n) to the rows `last` (n,), by the number (all steps, rows, n) of the jump to each row."""
    steps, _, n = came.shape
    # Places are those of the flattened table of a step: a row more is n further on.
    flat, way = came.reshape(steps, -1), n * jumps
    place = np.empty((steps, n), np.intp)
    place[-1] = last * n + np.arange(n)
    for step in range(steps - 1, 0, -1):
        np.add(place[step], way.take(flat[step].take(place[step])), out=place[step - 1])
    return np.asarray(place // n, np.intp)
