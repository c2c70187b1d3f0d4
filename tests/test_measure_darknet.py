from __future__ import annotations

import pytest
from judged import image, square

from nanotally.measure.darknet import darknet


def test_an_overlap_of_exactly_one_half_is_not_enough() -> None:
    half, more = (0, 0, 10, 5), (0, 0, 10, 5.1)
    assert darknet([image([square(0)], [(half, 0.9)])], 1).area.mean == 0
    assert darknet([image([square(0)], [(more, 0.9)])], 1).area.mean == 1


def test_a_class_without_labels_counts_as_zero() -> None:
    assert darknet([image([square(0)], [(square(0), 0.9)])], 2).area.mean == 0.5


def test_a_false_detection_counts_as_no_overlap_in_the_average_iou() -> None:
    one = [image([square(0)], [((0, 0, 10, 8), 0.9), (square(50), 0.8), (square(80), 0.25)])]
    result = darknet(one, 1)
    assert result.average_iou == pytest.approx(0.4)  # 0.8 over two detections above 0.25
    assert (result.area.right.tolist(), result.area.false.tolist()) == ([1], [1])


def test_a_label_is_found_once() -> None:
    twice = [image([square(0), square(50)], [(square(0), 0.9), (square(1), 0.8)])]
    assert darknet(twice, 1).area.right.tolist() == [1]
    assert darknet(twice, 1).average_iou == pytest.approx(0.5)


def test_eleven_points_and_area_differ_as_darknet_has_it() -> None:
    one = [image([square(0), square(50)], [(square(0), 0.9)])]
    result = darknet(one, 1)
    assert result.area.mean == 0.5
    assert result.eleven.mean == pytest.approx(6 / 11)  # recalls 0.0 to 0.5


def test_a_detection_on_a_difficult_label_is_taken_out() -> None:
    one = [image([square(0), square(50)], [(square(0), 0.5), (square(50), 0.9)], difficult=[1])]
    assert darknet(one, 1).area.mean == 1
    assert darknet(one, 1).average_iou == 1
