from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanotally.detect.tiles import PAD
from nanotally.detections import Detections
from nanotally.trainer.pictures import Picture
from nanotally.trainer.views import LEAST_VISIBLE, cut_view, turn_knobs, typical_px, without_difficult


def picture(height: int, width: int, boxes: list[list[int]]) -> Picture:
    image = np.zeros((height, width), np.uint8)
    for x1, y1, x2, y2 in boxes:
        image[y1:y2, x1:x2] = 255
    return Picture(Path("p.png"), image, Detections(np.array(boxes, np.float32).reshape(-1, 4)), "p")


@pytest.mark.parametrize("turns", range(4))
def test_boxes_turn_with_the_picture(turns: int) -> None:
    view, found = cut_view(
        picture(64, 64, [[10, 20, 30, 50]]), side_px=64, scale=1.0, turns=turns, rng=np.random.default_rng(0)
    )
    ys, xs = np.nonzero(view == 255)
    np.testing.assert_allclose(found.xyxy[0], [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1])


@given(seed=st.integers(0, 999), scale=st.floats(0.5, 2.0))
def test_boxes_lie_on_their_particles_at_every_scale(seed: int, scale: float) -> None:
    view, found = cut_view(
        picture(200, 300, [[40, 60, 80, 100], [150, 20, 200, 70]]),
        side_px=128, scale=scale, turns=0, rng=np.random.default_rng(seed),
    )  # fmt: skip
    for x1, y1, x2, y2 in found.xyxy:
        assert 0 <= x1 < x2 <= 128
        assert 0 <= y1 < y2 <= 128
        inner = view[int(y1) + 2 : int(y2) - 2, int(x1) + 2 : int(x2) - 2]
        assert inner.size == 0 or (inner > 200).all()


def test_what_is_mostly_cut_off_is_not_labelled() -> None:
    whole = picture(100, 400, [[0, 10, 40, 90]])
    for seed in range(30):
        _, found = cut_view(whole, side_px=100, scale=1.0, turns=0, rng=np.random.default_rng(seed))
        assert all(box[2] - box[0] >= LEAST_VISIBLE * 40 for box in found.xyxy)


def test_a_small_picture_is_padded_with_the_detectors_grey() -> None:
    view, _ = cut_view(picture(30, 40, []), side_px=64, scale=1.0, turns=0, rng=np.random.default_rng(0))
    assert (view[30:] == PAD).all()
    assert (view[:, 40:] == PAD).all()


def test_the_typical_size_is_the_median_of_the_longer_sides() -> None:
    assert typical_px(picture(100, 100, [[0, 0, 10, 20], [0, 0, 30, 5], [0, 0, 90, 90]])) == 30
    assert typical_px(picture(100, 100, [])) == 60


def test_the_knobs_change_grey_levels_but_not_geometry() -> None:
    image = picture(64, 64, [[10, 20, 30, 50]]).image
    turned = [turn_knobs(image, np.random.default_rng(seed)) for seed in range(20)]
    assert all(t.shape == image.shape and t.dtype == np.uint8 for t in turned)
    inside, outside = (slice(25, 45), slice(15, 25)), (slice(5, 15), slice(40, 60))
    assert all(abs(float(t[inside].mean()) - float(t[outside].mean())) > 20 for t in turned)


def test_difficult_particles_are_painted_over_but_for_what_lies_in_the_box_of_another() -> None:
    whole = picture(64, 64, [[10, 10, 30, 30], [20, 10, 40, 30], [50, 50, 60, 60]])
    seen = without_difficult(replace(whole, difficult=np.array([True, False, False])))
    assert (seen.image[10:30, 10:20] == PAD).all()
    assert (seen.image[10:30, 20:40] == 255).all()
    assert (seen.image == PAD).sum() == 200
    assert seen.detections.xyxy.tolist() == [[20, 10, 40, 30], [50, 50, 60, 60]]
    assert not seen.difficult.any()
    assert (whole.image[10:30, 10:20] == 255).all()
