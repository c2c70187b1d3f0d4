"""The cheapest way once around: one column of a table a step, by dynamic programming."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nanotally.compiled import compiled

LEVELS = np.float32(2**12)
"""Costs are counted in whole parts of this size; then the bits below them have room for the way that was cheapest."""
BEYOND = np.int32(2**30)
"""Cost of a row outside the table: more than any path has."""


@compiled
def closed_path(cost: NDArray[np.float32], bend: float, reach: int) -> NDArray[np.int64]:
    """Index of a row at each step of the path of least cost around a table.

    The path goes round one and a quarter times, free at both ends, and the round in the middle is taken. So it closes
    where the cost tells where it runs, and the work is far less than that of a search for the best closed one.

    Args:
        cost: (steps, rows) of being in a row at a step, about 1 in size; the last step is followed by the first.
        bend: cost of moving by one row between steps; by two rows it is four times as much.
        reach: most rows that a path may move between steps.

    Returns:
        (steps,).
    """
    steps, rows = cost.shape
    lead, bits = steps // 8, 0
    while 1 << bits <= 2 * reach:
        bits += 1
    # The number of the jump stands below its price, so the least sum also tells which jump led to it.
    price = np.empty(2 * reach + 1, np.int32)
    for jump in range(len(price)):
        price[jump] = (round(bend * LEVELS * (jump - reach) ** 2) << bits) + jump
    came = np.empty((steps + 2 * lead, rows), np.uint8)
    total, best = np.full(rows + 2 * reach, BEYOND), np.zeros(rows, np.int32)
    for step in range(len(came)):
        if step:
            _cheapest(total, price, best)
        at = (step - lead) % steps
        for row in range(rows):
            came[step, row] = best[row] & ((1 << bits) - 1)
            total[reach + row] = (best[row] >> bits << bits) + (np.int32(cost[at, row] * LEVELS) << bits)
    return _traced(came, int(np.argmin(total[reach : reach + rows])), reach)[lead : lead + steps]


@compiled
def _cheapest(total: NDArray[np.int32], price: NDArray[np.int32], best: NDArray[np.int32]) -> None:
    """Write the least sum that leads to each row, from those before (rows + as far as a path may move around)."""
    for row in range(len(best)):
        best[row] = np.int32(total[row] + price[0])
    for jump in range(1, len(price)):
        toll = price[jump]
        for row in range(len(best)):
            best[row] = min(best[row], np.int32(total[row + jump] + toll))


@compiled
def _traced(came: NDArray[np.uint8], row: int, reach: int) -> NDArray[np.int64]:
    """The path that ends in a row, by the number (steps, rows) of the jump to each row."""
    path = np.empty(len(came), np.int64)
    for step in range(len(came) - 1, -1, -1):
        path[step] = row
        row += int(came[step, row]) - reach
    return path
