"""What software prints on a micrograph stays where it is said to be."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanotally.generator.annotation import draw_databar, draw_panel_letter, draw_scale_bar

seeds = st.integers(0, 2**32 - 1)
sizes = st.tuples(st.integers(64, 400), st.integers(64, 400))


@given(seed=seeds, size=sizes, share=st.floats(0.05, 0.1))
def test_the_databar_takes_the_lowest_rows(seed: int, size: tuple[int, int], share: float) -> None:
    height, width = size
    bar = int(height * share)
    image = np.full(size, 100, np.uint8)
    field = draw_databar(image, bar, np.random.default_rng(seed))
    assert field == (0, 0, width, height - bar)
    assert (image[: height - 2 * bar] == 100).all()  # a letter may stick out, no more
    assert len(np.unique(image[height - bar :])) > 1  # something is written on it
    assert (image[height - bar :] != 100).mean() > 0.9


@pytest.mark.parametrize("draw", [draw_scale_bar, draw_panel_letter])
@given(seed=seeds, size=sizes)
def test_lettering_marks_the_picture_and_leaves_most_of_it(draw, seed: int, size: tuple[int, int]) -> None:
    image = np.full(size, 100, np.uint8)
    draw(image, np.random.default_rng(seed))
    marked = (image != 100).mean()
    assert 0 < marked < 0.5


@pytest.mark.parametrize("draw", [draw_scale_bar, draw_panel_letter, lambda image, rng: draw_databar(image, 20, rng)])
def test_the_same_seed_writes_the_same(draw) -> None:
    one, other = (np.full((200, 300), 100, np.uint8) for _ in range(2))
    for image in (one, other):
        draw(image, np.random.default_rng(7))
    assert one.tobytes() == other.tobytes()
