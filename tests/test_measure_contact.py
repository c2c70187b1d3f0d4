from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanotally.labels import read_mask
from nanotally.measure.contact import touching_boxes, touching_in_mask


def mask_of(*boxes: tuple[int, int, int, int], side: int = 40) -> np.ndarray:
    instances = np.zeros((side, side), np.int32)
    for number, (x1, y1, x2, y2) in enumerate(boxes, start=1):
        instances[y1:y2, x1:x2] = number
    return instances


@pytest.mark.parametrize(
    ("other", "touches"),
    [((10, 0, 20, 10), True), ((11, 0, 20, 10), True), ((12, 0, 20, 10), False), ((11, 11, 20, 20), True)],
)
@pytest.mark.parametrize("turned", [False, True])
def test_one_pixel_of_substrate_between_two_particles_is_contact(
    other: tuple[int, int, int, int], touches: bool, turned: bool
) -> None:
    mask = mask_of((0, 0, 10, 10), other)
    mask = mask[:, ::-1] if turned else mask
    assert touching_in_mask(mask, 2).tolist() == [touches, touches]


def test_a_lonely_particle_touches_nothing() -> None:
    assert touching_in_mask(mask_of((0, 0, 10, 10)), 1).tolist() == [False]
    assert touching_boxes(np.float32([[0, 0, 10, 10]])).tolist() == [False]
    assert touching_boxes(np.zeros((0, 4), np.float32)).tolist() == []


def test_boxes_that_meet_at_their_corners_do_not_touch_but_side_by_side_they_do() -> None:
    corner = np.float32([[0, 0, 10, 10], [9, 9, 19, 19], [50, 0, 60, 10], [60, 0, 70, 10]])
    assert touching_boxes(corner).tolist() == [False, False, True, True]


@given(st.lists(st.tuples(*[st.integers(0, 50)] * 2, *[st.integers(1, 30)] * 2), min_size=1, max_size=8))
def test_boxes_at_one_place_touch(rows: list[tuple[int, int, int, int]]) -> None:
    boxes = np.float32([(x, y, x + w, y + h) for x, y, w, h in rows])
    assert touching_boxes(np.concatenate([boxes, boxes])).all()


@pytest.mark.real
def test_contact_of_the_emps_masks_is_what_their_index_says(shared_data: Path) -> None:
    folder = shared_data / "emps-dev"
    rows = [row for row in json.loads((folder / "boxes.json").read_text()) if row["instances"]][:30]
    by_boxes = []
    for row in rows:
        mask, boxes = read_mask(folder / "masks" / row["file"], width=row["width"], height=row["height"])
        assert touching_in_mask(mask, len(boxes)).mean() == pytest.approx(row["contact"], abs=1e-3)
        by_boxes.append(touching_boxes(boxes).mean() - row["contact"])
    assert np.abs(by_boxes).mean() < 0.06
