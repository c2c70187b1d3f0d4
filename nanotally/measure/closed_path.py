"""The cheapest way once around: one column of a table a step, for many tables at a time, by dynamic programming."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def closed_path(cost: NDArray[np.float32], *, bend: float, reach: int) -> NDArray[np.intp]:
    """Index of a row at each step of the path of least cost around each table.

    The path goes round one and a quarter times, free at both ends, and the round in the middle is taken. So it closes
    where the cost tells where it runs, and the work is far less than that of a search for the best closed one.

    Args:
        cost: (steps, rows, n) of being in a row at a step; the last step is followed by the first.
        bend: cost of moving by one row between steps; by two rows it is four times as much.
        reach: most rows that a path may move between steps.

    Returns:
        (steps, n).
    """
    steps, rows, n = cost.shape
    lead = steps // 8
    order = np.arange(-lead, steps + lead) % steps
    total = np.full((len(order), rows + 2 * reach, n), np.inf, np.float32)
    total[0, reach:-reach] = cost[order[0]]
    moved = np.empty((rows, n), np.float32)
    for step in range(1, len(order)):
        before, best = total[step - 1], total[step, reach:-reach]
        best[:] = before[reach:-reach]
        for jump in range(1, reach + 1):
            np.minimum(before[reach - jump :][:rows], before[reach + jump :][:rows], out=moved)
            moved += np.float32(bend * jump**2)
            np.minimum(best, moved, out=best)
        best += cost[order[step]]
    return _traced(total, bend, reach)[lead : lead + steps]


def _traced(total: NDArray[np.float32], bend: float, reach: int) -> NDArray[np.intp]:
    """The path (all steps, n) that the least totals at the last step came along."""
    n = total.shape[2]
    jumps = np.arange(-reach, reach + 1)[:, None]
    price = np.float32(bend) * np.square(jumps).astype(np.float32)
    # Places are those of the flattened table of a step: a row more is n further on.
    place = np.empty((len(total), n), np.intp)
    place[-1] = total[-1].argmin(axis=0) * n + np.arange(n)
    for step in range(len(total) - 1, 0, -1):
        came_from = (total[step - 1].ravel().take(place[step] + n * jumps) + price).argmin(axis=0)
        place[step - 1] = place[step] + n * (came_from - reach)
    return np.asarray(place // n - reach, np.intp)
