from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judged import image, repeated, scenes, square
from oracle import oracle_bundle

from nanotally.detections import CLASSES
from nanotally.measure.judged import Judged, published
from nanotally.trainer.evaluate import evaluate, figures, text
from nanotally.trainer.evaluation.headline import Headline, Tally, headline

HALF = np.float32([0.5, 0.5])
PLACES = [square(20 * i) for i in range(4)]
SEEDS = st.integers(0, 2**32 - 1)


def told(judged: list[Judged]) -> Headline:
    return headline(judged, published(judged, HALF), CLASSES)


@given(SEEDS, st.lists(st.integers(0, 3), min_size=6, max_size=6).filter(any))
def test_weighing_images_is_repeating_them(seed: int, weights: list[int]) -> None:
    judged = scenes(seed)
    many = repeated(judged, weights)
    weighed = Tally(judged, published(judged, HALF), CLASSES).figures(np.array(weights))
    counted = Tally(many, published(many, HALF), CLASSES).figures(np.ones(len(many), np.int64))
    if math.isnan(weighed["map50"]):  # over the classes of the whole set, one of which is not labelled any more
        del weighed["map50"]
    for name in weighed:
        assert weighed[name] == pytest.approx(counted[name], nan_ok=True), name


@settings(max_examples=20)
@given(SEEDS)
def test_the_values_are_those_of_the_evaluation(seed: int) -> None:
    own = evaluate([replace(one, group="") for one in scenes(seed)], oracle_bundle())
    quoted = own.headline
    pairs = [
        (quoted.map50, own.map50),
        (quoted.ap50_any_class, own.ap50_any_class),
        (quoted.correct, own.total.recall),
        (quoted.precision, own.total.precision),
        (quoted.count_error, own.count_error),
        *((quoted.ap50[name], score.ap50) for name, score in own.classes.items()),
    ]
    for estimate, value in pairs:
        assert estimate.value == pytest.approx(value, abs=1e-6, nan_ok=True)


def test_figures_worked_out_by_hand() -> None:
    scattered = replace(image(PLACES, [(PLACES[0], 0.9), (PLACES[1], 0.4)]), contact=0.0)
    packed = replace(image(PLACES[:2], [(PLACES[0], 0.8), (PLACES[1], 0.7, 1)]), contact=0.9)
    rods = image([], [(PLACES[0], 0.6), (PLACES[1], 0.6, 1), (PLACES[2], 0.1)])
    own = told([scattered, packed, rods])
    assert own.correct_scattered.value == 1 / 4
    assert own.correct_touching.value == 1 / 2
    assert own.correct.value == 2 / 6
    assert own.precision.value == 2 / 5
    assert own.found_per_empty_image.value == 2
    assert own.correct_at_precision.value == 2 / 6
    assert own.score_at_precision.value == pytest.approx(0.8)


def test_images_without_known_groups_have_no_interval() -> None:
    own = told([replace(one, group="") for one in scenes(3)])
    assert own.groups == 0
    assert math.isnan(own.correct.low)
    assert told([replace(one, group="x") for one in scenes(3)]).groups == 1


def test_an_image_without_a_group_is_one_of_its_own_where_others_have_one() -> None:
    judged = scenes(3)
    own = told([replace(judged[0], group=""), replace(judged[1], group=""), *judged[2:]])
    assert own.groups == 5
    assert own.correct.low <= own.correct.value <= own.correct.high


def test_text_and_json_have_the_block_to_quote() -> None:
    own = evaluate(scenes(5), oracle_bundle())
    page = text(own)
    assert "90 % interval over 3 groups" in page
    for name in ("AP50 of cube", "touching and packed", "at precision 85 %", "found an image without particles"):
        assert name in page
    block = json.loads(json.dumps(figures(own)["headline"]))
    assert block["groups"] == 3
    assert block["correct"] == {
        "value": pytest.approx(own.headline.correct.value, abs=1e-4),
        "low": pytest.approx(own.headline.correct.low, abs=1e-4),
        "high": pytest.approx(own.headline.correct.high, abs=1e-4),
    }
    assert set(block["ap50"]) == set(CLASSES)
    assert "interval, groups unknown" in text(evaluate([image(PLACES)], oracle_bundle()))
