from __future__ import annotations

import numpy as np

from nanotally.detections import Detections
from nanotally.measure.matching import match

TRUTH = Detections(np.float32([[0, 0, 10, 10], [20, 0, 30, 10]]), class_id=np.uint16([0, 1]))


def test_the_better_score_takes_the_label_and_the_other_is_false() -> None:
    found = Detections(np.float32([[1, 0, 10, 10], [0, 0, 10, 10]]), np.float32([0.9, 0.5]), np.uint16([0, 0]))
    matches = match(found, TRUTH)
    assert matches.truth_of.tolist() == [0, -1]
    assert matches.found.tolist() == [True, False]
    np.testing.assert_allclose(matches.overlap, [0.9, 0])


def test_a_box_of_the_wrong_class_matches_only_when_the_class_is_not_asked() -> None:
    found = Detections(np.float32([[20, 0, 30, 10]]), class_id=np.uint16([0]))
    assert match(found, TRUTH).truth_of.tolist() == [-1]
    assert match(found, TRUTH, any_class=True).truth_of.tolist() == [1]


def test_an_overlap_of_exactly_one_half_counts() -> None:
    found = Detections(np.float32([[0, 0, 10, 5]]), class_id=np.uint16([0]))
    assert match(found, TRUTH).truth_of.tolist() == [0]
    assert match(found, TRUTH, at=0.51).truth_of.tolist() == [-1]


def test_a_taken_label_leaves_the_next_best_free_one() -> None:
    truth = Detections(np.float32([[0, 0, 10, 10], [2, 0, 12, 10]]))
    found = Detections(np.float32([[0, 0, 10, 10], [0, 0, 11, 10]]), np.float32([0.9, 0.8]))
    assert match(found, truth).truth_of.tolist() == [0, 1]


def test_empty_sides() -> None:
    assert match(Detections.empty(), TRUTH).found.tolist() == [False, False]
    assert match(TRUTH, Detections.empty()).truth_of.tolist() == [-1, -1]
