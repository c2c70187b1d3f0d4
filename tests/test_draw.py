from __future__ import annotations

import numpy as np
import pytest

from nanotally.detections import FLAG_MASKED, Detections
from nanotally.draw import CLASS_COLOURS, overlay, round_length_nm

ONE_EACH = Detections(np.float32([[100, 300, 150, 350], [300, 300, 360, 360]]), class_id=np.uint16([0, 1]))


def test_boxes_have_the_colour_of_their_class_and_the_picture_is_not_touched() -> None:
    image = np.full((480, 640), 90, np.uint8)
    picture = overlay(image, ONE_EACH)
    assert picture.shape == (480, 640, 3)
    assert tuple(picture[300, 120]) == CLASS_COLOURS["cube"]
    assert tuple(picture[359, 330]) == CLASS_COLOURS["quasi_sphere"]
    assert tuple(picture[325, 125]) == (90, 90, 90)
    assert (image == 90).all()


def test_masked_particles_are_not_drawn() -> None:
    masked = ONE_EACH.flag(FLAG_MASKED, np.array([True, False]))
    picture = overlay(np.full((480, 640), 90, np.uint8), masked)
    assert tuple(picture[300, 120]) == (90, 90, 90)


def test_a_contour_takes_the_place_of_its_box() -> None:
    contours = np.full((2, 4, 2), np.nan, np.float32)
    contours[0] = [[125, 305], [145, 325], [125, 345], [105, 325]]
    picture = overlay(np.full((480, 640), 90, np.uint8), ONE_EACH, contours=contours)
    assert tuple(picture[300, 120]) == (90, 90, 90)  # no box
    assert tuple(picture[314, 134]) != (90, 90, 90)  # on the contour
    assert tuple(picture[325, 125]) == (90, 90, 90)  # within
    assert tuple(picture[359, 330]) == CLASS_COLOURS["quasi_sphere"]  # without a contour it keeps its box


def test_a_scale_bar_is_drawn_only_where_the_pixel_size_is_known() -> None:
    image = np.full((480, 640), 90, np.uint8)
    corner = (slice(420, 480), slice(400, 640))
    assert not (overlay(image, Detections.empty())[corner] == 255).any()
    bar = overlay(image, Detections.empty(), nm_per_px=2.0)[corner]
    longest = max(int((row == 255).all(axis=1).sum()) for row in bar)
    assert longest == pytest.approx(200 / 2.0, abs=2)  # 200 nm: the longest round length in a quarter of 1280 nm


@pytest.mark.parametrize(("longest", "length"), [(0.7, 0.5), (1, 1), (99, 50), (100, 100), (499.9, 200), (5000, 5000)])
def test_lengths_are_round(longest: float, length: float) -> None:
    assert round_length_nm(longest) == pytest.approx(length)


def test_a_tiny_picture_can_be_drawn_on() -> None:
    assert overlay(np.zeros((20, 20), np.uint8), Detections.empty(), nm_per_px=1.0).shape == (20, 20, 3)
