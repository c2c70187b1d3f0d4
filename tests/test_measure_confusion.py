from __future__ import annotations

from judged import image, square

from nanotally.measure.confusion import confusion


def test_every_label_and_every_detection_has_its_field() -> None:
    one = image(
        [square(0), square(20), (square(40), 1), square(60)],
        [(square(0), 0.9, 0), (square(20), 0.8, 1), (square(40), 0.7, 1), (square(80), 0.6, 1)],
    )
    assert confusion([one], 2).tolist() == [[1, 1, 1], [0, 1, 0], [0, 1, 0]]


def test_a_label_goes_to_its_own_class_though_another_one_is_surer() -> None:
    one = image([square(0)], [(square(0), 0.9, 1), (square(1), 0.5, 0)])
    assert confusion([one], 2).tolist() == [[1, 0, 0], [0, 0, 0], [0, 1, 0]]


def test_difficult_labels_are_left_out() -> None:
    one = image([square(0), square(30)], [(square(0), 0.9, 1)], difficult=[0, 1])
    assert confusion([one], 2).sum() == 0
