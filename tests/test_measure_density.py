"""The number density against the truth: fields that are windows on particles lying at random."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanotally.detections import FLAG_BORDER, FLAG_MASKED, Detections
from nanotally.measure.density import BORDER_PX, Examined, density_per_um2

WIDTH, HEIGHT = 300, 200
MASKS = ((40, 30, 140, 90), (100, 60, 180, 150), (290, 0, 400, 20))

boxes = st.tuples(*[st.integers(0, 60)] * 4).map(lambda b: (b[0], b[1], b[0] + b[2] + 1, b[1] + b[3] + 1))


@pytest.mark.parametrize("masks", [(), MASKS])
@pytest.mark.parametrize("side", [20.0, 60.0])
def test_neither_border_nor_mask_bias_the_density(side: float, masks: tuple) -> None:
    rng = np.random.default_rng(0)
    examined = Examined((0, 0, WIDTH, HEIGHT), masks)
    fields, per_px2 = 400, 5e-4
    found = []
    for _ in range(fields):
        n = rng.poisson(per_px2 * (WIDTH + 200) * (HEIGHT + 200))
        corner = rng.uniform(-100, [WIDTH + 100, HEIGHT + 100], (n, 2))
        box = np.full((n, 2), side) * rng.uniform(0.5, 1.5, (n, 2))
        xyxy = np.hstack([corner, corner + box])
        beyond = (corner < BORDER_PX).any(axis=1) | (corner + box > [WIDTH - BORDER_PX, HEIGHT - BORDER_PX]).any(axis=1)
        centre = corner + box / 2
        masked = np.zeros(n, bool)
        for x1, y1, x2, y2 in masks:
            masked |= ((centre >= [x1, y1]) & (centre < [x2, y2])).all(axis=1)
        seen = Detections(xyxy).flag(FLAG_BORDER, beyond).flag(FLAG_MASKED, masked)
        found.append(density_per_um2(seen, examined, (1000.0, 500.0)))
    assert np.mean(found) == pytest.approx(per_px2 / 0.5, rel=4 / np.sqrt(per_px2 * 100 * 100 * fields))


def test_a_box_larger_than_the_field_stands_for_nothing() -> None:
    examined = Examined((10, 10, 10 + WIDTH, 10 + HEIGHT))
    assert examined.room_for([[WIDTH, 10], [10, HEIGHT + 50]]).tolist() == [0, 0]
    assert density_per_um2(Detections(np.array([[10, 10, 410, 20]])), examined, (1.0, 1.0)) == 0
    assert density_per_um2(Detections.empty(), examined, (1.0, 1.0)) == 0


def test_without_masks_the_room_is_what_the_formula_says() -> None:
    examined = Examined((10, 20, 10 + WIDTH, 20 + HEIGHT))
    size = np.array([[10.5, 3.25], [100, 100], [0.5, 150]])
    room = (np.array([WIDTH, HEIGHT]) - 2 * BORDER_PX - size).prod(axis=1)
    assert examined.room_for(size) == pytest.approx(room)


@given(st.lists(boxes, max_size=4), boxes)
def test_the_area_is_that_of_the_pixels_which_are_not_masked(masks: list, field: tuple) -> None:
    x, y = np.meshgrid(np.arange(field[0], field[2]), np.arange(field[1], field[3]))
    masked = [(x >= x1) & (x < x2) & (y >= y1) & (y < y2) for x1, y1, x2, y2 in masks]
    expected = x.size - int(np.any(masked, axis=0).sum()) if masks else x.size
    assert Examined(field, tuple(masks)).area_px == expected
