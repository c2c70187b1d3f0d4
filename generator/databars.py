"""The databar: filled by the style of a maker, every figure in it from the pixel size and the width."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
from numpy.random import Generator

from nanotally.generator.databar_styles import OVERPRINTS, STYLES, Row, Sign, Style
from nanotally.generator.scale import Mark, Scale, draw_mark, fit_scale, length_text
from nanotally.generator.typesetting import Box, Grey, Piece, around, block, legible_ink, print_pieces, set_line
from nanotally.opencv import cv2

LEGIBLE_PX = 4.5
"""Height of the smallest capital that is written."""
SHRUNK = 0.7
"""Letters are set smaller, down to this share, before a column is left out."""
USED = 0.94
"""Share of the columns that an instrument was set to show, where there are many."""
SITES = ("Nano Lab", "Materials Core", "IMR", "EM Centre", "Univ. of Westmark", "NanoFab", "Dept. of Physics", "KLX")
BADGES = ("LUMEN", "OPTEK", "KAPPA", "NORDIC")
MARGIN = 0.9
"""Left and right of all columns, in capitals."""
Column = tuple[Row, ...]
Block = list[list[Piece]]
"""The rows of a column: pieces from x 0 on, their y from the middle of the row."""


def draw_databar(image: Grey, height_px: int, rng: Generator, *, nm_per_px: float) -> Box:
    """Draw a databar over the lowest `height_px` rows; answers the field that is left, x1 y1 x2 y2 px."""
    height, width = image.shape
    top = height - height_px
    fitting = [style for style in STYLES if style.capital * height_px >= LEGIBLE_PX] or list(STYLES)
    style = fitting[rng.integers(len(fitting))]
    paper, ink = style.grounds[rng.integers(len(style.grounds))]
    image[top:] = paper
    pieces = set_databar(style, width, height_px, rng, nm_per_px=nm_per_px)
    print_pieces(image, [piece.moved(0, top) for piece in pieces], ink)
    return 0, 0, width, top


def overprint(image: Grey, rng: Generator, *, nm_per_px: float) -> bool:
    """Write what a databar says near the lower edge of the specimen, on black where it could not be read.

    Instruments write there in white. Answers False where there is no room for it or the specimen is light.
    """
    height, width = image.shape
    style = OVERPRINTS[rng.integers(len(OVERPRINTS))]
    high = max(round(height * rng.uniform(0.06, 0.09)), round(LEGIBLE_PX / style.capital) + 1)
    top = height - high - round(height * rng.uniform(0, 0.03))
    pieces = set_databar(style, width, high, rng, nm_per_px=nm_per_px)
    if not pieces or top < 0:
        return False
    pieces = [piece.moved(0, top) for piece in pieces]
    whole = around(pieces)
    if legible_ink(_within(image, whole)) == 0:
        return False
    if any(legible_ink(_within(image, piece.box)) != 255 for piece in pieces):
        x1, y1, x2, y2 = whole
        image[max(y1 - 2, 0) : y2 + 2, max(x1 - 4, 0) : x2 + 4] = 0
    print_pieces(image, pieces, 255)
    return True


def _within(image: Grey, box: Box) -> Grey:
    x1, y1, x2, y2 = box
    return image[y1:y2, x1:x2]


def set_databar(style: Style, width: int, height: int, rng: Generator, *, nm_per_px: float) -> list[Piece]:
    """What is written in a databar of that size; what finds no room is left out, the scale last.

    Args:
        style: of the maker.
        width: of the databar and of the field above it, pixels.
        height: of the databar, pixels.
        rng: of the settings that it tells of.
        nm_per_px: pixel size.
    """
    shortest, longest = style.bar
    scale = fit_scale(nm_per_px, shortest * width, longest * width, rng, firsts=style.firsts)
    facts = _draw_facts(style, scale, width * nm_per_px, rng)
    few = len(style.columns) < 4
    columns = [column for column in style.columns if few or _holds_scale(column) or rng.random() < USED]
    largest = min(style.capital * height, max(style.widest * rng.uniform(0.85, 1.2) * width, LEGIBLE_PX))
    capital = largest
    while capital >= LEGIBLE_PX:
        blocks = [_set_column(column, style, scale, facts, capital) for column in columns]
        needed = _needed(style, blocks, capital)
        if needed <= width:
            return _lay_out(style, columns, blocks, width, height, capital)
        capital *= float(np.clip(width / needed, 0.6, 0.95))
        if capital < max(LEGIBLE_PX, SHRUNK * largest):
            others = [at for at, column in enumerate(columns) if not _holds_scale(column)]
            if not others:
                break
            del columns[others[-1]]
            capital = largest
    return []


def _draw_facts(style: Style, scale: Scale, field_nm: float, rng: Generator) -> dict[str, object]:
    """What an instrument knows of its settings; magnification is display over field."""

    def one(of: tuple[str, ...]) -> str:
        return of[rng.integers(len(of))]

    seconds = int(rng.integers(15 * 365)) * 86400 + int(rng.integers(8 * 3600, 20 * 3600))
    display_mm = style.display_mm[rng.integers(len(style.display_mm))]
    return {
        "kv": float(rng.choice([1, 2, 3, 5, 10, 15, 20, 30])),
        "wd": rng.uniform(1.5, 12),
        "spot": float(rng.choice([2, 2.5, 3, 3.5, 4, 5])),
        "det": one(style.detectors),
        "mag": style.magnification(display_mm * 1e6 / field_nm),
        "field": length_text(field_nm, digits="#.3g"),
        "value": style.length(scale.length_nm),
        "when": datetime(2006, 1, 9) + timedelta(seconds=seconds),
        "site": one(SITES),
        "badge": one(BADGES),
        "instrument": one(style.instruments),
    }


def _holds_scale(column: Column) -> bool:
    return any(isinstance(row, Mark) or row in {Sign.INSIDE, Sign.BESIDE, "{value}"} for row in column)


def _width(rows: Block) -> int:
    return max((around(row)[2] for row in rows if row), default=0)


def _needed(style: Style, blocks: list[Block], capital: float) -> float:
    """Width of the columns with all that lies between them, pixels."""
    return sum(map(_width, blocks)) + ((len(blocks) - 1) * style.gap + 2 * MARGIN) * capital


def _set_column(column: Column, style: Style, scale: Scale, facts: dict[str, object], capital: float) -> Block:
    """The rows of a column."""
    line = max(round(style.line * capital), 1)

    def text(words: str) -> Piece:
        return set_line(words.format(**facts), style.face, capital).moved(0, capital / 2)

    def mark(how: Mark) -> Piece:
        high = line if how is Mark.SOLID else max(round(0.6 * capital), 3)
        drawn = draw_mark(how, scale.length_px, high, min(line, max(scale.length_px // 30, 1)))
        return drawn.moved(0, -(high // 2))

    rows: Block = []
    for row in column:
        if isinstance(row, str):
            rows.append([text(row)] if row else [])
        elif isinstance(row, Mark):
            rows.append([mark(row)])
        elif row in {Sign.INSIDE, Sign.BESIDE}:
            rows.append(_marked(mark(Mark.ENDS), text("{value}"), inside=row is Sign.INSIDE, apart=0.6 * capital))
        elif row is Sign.BADGE:
            rows.append([_badge(text("{badge}"), capital)])
        else:
            rows.append([_emblem(capital)])
    return rows


def _marked(mark: Piece, value: Piece, *, inside: bool, apart: float) -> list[Piece]:
    """A mark with its value inside, or to the right of it where it has no room inside."""
    long, wide = mark.cover.shape[1], value.cover.shape[1]
    left = round((long - wide) / 2)
    if not inside or left < 3 * apart:
        return [mark, value.moved(long + apart, 0)]
    mark.cover[:, round(left - apart) : round(left + wide + apart)] = 0
    return [mark, value.moved(left, 0)]


def _badge(name: Piece, capital: float) -> Piece:
    """A maker's name left blank in a box."""
    rows, columns = name.cover.shape
    beside, above = round(0.5 * capital), round(0.8 * capital)
    box = block(rows + 2 * above, columns + 2 * beside).moved(0, name.y - above)
    box.cover[above : above + rows, beside : beside + columns] -= name.cover
    return box


