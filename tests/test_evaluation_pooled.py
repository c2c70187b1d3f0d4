from __future__ import annotations

import numpy as np
import pytest
from judged import image, scenes, square
from oracle import oracle_bundle

from nanotally.measure.coco import coco
from nanotally.trainer.evaluate import Fold, evaluate, figures, pooled, thresholds_of

HALF = thresholds_of(oracle_bundle())
PLACES = [square(20 * i) for i in range(3)]


def test_folds_with_the_same_thresholds_are_one_evaluation() -> None:
    judged = scenes(1)
    own = pooled([Fold(judged[:2], HALF), Fold(judged[2:], HALF)])
    assert figures(own) == figures(evaluate(judged, oracle_bundle()))


def test_each_fold_counts_at_its_own_thresholds_and_all_are_ranked_together() -> None:
    low = image(PLACES, [(PLACES[0], 0.4), (square(0, 50), 0.3)], name="a.png")
    high = image(PLACES, [(PLACES[0], 0.9), (PLACES[1], 0.6), (square(0, 50), 0.35)], name="b.png")
    own = pooled([Fold([low], np.float32([0.25, 0.25])), Fold([high], np.float32([0.7, 0.7]))])
    assert (own.total.found, own.total.false) == (2, 1)
    assert own.classes["cube"].threshold == pytest.approx(0.475)
    assert own.map50 == coco([low, high], 2)[0][0]
    assert own.parts["particle size"][0].found == 2


def test_what_no_fold_can_find_is_named() -> None:
    own = pooled([Fold([image([(PLACES[0], 1)])], np.float32([0.5, np.nan]))])
    assert own.unknown == ("quasi_sphere",)
