"""Closed paths: the valley in a table is found, whatever lies beside it, and each table for itself."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from nanotally.measure.closed_path import closed_path

STEPS, ROWS = 24, 16


def valley(seed: int, reach: int) -> NDArray[np.intp]:
    """A closed path (STEPS,) that never moves by more than `reach` rows."""
    rng = np.random.default_rng(seed)
    way = rng.integers(-reach, reach + 1, STEPS // 2)
    there_and_back = np.concatenate([way, rng.permutation(-way)])
    path = np.cumsum(there_and_back)
    return np.asarray(np.clip(path - path[0] + ROWS // 2, 0, ROWS - 1))


def table(path: NDArray[np.intp], seed: int) -> NDArray[np.float32]:
    """(STEPS, ROWS) costs of 0.5 to 1, and 0 along the path."""
    cost = np.random.default_rng(seed).uniform(0.5, 1, (STEPS, ROWS)).astype(np.float32)
    cost[np.arange(STEPS), path] = 0
    return cost


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), reach=st.integers(1, 3))
def test_the_valley_is_found(seed: int, reach: int) -> None:
    path = valley(seed, reach)
    found = closed_path(table(path, seed), 0.01, reach)
    assert found.tolist() == path.tolist()


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), reach=st.integers(1, 3))
def test_a_path_never_moves_further_than_it_may(seed: int, reach: int) -> None:
    cost = np.random.default_rng(seed).uniform(0, 1, (STEPS, ROWS)).astype(np.float32)
    found = closed_path(cost, 0.0, reach)
    assert np.abs(np.diff(found)).max() <= reach
    assert found.min() >= 0
    assert found.max() < ROWS


@pytest.mark.parametrize("turn", [1, 7, 13])
def test_where_the_round_begins_does_not_matter(turn: int) -> None:
    cost = table(valley(3, 2), 4)
    turned = closed_path(np.roll(cost, turn, axis=0), 0.05, 2)
    assert np.roll(turned, -turn).tolist() == closed_path(cost, 0.05, 2).tolist()


def test_bends_are_dear() -> None:
    cost = np.zeros((STEPS, ROWS), np.float32)
    cost[:, 4] = -0.1  # a straight way
    cost[5, 9] = -1.0  # and a prize off it: 5 rows there and back at reach 1 cost 10 bends
    assert set(closed_path(cost, 0.2, 1).tolist()) == {4}
    assert 9 in closed_path(cost, 0.001, 1).tolist()
