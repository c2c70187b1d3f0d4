"""Outlines in boxes: shapes that are known, in either contrast, beside neighbours and in noise."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from nanotally.generator.bodies import DRAW, Habit, Material
from nanotally.generator.outline import find_outline
from nanotally.opencv import cv2

Grey = NDArray[np.uint8]
Mask = NDArray[np.bool_]


def overlap(a: Mask, b: Mask) -> float:
    return float((a & b).sum() / (a | b).sum())


def box_of(mask: Mask) -> tuple[int, int, int, int]:
    x, y, w, h = cv2.boundingRect(mask.astype(np.uint8))
    return x, y, x + w, y + h


def particle(name: str, size_px: float, seed: int, *, dark: bool = False) -> tuple[Grey, Mask]:
    """A procedural particle on a noisy substrate, and the pixels that it covers."""
    rng = np.random.default_rng(seed)
    sprite = DRAW[name](size_px, Habit(tilt_rad=0.4), Material(level=0.6), rng)
    signal, alpha = (np.pad(part, 12) for part in (sprite.signal, sprite.alpha))
    grey = 0.2 * (1 - alpha) + np.clip(signal, 0, 1) * alpha + rng.normal(0, 0.04, alpha.shape)
    image = np.round(np.clip(1 - grey if dark else grey, 0, 1) * 255).astype(np.uint8)
    return image, alpha >= 0.5


@settings(max_examples=25)
@given(
    name=st.sampled_from(sorted(DRAW)), size_px=st.floats(20, 90), seed=st.integers(0, 2**32 - 1), dark=st.booleans()
)
def test_a_clear_particle_is_found_to_its_edge(name: str, size_px: float, seed: int, dark: bool) -> None:
    image, truth = particle(name, size_px, seed, dark=dark)
    found = find_outline(image, box_of(truth), cube=name == "cube")
    assert overlap(found.mask, truth) > 0.85
    assert found.fit > 0.7


@pytest.mark.parametrize("cube", [True, False])
def test_a_box_that_is_far_from_tight_does_not_fit(cube: bool) -> None:
    image = cv2.circle(np.full((100, 100), 40, np.uint8), (50, 50), 15, 180, -1)
    assert find_outline(image, (26, 26, 75, 75), cube=cube).fit < 0.7
    assert find_outline(image, (34, 34, 67, 67), cube=cube).fit > 0.8


def test_a_turned_cube_is_not_the_ellipse_in_its_box() -> None:
    truth = np.zeros((120, 120), np.uint8)
    cv2.fillConvexPoly(truth, np.array([[60, 15], [105, 60], [60, 105], [15, 60]]), 1)
    found = find_outline(60 + 120 * truth, box_of(truth.astype(bool)), cube=True)
    assert overlap(found.mask, truth.astype(bool)) > 0.93  # the ellipse has 0.64


def test_touching_neighbours_are_left_outside() -> None:
    image = np.full((100, 100), 30, np.uint8)
    for x in (10, 50, 90):
        cv2.circle(image, (x, 50), 20, 170, -1)
        cv2.circle(image, (x, 50), 20, 220, 2)  # the bright rim that tells one from the next
    y, x = np.mgrid[:100, :100]
    truth = np.hypot(x - 50, y - 50) <= 21
    assert overlap(find_outline(image, (29, 29, 72, 72), cube=False).mask, truth) > 0.9


@pytest.mark.parametrize("box", [(0, 0, 30, 30), (70, 50, 100, 80), (0, 0, 100, 80)])
@pytest.mark.parametrize("cube", [True, False])
def test_a_box_at_the_border_or_on_nothing_gives_a_mask_in_the_box(box: tuple[int, ...], cube: bool) -> None:
    found = find_outline(np.full((80, 100), 90, np.uint8), box, cube=cube).mask
    assert found.any()
    x1, y1, x2, y2 = box_of(found)
    slack_x, slack_y = 0.05 * (box[2] - box[0]), 0.05 * (box[3] - box[1])
    assert x1 >= box[0] - slack_x
    assert y1 >= box[1] - slack_y
    assert x2 <= box[2] + slack_x
    assert y2 <= box[3] + slack_y
