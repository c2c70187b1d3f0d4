from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from nanotally.detect.kinds import Rivals, by_company
from nanotally.detections import FLAG_BORDER, Detections

CUBE, SPHERE = 0, 1
SURE = np.array([0.4, 0.4], np.float32)


def picture(cube: NDArray[np.float64], sphere: NDArray[np.float64]) -> tuple[Detections, Rivals]:
    """What a network says that gave each particle these two scores."""
    scores = np.stack([cube, sphere], axis=1).astype(np.float32)
    first = scores.argmax(axis=1)
    rows = np.arange(len(scores))
    found = Detections(np.zeros((len(scores), 4)), scores[rows, first], first, np.full(len(scores), FLAG_BORDER))
    return found, Rivals((1 - first).astype(np.uint16), scores[rows, 1 - first])


def classes(cube: list[float], sphere: list[float], sure: NDArray[np.float32] = SURE) -> list[int]:
    told: list[int] = by_company(*picture(np.array(cube), np.array(sphere)), sure).class_id.tolist()
    return told


def test_a_doubtful_particle_is_what_the_others_are() -> None:
    assert classes([0.5], [0.45]) == [CUBE]
    assert classes([0.5] + [0.02] * 30, [0.45] + [0.8] * 30) == [SPHERE] * 31


@pytest.mark.parametrize("others", [10, 100, 2000])
def test_a_clear_one_stays_what_it_is_among_any_number_of_others(others: int) -> None:
    assert classes([0.9] + [0.01] * others, [0.005] + [0.8] * others)[0] == CUBE


def test_a_doubtful_one_stays_where_both_are_as_frequent() -> None:
    assert classes([0.5] + [0.9] * 30 + [0.01] * 30, [0.45] + [0.01] * 30 + [0.9] * 30)[0] == CUBE


def test_what_nobody_would_count_has_no_say() -> None:
    faint = [0.39] * 500
    assert classes([0.5, *([0.01] * 500)], [0.45, *faint])[0] == CUBE


def test_only_classes_change() -> None:
    found, rivals = picture(np.array([0.5] + [0.02] * 30), np.array([0.45] + [0.8] * 30))
    told = by_company(found, rivals, SURE)
    assert np.array_equal(told.score, found.score)
    assert np.array_equal(told.flags, found.flags)
    assert told.class_id.dtype == np.uint16


def test_where_there_is_one_class_or_none_to_be_seen_nothing_happens() -> None:
    found, rivals = picture(np.array([0.5]), np.array([0.0]))
    assert by_company(found, rivals, np.array([0.4], np.float32)) is found
    assert len(by_company(found[:0], rivals[:0], SURE)) == 0


def test_of_three_classes_a_particle_is_one_of_its_two_best() -> None:
    found = Detections(np.zeros((31, 4)), np.full(31, 0.5), np.array([0] + [2] * 30))
    rivals = Rivals(np.array([2] + [1] * 30, np.uint16), np.array([0.45] + [0.01] * 30, np.float32))
    assert by_company(found, rivals, np.full(3, 0.4, np.float32)).class_id.tolist() == [2] * 31


SCORES = st.lists(st.tuples(*[st.floats(0.0, 1.0, width=32)] * 2), min_size=1, max_size=40)


@settings(deadline=None)
@given(SCORES, st.randoms())
def test_neither_order_nor_names_of_classes_matter(scores: list[tuple[float, float]], random) -> None:
    told = classes([c for c, _ in scores], [s for _, s in scores])
    swapped = classes([s for _, s in scores], [c for c, _ in scores])
    apart = [i for i, (c, s) in enumerate(scores) if c != s]
    assert [told[i] for i in apart] == [1 - swapped[i] for i in apart]
    order = random.sample(range(len(scores)), len(scores))
    assert classes([scores[i][0] for i in order], [scores[i][1] for i in order]) == [told[i] for i in order]


@pytest.mark.parametrize("share", [0.03, 0.2, 0.5, 0.9])
def test_more_are_right_than_by_their_own_looks_and_more_so_the_more_uneven_they_are(share: float) -> None:
    rng = np.random.default_rng(3)
    right, alone = [], []
    for _ in range(20):
        cube = rng.random(300) < share
        odds = rng.normal(np.where(cube, 1.0, -1.0), np.sqrt(2.0))  # logarithms of the true ones
        scores = 1 / (1 + np.exp(-np.stack([odds, -odds])))  # of a network that is twice as sure as it should be
        found, rivals = picture(*scores)
        told = by_company(found, rivals, SURE)
        right.append(((told.class_id == CUBE) == cube).mean())
        alone.append(((found.class_id == CUBE) == cube).mean())
    assert np.mean(right) >= np.mean(alone) - 0.005
    if abs(share - 0.5) > 0.25:
        assert np.mean(right) > np.mean(alone) + 0.03
