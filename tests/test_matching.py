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


def test_a_difficult_label_takes_what_no_other_label_takes_as_often_as_it_is_found() -> None:
    truth = Detections(np.float32([[0, 0, 10, 10], [3, 0, 13, 10]]))
    found = Detections(np.float32([[2, 0, 12, 10], [3, 0, 13, 10], [3, 1, 13, 10], [50, 0, 60, 10]]))
    matches = match(found, truth, difficult=np.array([False, True]))
    assert matches.truth_of.tolist() == [0, 1, 1, -1]
    assert matches.right.tolist() == [True, False, False, False]
    assert matches.ignored.tolist() == [False, True, True, False]
    assert matches.false.tolist() == [False, False, False, True]
    assert matches.found.tolist() == [True, True]


def test_a_difficult_label_excuses_every_class_but_is_found_by_its_own_only() -> None:
    difficult = np.array([True, True])
    other = Detections(TRUTH.xyxy[:1], class_id=1 - TRUTH.class_id[:1])
    matches = match(other, TRUTH, difficult=difficult)
    assert (matches.ignored.tolist(), matches.found.tolist()) == ([True], [False, False])
    assert match(TRUTH, TRUTH, difficult=difficult).found.tolist() == [True, True]
