from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from judged import image, square

from nanotally.detections import Detections
from nanotally.measure.cartucho import cartucho
from nanotally.measure.judged import Judged
from nanotally.measure.ledger import ledger


def read_rows(file: Path, names: list[str], score: bool) -> Detections:
    """A file of Cartucho's: `class [score] left top right bottom` a line."""
    rows = [line.split() for line in file.read_text().splitlines()]
    boxes = np.float32([row[1 + score : 5 + score] for row in rows]).reshape(-1, 4)
    scores = np.float32([row[1] for row in rows]) if score else np.ones(len(rows), np.float32)
    return Detections(boxes, scores, np.uint16([names.index(row[0]) for row in rows]))


@pytest.mark.real
def test_the_sample_that_comes_with_the_script_gives_its_own_figure(shared_data: Path) -> None:
    truths, found = (shared_data / "cartucho-sample" / name for name in ("ground-truth", "detection-results"))
    files = sorted(truths.glob("*.txt"))
    every = [*files, *found.glob("*.txt")]
    names = sorted({line.split()[0] for file in every for line in file.read_text().splitlines()})
    judged = [
        Judged(file.stem, read_rows(file, names, False), read_rows(found / file.name, names, True), (1, 1))
        for file in files
    ]
    result = cartucho(judged, len(names))
    assert len(judged) == 85
    assert int((~np.isnan(result.ap)).sum()) == 30
    assert f"{100 * result.mean:.2f}" == "31.05"


def test_corners_are_pixels_that_belong_to_the_box() -> None:
    def judged(shift: float) -> list[Judged]:
        return [image([square(20, side=8)], [(square(20 + shift, side=8), 0.9)])]

    assert cartucho(judged(3.0), 1).mean == 1
    assert cartucho(judged(3.1), 1).mean == 0
    assert ledger(judged(2.6), 1).average_precisions().mean == 1
    assert ledger(judged(2.7), 1).average_precisions().mean == 0


def test_a_second_detection_is_false_though_another_label_is_near_enough() -> None:
    # Both detections overlap the first label most; the second would do for the second label.
    crowd = [image([square(0), square(2)], [(square(0), 0.9), (square(0.5), 0.8)])]
    assert cartucho(crowd, 1).right.tolist() == [1]
    assert cartucho(crowd, 1).mean == 0.5
    assert ledger(crowd, 1).right.tolist() == [2]
    assert ledger(crowd, 1).average_precisions().mean == 1


def test_a_difficult_label_is_neither_right_nor_wrong_but_in_the_table_it_is_false() -> None:
    one = [image([square(0), square(50)], [(square(50), 0.5), (square(0), 0.9)], difficult=[1])]
    result = cartucho(one, 1)
    assert result.mean == 1
    assert (result.right.tolist(), result.false.tolist()) == ([1], [1])


def test_the_best_detection_on_a_difficult_label_does_not_end_the_run() -> None:
    assert cartucho([image([square(0), square(50)], [(square(50), 0.9), (square(0), 0.5)], difficult=[1])], 1).mean == 1


def test_another_class_on_a_difficult_label_is_false_in_the_script_only() -> None:
    one = [image([square(0), (square(50), 1)], [(square(50), 0.9, 0), (square(0), 0.5, 0)], difficult=[1])]
    assert cartucho(one, 2).mean == 0.5
    assert ledger(one, 2).average_precisions().mean == 1


def test_a_class_without_a_label_that_counts_never_lowers_the_mean() -> None:
    one = [image([square(0), (square(50), 1)], [(square(0), 0.9, 0), (square(80), 0.9, 1)], difficult=[1])]
    result = cartucho(one, 2)
    assert result.mean == 1
    assert math.isnan(result.ap[1])


def test_among_equal_scores_the_order_of_the_images_counts() -> None:
    good, bad = image([square(0)], [(square(0), 0.5)]), image([], [(square(0), 0.5)])
    assert cartucho([good, bad], 1).mean == 1
    assert cartucho([bad, good], 1).mean == 0.5


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(1, 99)), min_size=1, max_size=12))
def test_on_boxes_far_apart_the_script_and_the_clean_definition_agree(
    rows: list[tuple[bool, bool, int]],
) -> None:
    labels = [square(40 * i, side=30) for i, (labelled, _, _) in enumerate(rows) if labelled]
    found = [(square(40 * i + 1, side=30), score / 100) for i, (_, told, score) in enumerate(rows) if told]
    judged = [image(labels, found)]
    np.testing.assert_allclose(cartucho(judged, 1).ap, ledger(judged, 1).average_precisions().ap)
