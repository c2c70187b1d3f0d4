from __future__ import annotations

import numpy as np
import pytest
from judged import image, square

from nanotally.measure.coco import coco
from nanotally.measure.judged import at_thresholds, of_one_class, published, without_difficult
from nanotally.measure.ledger import ledger

TWO = [
    image([square(0), (square(30), 1)], [(square(0), 0.9, 0), (square(30, side=12), 0.6, 1), (square(70), 0.4, 1)]),
    image([square(0)], [(square(0), 0.8, 1)], name="b.png"),
]


def test_rows_of_all_images_are_counted_a_class() -> None:
    every = ledger(TWO, 2)
    assert every.labelled.tolist() == [2, 1]
    assert every.right.tolist() == [1, 1]
    assert every.false.tolist() == [0, 2]
    np.testing.assert_allclose(every.finds.side_ratio, [1, 1.2, np.nan, np.nan], rtol=1e-6)
    assert every.labels.found.tolist() == [True, True, False]


def test_without_looking_at_the_class_everything_is_class_0() -> None:
    assert ledger(of_one_class(TWO), 1).right.tolist() == [3]


def test_only_what_reaches_the_threshold_of_its_class_is_published() -> None:
    thresholds = np.float32([0.95, 0.5])
    assert [len(part.found) for part in published(TWO, thresholds)] == [1, 1]
    assert at_thresholds(TWO[0].found, thresholds).class_id.tolist() == [1]


def test_difficult_labels_and_what_they_excuse_are_gone() -> None:
    one = image([square(0), square(50)], [(square(0), 0.9), (square(50), 0.8, 1), (square(80), 0.7)], difficult=[1])
    fair = without_difficult(one)
    assert len(fair.truth) == 1
    np.testing.assert_allclose(fair.found.score, [0.9, 0.7])
    assert ledger([one], 2).false.tolist() == [1, 0]
    assert coco([one], 2)[0][0] == pytest.approx(1, abs=1e-6)
