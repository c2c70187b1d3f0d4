from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanotally.measure.precision import AveragePrecisions, curve


def test_a_curve_worked_out_by_hand() -> None:
    drawn = curve([True, False, True], [0.9, 0.8, 0.7], 4)
    np.testing.assert_allclose(drawn.recall, [0.25, 0.25, 0.5])
    np.testing.assert_allclose(drawn.precision, [1, 0.5, 2 / 3])
    assert drawn.area() == pytest.approx(0.25 * 1 + 0.25 * 2 / 3)
    assert drawn.mean_at_points(11) == pytest.approx((3 * 1 + 3 * 2 / 3) / 11)
    np.testing.assert_allclose(drawn.f1(), [0.4, 1 / 3, 4 / 7])


def test_without_labels_there_is_no_average_precision_and_without_detections_it_is_zero() -> None:
    assert math.isnan(curve([False], [0.5], 0).area())
    assert math.isnan(curve([], [], 0).mean_at_points(11))
    assert curve([], [], 3).area() == curve([], [], 3).mean_at_points(11) == 0


def test_classes_that_are_left_out_do_not_lower_the_mean() -> None:
    none = np.zeros(2, np.int64)
    assert AveragePrecisions(np.array([0.4, np.nan]), none, none).mean == pytest.approx(0.4)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 100)), max_size=30), st.integers(0, 10))
def test_average_precision_lies_between_zero_and_the_last_recall(rows: list[tuple[bool, int]], missed: int) -> None:
    right, score = [row[0] for row in rows], [row[1] / 100 for row in rows]
    drawn = curve(right, score, sum(right) + missed)
    if drawn.labelled:
        assert 0 <= drawn.area() <= sum(right) / drawn.labelled + 1e-9
        finest = drawn.mean_at_points(10_001)  # the sum over ever more recalls is the area
        assert finest == pytest.approx(drawn.area(), abs=1e-3)
