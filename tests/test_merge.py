from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nanotally.detect.merge import suppress
from nanotally.detections import iou


def greedy(xyxy: np.ndarray, score: np.ndarray, at: float) -> list[int]:
    kept: list[int] = []
    table = iou(xyxy, xyxy)
    for row in np.argsort(-score, kind="stable"):
        if all(table[row, other] < at for other in kept):
            kept.append(int(row))
    return kept


@settings(max_examples=150)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(0, 120), at=st.sampled_from([0.1, 0.3, 0.45, 0.5, 0.7, 0.9]))
def test_equals_greedy_suppression(seed: int, n: int, at: float) -> None:
    rng = np.random.default_rng(seed)
    centre = rng.uniform(0, 200, (n, 2))
    size = np.exp(rng.uniform(np.log(1), np.log(150), (n, 2)))
    xyxy = np.concatenate([centre - size / 2, centre + size / 2], axis=1).astype(np.float32)
    score = rng.random(n).astype(np.float32)
    assert suppress(xyxy, score, at).tolist() == greedy(xyxy, score, at)


@pytest.mark.parametrize("jitter", [0.0, 0.2])
def test_equals_greedy_suppression_on_crowds_of_alike_boxes(jitter: float) -> None:
    rng = np.random.default_rng(1)
    centre = np.repeat(rng.uniform(0, 300, (60, 2)), 6, axis=0) + rng.normal(0, 3, (360, 2))
    half = 12 * np.exp(rng.normal(0, jitter, (360, 2)))
    xyxy = np.concatenate([centre - half, centre + half], axis=1).astype(np.float32)
    score = rng.random(360).astype(np.float32)
    assert suppress(xyxy, score, 0.5).tolist() == greedy(xyxy, score, 0.5)


def test_a_box_that_is_no_number_rules_nobody_out() -> None:
    fine = [[0, 0, 10, 10], [20, 20, 30, 30]]
    odd = [[np.nan] * 4, [-np.inf, 0, np.inf, 10], [1e30, 0, 2e30, 1], [5, 5, 5, 5], [9, 9, 3, 3]]
    boxes = np.array(odd + fine + fine, np.float32)
    kept = suppress(boxes, np.linspace(1, 0.5, len(boxes), dtype=np.float32), 0.5)
    assert kept.tolist() == list(range(len(odd) + len(fine)))


def test_of_equal_scores_the_first_row_stays() -> None:
    boxes = np.tile(np.float32([0, 0, 10, 10]), (3, 1))
    assert suppress(boxes, np.full(3, 0.5, np.float32), 0.5).tolist() == [0]


def test_of_no_boxes_none_is_kept() -> None:
    assert suppress(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), 0.5).tolist() == []
