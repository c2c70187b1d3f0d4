"""What software prints on a micrograph: databar, scale bar, panel letter. A detector must not count any of it."""

from __future__ import annotations

from dataclasses import dataclass

from numpy.random import Generator

from nanotally.generator.databars import draw_databar, overprint
from nanotally.generator.scale import Mark, draw_mark, fit_scale, length_text
from nanotally.generator.typesetting import (
    PLOTTER,
    ROMAN,
    ROMAN_BOLD,
    SANS,
    SANS_BOLD,
    SANS_NARROW,
    SOFT_PX,
    Box,
    Face,
    Grey,
    Piece,
    around,
    legible_ink,
    print_pieces,
    set_line,
    softened,
)

FACES = ((SANS, 0.22), (SANS_BOLD, 0.3), (SANS_NARROW, 0.05), (ROMAN, 0.14), (ROMAN_BOLD, 0.26), (PLOTTER, 0.03))
"""Typefaces of published figures, each with its share."""
OVERPRINTED = 0.2
"""Share of the scales in the field that the instrument wrote there, with its settings."""
PATCHED = 0.3
"""Share of the lettering that stands on a patch of its own though it could be read without."""
WORDLESS = 0.12
"""Share of the scale bars whose length only the caption tells."""
REMARKED = 0.15
"""Share of the panel letters with a second text beside them or in the other corner."""
LETTERS = (*"abcdefghiABCDEF", "I", "II", "III", "IV", "V")
FORMS = ("{}", "({})", "{})")
REMARKS = (
    "PCL", "MOF-5", "SiO2", "Au@Ag", "Gd30", "30 °C", "400 °C", "122 mrad", "0 h", "24 h", "pH 7", "SEM", "TEM",
    "50 mM", "1:2", "bare", "x = 0.3", "S-2", "PS", "Ag NCs",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Lettering:
    """What is printed on a micrograph.

    Attributes:
        databar: height of the databar as a share of the picture's; 0: there is none.
        scale_bar: True for a scale bar in the field; never beside a databar, which has one.
        panel_letter: True for the letter of a figure's panel, such as (b).
    """

    databar: float = 0.0
    scale_bar: bool = False
    panel_letter: bool = False


def print_on(image: Grey, bar_px: int, lettering: Lettering, rng: Generator, *, nm_per_px: float) -> Box:
    """Print on the image, in place.

    Args:
        image: (h, w) uint8.
        bar_px: height of the databar; 0: there is none.
        lettering: what is printed.
        rng: of every choice.
        nm_per_px: pixel size, which scales, magnification and width of the field are told from.

    Returns:
        The field that is left, half-open x1 y1 x2 y2 in pixels.
    """
    examined = (0, 0, image.shape[1], image.shape[0])
    if bar_px:
        examined = draw_databar(image, bar_px, rng, nm_per_px=nm_per_px)
    elif lettering.scale_bar:
        draw_scale_bar(image, rng, nm_per_px=nm_per_px)
    if lettering.panel_letter:
        draw_panel_letter(image[: examined[3]], rng)
    return examined


def draw_scale_bar(image: Grey, rng: Generator, *, nm_per_px: float) -> None:
    """Draw a scale bar along the lower edge, with its length or with all that the instrument was set to."""
    if rng.random() < OVERPRINTED and overprint(image, rng, nm_per_px=nm_per_px):
        return
    height, width = image.shape
    pieces = set_scale_bar(height, width, rng, nm_per_px=nm_per_px)
    across = float(rng.choice([0.0, 0.5, 1.0], p=[0.2, 0.05, 0.75]))
    _print_at(image, pieces, (across, 1.0), rng)


def set_scale_bar(height: int, width: int, rng: Generator, *, nm_per_px: float) -> list[Piece]:
    """A scale bar for a picture of that size in pixels, in most figures with its length above or below it."""
    scale = fit_scale(nm_per_px, 0.08 * width, 0.35 * width, rng, firsts=(1, 2, 3, 5))
    capital = max(_short(height, width) * rng.uniform(0.03, 0.065), 4.5)
    if rng.random() < 0.07:
        bar = draw_mark(Mark.ENDS, scale.length_px, max(round(0.8 * capital), 3), max(round(0.1 * capital), 1))
    else:
        bar = draw_mark(Mark.SOLID, scale.length_px, max(round(capital * rng.uniform(0.12, 0.5)), 1), 1)
    if rng.random() < WORDLESS:
        return [bar]
    space, micro = "" if rng.random() < 0.3 else " ", "u" if rng.random() < 0.1 else "µ"
    value = set_line(length_text(scale.length_nm, space=space, micro=micro), _face(rng), capital)
    gap = max(round(capital * rng.uniform(0.2, 0.5)), 1)
    x = (scale.length_px - value.cover.shape[1]) * float(rng.choice([0.5, 0.0, 1.0], p=[0.8, 0.1, 0.1]))
    y = -gap - value.box[3] if rng.random() < 0.7 else bar.box[3] + gap - value.y
    return [bar, value.moved(x, y)]


def draw_panel_letter(image: Grey, rng: Generator) -> None:
    """Draw a panel letter such as (b) in an upper corner, sometimes with a second text."""
    height, width = image.shape
    words = FORMS[rng.integers(len(FORMS))].format(LETTERS[rng.integers(len(LETTERS))])
    face, high = _face(rng), max(_short(height, width) * rng.uniform(0.04, 0.1), 7.0)
    letter = set_line(words, face, high)
    capital = min(high * high / letter.cover.shape[0], high)
    pieces, across = [set_line(words, face, capital)], 0.0 if rng.random() < 0.85 else 1.0
    if rng.random() < REMARKED:
        remark = set_line(REMARKS[rng.integers(len(REMARKS))], face, capital * rng.uniform(0.7, 1))
        fits = pieces[0].cover.shape[1] + remark.cover.shape[1] < 0.7 * width
        if rng.random() < 0.5 and fits:
            _print_at(image, [remark], (1 - across, 0.0), rng)
        elif fits:
            pieces.append(remark.moved(pieces[0].box[2] + 0.7 * capital + 2 * SOFT_PX, 0))
    _print_at(image, pieces, (across, 0.0), rng)


def _short(height: int, width: int) -> float:
    """What lettering is sized by: the height, of a narrow picture less."""
    return min(height, 1.2 * width)


def _face(rng: Generator) -> Face:
    return FACES[int(rng.choice(len(FACES), p=[share for _, share in FACES]))][0]


def _print_at(image: Grey, pieces: list[Piece], where: tuple[float, float], rng: Generator) -> None:
    """Print pieces near the place that shares of the free width and height tell, on the specimen or on a patch.

    The ink is light on dark and dark on light. Nothing is printed where there is no room.
    """
    height, width = image.shape
    short = _short(height, width)
    x1, y1, x2, y2 = around(pieces)
    patched = rng.random() < PATCHED
    pad = max(round(short * rng.uniform(0.008, 0.02)), SOFT_PX)
    edge = 0 if patched and rng.random() < 0.5 else round(short * rng.uniform(0, 0.03))
    high, wide = y2 - y1 + 2 * pad, x2 - x1 + 2 * pad
    free_x, free_y = width - wide - 2 * edge, height - high - 2 * edge
    if min(free_x, free_y) < 0:
        return
    left, top = edge + round(where[0] * free_x), edge + round(where[1] * free_y)
    ground = image[top : top + high, left : left + wide]
    ink = None if patched else legible_ink(ground)
    if ink is None:
        ink = 0 if rng.random() < 0.6 else 255
        ground[:] = 255 - ink
    soft_px = max(min(rng.uniform(-0.4, 0.9), 0.05 * (y2 - y1)), 0.01)
    moved = [softened(piece, soft_px).moved(left + pad - x1, top + pad - y1) for piece in pieces]
    print_pieces(image, moved, ink)
