"""What software prints on a micrograph stays where it is said to be."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanotally.generator.annotation import Lettering, draw_databar, draw_panel_letter, draw_scale_bar, print_on

seeds = st.integers(0, 2**32 - 1)
sizes = st.tuples(st.integers(64, 400), st.integers(64, 400))


@given(seed=seeds, size=sizes, share=st.floats(0.05, 0.1))
def test_the_databar_takes_the_lowest_rows(seed: int, size: tuple[int, int], share: float) -> None:
    height, width = size
    bar = int(height * share)
    image = np.full(size, 100, np.uint8)
    field = draw_databar(image, bar, np.random.default_rng(seed))
    assert field == (0, 0, width, height - bar)
    assert (image[: height - bar - max(bar, 8)] == 100).all()  # a letter may stick out, no more
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


def printed(bar_px: int, lettering: Lettering, seed: int) -> tuple[np.ndarray, tuple[int, int, int, int]]:
    image = np.full((200, 300), 100, np.uint8)
    return image, print_on(image, bar_px, lettering, np.random.default_rng(seed))


@given(seed=seeds)
def test_nothing_is_printed_unless_asked_for(seed: int) -> None:
    image, field = printed(0, Lettering(), seed)
    assert (image == 100).all()
    assert field == (0, 0, 300, 200)


@given(seed=seeds, bar=st.integers(8, 30), scale_bar=st.booleans(), letter=st.booleans())
def test_the_field_ends_at_the_databar(seed: int, bar: int, scale_bar: bool, letter: bool) -> None:
    image, field = printed(bar, Lettering(scale_bar=scale_bar, panel_letter=letter), seed)
    assert field == (0, 0, 300, 200 - bar)
    assert (image[200 - bar :] != 100).mean() > 0.9


@given(seed=seeds, bar=st.integers(8, 30), letter=st.booleans())
def test_beside_a_databar_there_is_no_other_scale_bar(seed: int, bar: int, letter: bool) -> None:
    one, other = (printed(bar, Lettering(scale_bar=it, panel_letter=letter), seed)[0] for it in (True, False))
    assert one.tobytes() == other.tobytes()


@given(seed=seeds)
def test_a_scale_bar_and_a_panel_letter_are_printed_on_the_whole_field(seed: int) -> None:
    lines, letters, both = (
        printed(0, Lettering(scale_bar=bar, panel_letter=letter), seed) for bar, letter in ((1, 0), (0, 1), (1, 1))
    )
    assert {field for _, field in (lines, letters, both)} == {(0, 0, 300, 200)}
    marked = [int((image != 100).sum()) for image, _ in (lines, letters, both)]
    assert min(marked) > 0
    assert marked[2] >= marked[0]
    rows = np.nonzero((letters[0] != 100).any(axis=1))[0]
    assert rows[-1] < 60 or rows[0] > 140  # in a corner
