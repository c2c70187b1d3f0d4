from __future__ import annotations

import numpy as np

from nanotally.detect.decode import decode_ultralytics


def raw_of(*rows: tuple[float, ...]) -> np.ndarray:
    return np.array(rows, np.float32).T[None]


def test_centres_and_sizes_become_corners() -> None:
    candidates = decode_ultralytics(raw_of((50, 40, 20, 10, 0.9, 0.1)), np.float32([0.5, 0.5]))
    np.testing.assert_allclose(candidates.xyxy, [[40, 35, 60, 45]])
    assert candidates.class_id.tolist() == [0]
    np.testing.assert_allclose(candidates.score, [0.9])


def test_a_particle_has_the_best_class_that_reaches_its_threshold() -> None:
    thresholds = np.float32([0.8, 0.3])
    candidates = decode_ultralytics(raw_of((5, 5, 2, 2, 0.7, 0.4), (5, 5, 2, 2, 0.85, 0.4)), thresholds)
    assert candidates.class_id.tolist() == [1, 0]
    np.testing.assert_allclose(candidates.score, [0.4, 0.85])


def test_below_every_threshold_there_is_nothing() -> None:
    candidates = decode_ultralytics(raw_of((5, 5, 2, 2, 0.2, 0.2)), np.float32([0.5, 0.5]))
    assert len(candidates.score) == 0
    assert candidates.xyxy.shape == (0, 4)


def test_the_row_of_the_batch_is_kept() -> None:
    raw = np.concatenate([raw_of((5, 5, 2, 2, 0, 0)), raw_of((5, 5, 2, 2, 0.9, 0))])
    assert decode_ultralytics(raw, np.float32([0.5, 0.5])).tile.tolist() == [1]
