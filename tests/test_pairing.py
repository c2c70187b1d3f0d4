"""Pairs on a grid are those of brute force; a displacement is found where there is one, and nowhere else."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanotally.daemon.tracking.pairing import agree, best_pairs, neighbours, partners

seeds = st.integers(0, 10_000)


@given(seed=seeds, n=st.integers(0, 40), m=st.integers(0, 40), reach=st.floats(0.5, 200))
def test_neighbours_are_those_of_brute_force(seed: int, n: int, m: int, reach: float) -> None:
    rng = np.random.default_rng(seed)
    here, there = rng.uniform(-300, 300, (n, 2)), rng.uniform(-200, 500, (m, 2))
    i, j = neighbours(here, there, reach)
    close = (np.abs(here[:, None] - there[None]) <= reach).all(axis=2)
    assert sorted(zip(i.tolist(), j.tolist(), strict=True)) == list(map(tuple, np.argwhere(close).tolist()))


def test_a_wide_map_needs_no_wide_grid() -> None:
    there = np.array([[0.0, 0.0], [1e9, 1e9]])
    i, j = neighbours(there + 1, there, 2.0)
    assert (i.tolist(), j.tolist()) == ([0, 1], [0, 1])


@given(seed=seeds, n=st.integers(1, 12), m=st.integers(1, 12))
def test_best_pairs_are_those_of_the_greedy_rule(seed: int, n: int, m: int) -> None:
    rng = np.random.default_rng(seed)
    i, j = np.nonzero(rng.random((n, m)) < 0.5)
    cost = rng.integers(0, 8, len(i)).astype(float)
    expected, used_i, used_j = set(), set(), set()
    for row in np.argsort(cost, kind="stable"):
        if i[row] not in used_i and j[row] not in used_j:
            expected.add((int(i[row]), int(j[row])))
            used_i.add(i[row])
            used_j.add(j[row])
    chosen = best_pairs(i, j, cost, here=n, there=m)
    assert set(zip(*(rows.tolist() for rows in chosen), strict=True)) == expected


@given(seed=seeds, x=st.floats(-20, 20), y=st.floats(-20, 20))
def test_the_common_displacement_is_found(seed: int, x: float, y: float) -> None:
    rng = np.random.default_rng(seed)
    there, size = rng.uniform(0, 600, (200, 2)), rng.uniform(15, 25, 200)
    seen = rng.random(200) < 0.8
    here = there[seen] - [x, y] + rng.normal(0, 0.5, (seen.sum(), 2))
    strangers = rng.uniform(0, 600, (20, 2))
    found = agree(
        np.vstack([here, strangers]), np.concatenate([size[seen], np.full(20, 20.0)]), there, size, reach=24.0
    )
    assert found.significant
    assert found.way == pytest.approx([x, y], abs=0.5)
    assert found.support >= 0.95 * seen.sum()


@given(seed=seeds)
def test_strangers_agree_on_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    here, there = rng.uniform(0, 600, (2, 150, 2))
    size = np.full(150, 20.0)
    found = agree(here, size, there, size, reach=24.0)
    assert not (found.significant and found.support > 0.4 * 150)


def test_partners_are_near_and_of_like_size() -> None:
    there, size = np.array([[0.0, 0.0], [100.0, 0.0], [200.0, 0.0]]), np.array([20.0, 20.0, 20.0])
    here, own = np.array([[4.0, 0.0], [112.0, 0.0], [201.0, 0.0]]), np.array([20.0, 20.0, 50.0])
    i, j = partners(here, own, there, size, unit=1.0, last=np.zeros(3, bool))
    assert (i.tolist(), j.tolist()) == ([0], [0])  # the second is too far away, the third too large


def test_who_comes_last_yields_to_a_farther_one() -> None:
    there, size = np.array([[0.0, 0.0], [6.0, 0.0]]), np.array([20.0, 20.0])
    _, j = partners(np.array([[1.0, 0.0]]), size[:1], there, size, unit=1.0, last=np.array([True, False]))
    assert j.tolist() == [1]
