from __future__ import annotations

import math

import numpy as np
import pytest

from nanotally.measure.reliability import reliability


def test_scores_that_are_as_right_as_they_say_have_no_error() -> None:
    told = reliability(np.full(4, 0.75, np.float32), np.array([True, True, True, False]))
    assert told.count.tolist() == [0, 0, 0, 0, 0, 0, 0, 4, 0, 0]
    assert told.error == pytest.approx(0)


def test_bins_weigh_by_their_detections_and_guesses_are_left_out() -> None:
    told = reliability(np.float32([0.95, 1.0, 0.25, 0.01]), np.array([True, True, True, False]))
    assert told.count.sum() == 3
    assert told.error == pytest.approx((2 * 0.025 + 0.75) / 3, abs=1e-6)


def test_nothing_found_has_no_error() -> None:
    assert math.isnan(reliability(np.zeros(0, np.float32), np.zeros(0, bool)).error)
