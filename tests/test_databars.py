"""A databar says nothing that the picture above it contradicts, and says it where it can be read."""

import re
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nanotally.generator import databar_styles
from nanotally.generator.databar_styles import OVERPRINTS, STYLES, Sign, Style
from nanotally.generator.databars import draw_databar, overprint, set_databar
from nanotally.generator.typesetting import Piece

NM = {"nm": 1.0, "um": 1e3, "µm": 1e3, "mm": 1e6}
LENGTH = re.compile(r"^(?:View field: )?([\d.]+) ?(nm|µm|um|mm)$")
MAGNIFICATION = re.compile(r"^(?:.* x|[xX]|Mag = |SEM MAG: |)([\d., ]+?) ?([kK]?) ?[xX]?(?: SE.*| L.*|)$")
NAMES = {id(style): name for name, style in vars(databar_styles).items() if isinstance(style, Style)}
each_style = pytest.mark.parametrize("style", STYLES, ids=lambda style: NAMES[id(style)])
seeds = st.integers(0, 2**32 - 1)
pixel_sizes = st.floats(np.log(0.05), np.log(1000)).map(np.exp)
few = settings(max_examples=20)


def bare(style: Style) -> Style:
    """The same with no drawing but the scale's, and no length but those in the picture."""
    columns = tuple(it for it in style.columns if it[0] not in {Sign.BADGE, Sign.ORBITS, "WD"})
    return replace(style, columns=columns, ruled="", framed=False)


def lengths_nm(pieces: list[Piece]) -> list[float]:
    found = [LENGTH.match(piece.text) for piece in pieces]
    return [float(it[1]) * NM[it[2]] for it in found if it]


def free_of_each_other(one: Piece, other: Piece) -> bool:
    a, b = one.box, other.box
    return a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]


@each_style
@few
@given(seed=seeds, width=st.integers(64, 1600), height=st.integers(8, 140), nm_per_px=pixel_sizes)
def test_texts_lie_in_the_databar_and_apart_from_each_other(
    style: Style, seed: int, width: int, height: int, nm_per_px: float
) -> None:
    pieces = set_databar(style, width, height, np.random.default_rng(seed), nm_per_px=nm_per_px)
    for x1, y1, x2, y2 in (piece.box for piece in pieces):
        assert 0 <= x1 < x2 <= width
        assert 0 <= y1 < y2 <= height
    written = [piece for piece in pieces if piece.text]
    assert all(free_of_each_other(*pair) for pair in combinations(written, 2))
    inked = np.zeros((height, width), int)
    for piece in written:
        inked[piece.y : piece.box[3], piece.x : piece.box[2]] += piece.cover > 24
    for piece in pieces:
        if not piece.text:
            assert not (inked[piece.y : piece.box[3], piece.x : piece.box[2]] & (piece.cover > 24)).any()


@each_style
@few
@given(seed=seeds, width=st.integers(400, 1600), nm_per_px=pixel_sizes)
def test_the_scale_is_as_long_as_its_value_says(style: Style, seed: int, width: int, nm_per_px: float) -> None:
    pieces = set_databar(bare(style), width, width // 11, np.random.default_rng(seed), nm_per_px=nm_per_px)
    (mark,) = (piece for piece in pieces if not piece.text)
    inked = np.flatnonzero((mark.cover > 127).any(axis=0))
    drawn_nm = (inked[-1] + 1 - inked[0]) * nm_per_px
    assert 0.079 * width <= mark.cover.shape[1] <= 0.351 * width
    assert any(length == pytest.approx(drawn_nm, rel=0.02) for length in lengths_nm(pieces))
    assert all(length == pytest.approx(drawn_nm, rel=0.02) or length == pytest.approx(width * nm_per_px, rel=0.006)
               for length in lengths_nm(pieces))  # fmt: skip


@each_style
@few
@given(seed=seeds, width=st.integers(500, 1600), nm_per_px=pixel_sizes)
def test_the_magnification_is_the_display_over_the_field(style: Style, seed: int, width: int, nm_per_px: float) -> None:
    pieces = set_databar(style, width, width // 11, np.random.default_rng(seed), nm_per_px=nm_per_px)
    told = [MAGNIFICATION.match(piece.text) for piece in pieces if re.search(r"(?i)x|mag", piece.text)]
    for number, thousands in (it.groups() for it in told if it):
        display_mm = float(re.sub("[, ]", "", number)) * (1000 if thousands else 1) * width * nm_per_px / 1e6
        assert any(display_mm == pytest.approx(known, rel=0.06) for known in style.display_mm)


@each_style
def test_a_wide_databar_tells_most_of_what_its_maker_shows(style: Style) -> None:
    told = [len(set_databar(style, 1280, 80, np.random.default_rng(seed), nm_per_px=1)) for seed in range(8)]
    assert np.mean(told) > 0.8 * sum(len([row for row in column if row != ""]) for column in style.columns)
    assert all(abs(paper - ink) > 180 for paper, ink in style.grounds)


@few
@given(seed=seeds, height=st.integers(100, 500), width=st.integers(100, 500), share=st.floats(0.05, 0.2))
def test_a_databar_takes_the_lowest_rows_and_no_other(seed: int, height: int, width: int, share: float) -> None:
    bar = int(height * share)
    image = np.full((height, width), 100, np.uint8)
    field = draw_databar(image, bar, np.random.default_rng(seed), nm_per_px=2.0)
    assert field == (0, 0, width, height - bar)
    assert (image[: height - bar] == 100).all()
    assert (image[height - bar :] != 100).mean() > 0.95
    if bar >= 16 and width >= 200:
        assert np.ptp(image[height - bar :]) > 120  # something is written on it


@pytest.mark.parametrize("height_px", [1, 3])
def test_a_databar_too_small_for_letters_is_empty(height_px: int) -> None:
    image = np.full((40, 60), 100, np.uint8)
    draw_databar(image, height_px, np.random.default_rng(0), nm_per_px=2.0)
    assert np.ptp(image[40 - height_px :]) == 0


@few
@given(seed=seeds, level=st.integers(0, 90))
def test_on_a_dark_specimen_the_instrument_writes_in_white(seed: int, level: int) -> None:
    image = np.full((480, 640), level, np.uint8)
    assert overprint(image, np.random.default_rng(seed), nm_per_px=2.0)
    changed = np.flatnonzero((image != level).any(axis=1))
    assert changed[0] > 400
    assert image.max() > 250
    assert image.min() == level


def test_on_a_light_specimen_it_does_not_write() -> None:
    image = np.full((480, 640), 220, np.uint8)
    assert not overprint(image, np.random.default_rng(0), nm_per_px=2.0)
    assert (image == 220).all()


def test_a_rough_specimen_gets_a_black_strip() -> None:
    rough = np.random.default_rng(1).integers(0, 256, (480, 640)).astype(np.uint8)
    image = rough.copy()
    assert overprint(image, np.random.default_rng(0), nm_per_px=2.0)
    assert (image[image != rough] == 0).mean() > 0.6
    assert set(OVERPRINTS) <= set(STYLES)
