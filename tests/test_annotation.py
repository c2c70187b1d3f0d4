"""What software prints on a micrograph stays where it is said to be, can be read and is true."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_databars import LENGTH, free_of_each_other, lengths_nm

from nanotally.generator import annotation, databars
from nanotally.generator.annotation import Lettering, draw_panel_letter, draw_scale_bar, print_on, set_scale_bar
from nanotally.generator.databars import draw_databar
from nanotally.generator.typesetting import Grey, Piece, print_pieces

seeds = st.integers(0, 2**32 - 1)
sizes = st.tuples(st.integers(80, 700), st.integers(100, 700))
pixel_sizes = st.floats(np.log(0.05), np.log(1000)).map(np.exp)
spied = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@dataclass
class Printing:
    """One call of the press: the ground it met, patch included, what it printed and in which ink."""

    ground: Grey
    pieces: list[Piece]
    ink: int


@pytest.fixture
def press(monkeypatch: pytest.MonkeyPatch) -> list[Printing]:
    """All that is printed during a test."""
    printings: list[Printing] = []

    def spy(image: Grey, pieces: list[Piece], ink: int) -> None:
        printings.append(Printing(image.copy(), pieces, ink))
        print_pieces(image, pieces, ink)

    monkeypatch.setattr(annotation, "print_pieces", spy)
    monkeypatch.setattr(databars, "print_pieces", spy)
    return printings


def specimen(kind: str, size: tuple[int, int]) -> Grey:
    rng = np.random.default_rng(3)
    noise = rng.normal(0, 12, size)
    y, x = np.indices(size)
    level = {
        "dark": np.full(size, 30), "grey": np.full(size, 135), "light": np.full(size, 230),
        "graded": 255 * x / size[1], "particles": np.where(np.hypot(x % 40 - 20, y % 40 - 20) < 14, 210, 40),
    }[kind]  # fmt: skip
    return np.clip(level + noise, 0, 255).astype(np.uint8)


def draw_all(image: Grey, rng: np.random.Generator, nm_per_px: float) -> None:
    print_on(image, 0, Lettering(scale_bar=True, panel_letter=True), rng, nm_per_px=nm_per_px)


@spied
@given(
    seed=seeds, size=sizes, nm_per_px=pixel_sizes,
    kind=st.sampled_from(["dark", "grey", "light", "graded", "particles"]),
)  # fmt: skip
def test_lettering_lies_inside_the_frame_apart_and_can_be_read(
    press: list[Printing], seed: int, size: tuple[int, int], nm_per_px: float, kind: str
) -> None:
    press.clear()
    image = specimen(kind, size)
    draw_all(image, np.random.default_rng(seed), nm_per_px)
    pieces = [piece for printing in press for piece in printing.pieces]
    assert len(press) >= 2
    for x1, y1, x2, y2 in (piece.box for piece in pieces):
        assert 0 <= x1 < x2 <= size[1]
        assert 0 <= y1 < y2 <= size[0]
    sharp = [piece for piece in pieces if piece.text]
    assert all(free_of_each_other(*pair) for pair in combinations(sharp, 2))
    for printing in press:
        for piece in printing.pieces:
            x1, y1, x2, y2 = piece.box
            inked = piece.cover > 127
            apart = np.abs(printing.ground[y1:y2, x1:x2].astype(int) - printing.ink)
            if inked.sum() > 20:
                assert apart[inked].mean() > 70


@given(seed=seeds, size=st.tuples(st.integers(200, 900), st.integers(320, 1300)), nm_per_px=pixel_sizes)
def test_the_scale_bar_is_as_long_as_its_value_says(seed: int, size: tuple[int, int], nm_per_px: float) -> None:
    pieces = set_scale_bar(*size, np.random.default_rng(seed), nm_per_px=nm_per_px)
    image = np.zeros((size[0], 2 * size[1]), np.uint8)
    print_pieces(image, [piece.moved(size[1], size[0] // 2) for piece in pieces if not piece.text], 255)
    inked = np.flatnonzero((image > 127).any(axis=0))
    drawn_px = inked[-1] + 1 - inked[0]
    assert 0.079 * size[1] <= drawn_px <= 0.351 * size[1]
    for value in lengths_nm(pieces):
        assert value == pytest.approx(drawn_px * nm_per_px, rel=0.02)
    assert all(LENGTH.match(piece.text) for piece in pieces if piece.text)


def test_most_scale_bars_tell_their_length_and_some_do_not() -> None:
    rng = np.random.default_rng(0)
    told = [len(set_scale_bar(400, 500, rng, nm_per_px=2.0)) - 1 for _ in range(100)]
    assert 75 < sum(told) < 99


@spied
@given(seed=seeds, size=sizes)
def test_a_panel_letter_stands_in_an_upper_corner(press: list[Printing], seed: int, size: tuple[int, int]) -> None:
    press.clear()
    draw_panel_letter(specimen("grey", size), np.random.default_rng(seed))
    letter = press[-1].pieces[0]
    high = np.flatnonzero((letter.cover > 80).any(axis=1)).size
    short = min(size[0], 1.2 * size[1])
    assert 0.036 * short - 2 <= high <= 0.1 * short + 3
    assert letter.box[3] < 0.25 * size[0]


@pytest.mark.parametrize("draw", [
    lambda image, rng: draw_scale_bar(image, rng, nm_per_px=2.0), draw_panel_letter,
    lambda image, rng: draw_databar(image, 30, rng, nm_per_px=2.0),
])  # fmt: skip
def test_the_same_seed_writes_the_same(draw) -> None:
    for seed in range(5):
        one, other = (specimen("particles", (200, 300)) for _ in range(2))
        for image in (one, other):
            draw(image, np.random.default_rng(seed))
        assert one.tobytes() == other.tobytes() != specimen("particles", (200, 300)).tobytes()


def printed(bar_px: int, lettering: Lettering, seed: int) -> tuple[np.ndarray, tuple[int, int, int, int]]:
    image = np.full((200, 300), 100, np.uint8)
    return image, print_on(image, bar_px, lettering, np.random.default_rng(seed), nm_per_px=3.0)


def test_nothing_is_printed_unless_asked_for() -> None:
    image, field = printed(0, Lettering(), 0)
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
    marked = [(image != 100).any(axis=1) for image, _ in (lines, letters, both)]
    assert not marked[0][:100].any()
    assert not marked[1][100:].any()
    assert marked[2][:100].any()
    assert marked[2][100:].any()


def test_where_there_is_no_room_nothing_is_printed() -> None:
    for seed in range(20):
        image = np.full((5, 12), 100, np.uint8)
        draw_all(image, np.random.default_rng(seed), 2.0)
        assert (image == 100).all()
