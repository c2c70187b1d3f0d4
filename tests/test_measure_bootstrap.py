from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from judged import image, repeated, scenes, square

from nanotally.measure.bootstrap import Estimate, estimates, ranking, resample
from nanotally.measure.coco import coco
from nanotally.measure.judged import Judged
from nanotally.measure.ledger import ledger

SEEDS = st.integers(0, 2**32 - 1)
WEIGHTS = st.lists(st.integers(0, 3), min_size=6, max_size=6).filter(any)


def own_ap(judged: list[Judged], class_id: int, weights: list[int] | None = None) -> float:
    drawn = ranking(judged, ledger(judged, 2), class_id)
    return drawn.average_precision(np.array(weights or [1] * len(judged)))


@given(SEEDS)
def test_average_precision_is_cocos(seed: int) -> None:
    judged = scenes(seed)
    np.testing.assert_allclose([own_ap(judged, 0), own_ap(judged, 1)], coco(judged, 2)[0], atol=1e-6)


@given(SEEDS, WEIGHTS)
def test_a_weight_is_as_good_as_repeating_the_image(seed: int, weights: list[int]) -> None:
    judged = scenes(seed)
    weighted = [own_ap(judged, class_id, weights) for class_id in (0, 1)]
    np.testing.assert_allclose(weighted, coco(repeated(judged, weights), 2)[0], atol=1e-6)


def test_recall_at_a_precision_is_that_of_the_lowest_score_that_keeps_it() -> None:
    places = [square(20 * i) for i in range(4)]
    found = [(places[0], 0.9), (places[1], 0.8), (square(0, 50), 0.7), (places[2], 0.6), (square(50, 50), 0.5)]
    one = [image(places, found)]
    drawn = ranking(one, ledger(one, 1))
    for least, recall, score in ((1.0, 0.5, 0.8), (0.75, 0.75, 0.6), (0.1, 0.75, 0.6)):
        assert drawn.at_precision(least, np.array([1])) == (recall, pytest.approx(score))
    wrong = [image(places, [(square(0, 50), 0.9)])]
    recall, score = ranking(wrong, ledger(wrong, 1)).at_precision(0.5, np.array([1]))
    assert recall == 0
    assert math.isnan(score)
    assert math.isnan(ranking([image()], ledger([image()], 1)).at_precision(0.5, np.array([1]))[0])


@given(st.lists(st.sampled_from("abcd"), min_size=2, max_size=9))
def test_whole_groups_are_drawn_as_many_as_there_are(groups: list[str]) -> None:
    drawn = resample(groups, resamples=20)
    first = [groups.index(name) for name in sorted(set(groups))]
    assert (drawn[:, first].sum(axis=1) == len(first)).all()
    for column, name in enumerate(groups):
        assert (drawn[:, column] == drawn[:, groups.index(name)]).all()
    assert (resample(groups, resamples=20) == drawn).all()


@given(st.lists(st.floats(0, 100), min_size=2, max_size=10), st.floats(-10, 10))
def test_the_interval_of_a_mean_of_symmetrical_values_holds_it(offsets: list[float], centre: float) -> None:
    values = centre + np.array([*offsets, *(-offset for offset in offsets)])
    groups = [f"{i}" for i in range(len(values))]
    told = estimates(lambda weights: {"mean": float(weights @ values / weights.sum())}, groups)["mean"]
    assert told.low - 1e-6 <= told.value <= told.high + 1e-6


def test_images_of_one_group_do_not_narrow_the_interval() -> None:
    values = np.array([0.0, 1.0, 2.0, 3.0])

    def mean(times: int) -> Estimate:
        many = np.tile(values, times)
        return estimates(lambda w: {"m": float(w @ many / w.sum())}, ["a", "b", "c", "d"] * times)["m"]

    assert mean(1) == mean(25)


def test_one_group_has_no_interval_and_a_figure_without_meaning_none_either() -> None:
    one = estimates(lambda _: {"figure": 0.5}, ["a", "a"])["figure"]
    assert one.value == 0.5
    assert math.isnan(one.low)
    never = estimates(lambda _: {"figure": float("nan")}, ["a", "b"])["figure"]
    assert math.isnan(never.low)


def test_resamples_in_which_a_figure_has_no_meaning_are_left_out() -> None:
    told = estimates(lambda w: {"figure": 0.5 if w[0] else float("nan")}, ["a", "b"])["figure"]
    assert (told.low, told.high) == (0.5, 0.5)