def _emblem(capital: float) -> Piece:
    """Two crossed orbits about a dot."""
    side = max(round(2.6 * capital), 7)
    cover, middle, pen = np.zeros((side, side), np.uint8), (side // 2, side // 2), max(round(side / 24), 1)
    for turn in (35, -35):
        cv2.ellipse(cover, middle, (round(side * 0.44), round(side * 0.2)), turn, 0, 360, 255, pen, cv2.LINE_AA)
    cv2.circle(cover, middle, max(round(side * 0.07), 1), 255, -1, cv2.LINE_AA)
    return Piece(cover).moved(0, -side / 2)


def _lay_out(
    style: Style, columns: list[Column], blocks: list[Block], width: int, height: int, capital: float
) -> list[Piece]:
    """Every piece where it is printed, the databar's upper left corner being at 0, 0."""
    gap, line = style.gap * capital, max(round(style.line * capital / 2), 1)
    slack = width - _needed(style, blocks, capital)
    high = min(height, capital / style.capital * 1.1)
    x, pieces = MARGIN * capital + (slack if style.slack == "left" else 0), []
    for number, (column, rows) in enumerate(zip(columns, blocks, strict=True)):
        scaled = _holds_scale(column)
        room = _width(rows) + (slack if style.slack == "scale" and scaled else 0)
        middles = style.rows if len(rows) > 1 else (0.5,)
        for middle, row in zip(middles, rows, strict=True):
            if row:
                aside = (room - around(row)[2]) * (style.scale_align if scaled else style.align)
                pieces += [piece.moved(x + aside, height / 2 + (middle - 0.5) * high) for piece in row]
        if number < len(blocks) - 1 and (style.ruled == "each" or (style.ruled == "scale" and scaled)):
            pieces.append(block(height, line).moved(x + room + gap / 2, 0))
        x += room + gap + (slack / max(len(blocks) - 1, 1) if style.slack == "gaps" else 0)
    if style.framed:
        pieces += [block(line, width), block(line, width).moved(0, height - line)]
        pieces += [block(height, line), block(height, line).moved(width - line, 0)]
    return pieces
