"""Text as ink: typefaces, set lines whose size is known before anything is printed, and ink that can be read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from math import ceil

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from nanotally.opencv import cv2

CAPITALS = 0.7
"""Height of a capital of the sans serif as a share of the font size."""
PLOTTED = 21
"""Height of a capital of OpenCV's plotter fonts at scale 1, pixels."""
FINEST = 3
"""Width of the plotter's pen at least, in the pixels it draws on: below it small letters fade."""
RISE, DROP = 1.4, 0.55
"""Room above and below the baseline, in capitals."""
CONTRAST = 80
"""Grey levels between ink and ground where a letter can be read."""
READABLE = 0.93
"""Share of its ground from which ink must stand out."""
SOFT_PX = 2
"""What softening adds on every side."""
Grey = NDArray[np.uint8]
Box = tuple[int, int, int, int]


@dataclass(frozen=True, kw_only=True)
class Face:
    """A typeface: the sans serif that Pillow brings or one of OpenCV's plotter fonts, and how it is changed.

    Attributes:
        plotter: OpenCV's font; None: the sans serif.
        pen: width of the plotter's pen, or what the sans serif's outline gains, in capitals.
        stem: what upright strokes gain in width, in capitals: the stems of a Roman face.
        width: factor of the width.
        tracking: what lies between two letters more than the font says, in capitals.
        pitch: advance of every letter, as on a typewriter, in capitals; 0: its own.
    """

    plotter: int | None = None
    pen: float = 0.0
    stem: float = 0.0
    width: float = 1.0
    tracking: float = 0.0
    pitch: float = 0.0


SANS = Face()
SANS_BOLD = Face(pen=0.045, width=1.05)
SANS_NARROW = Face(width=0.88)
ROMAN = Face(plotter=cv2.FONT_HERSHEY_COMPLEX, pen=0.045, stem=0.04, width=0.84, tracking=-0.04)
ROMAN_BOLD = Face(plotter=cv2.FONT_HERSHEY_TRIPLEX, pen=0.045, stem=0.09, width=0.84, tracking=-0.03)
TYPEWRITER = Face(plotter=cv2.FONT_HERSHEY_COMPLEX, pen=0.09, stem=0.05, pitch=1.0)
PLOTTER = Face(plotter=cv2.FONT_HERSHEY_SIMPLEX, pen=0.09)


@dataclass(frozen=True)
class Piece:
    """Something to print, and where.

    Attributes:
        cover: (h, w) uint8 share of ink, 255: all.
        x: of the upper left corner, pixels.
        y: of the upper left corner, pixels.
        text: what is written; empty: a drawing.
    """

    cover: Grey
    x: int = 0
    y: int = 0
    text: str = ""

    @property
    def box(self) -> Box:
        """Half-open x1 y1 x2 y2, pixels."""
        return self.x, self.y, self.x + self.cover.shape[1], self.y + self.cover.shape[0]

    def moved(self, x: float, y: float) -> Piece:
        """The same, to the right and below by so many pixels."""
        return replace(self, x=self.x + round(x), y=self.y + round(y))


def around(pieces: list[Piece]) -> Box:
    """The box that holds all of them, half-open x1 y1 x2 y2, pixels."""
    x1, y1, x2, y2 = zip(*(piece.box for piece in pieces), strict=True)
    return min(x1), min(y1), max(x2), max(y2)


def block(height_px: int, width_px: int) -> Piece:
    """A rectangle full of ink."""
    return Piece(np.full((height_px, width_px), 255, np.uint8))


def softened(piece: Piece, sigma_px: float) -> Piece:
    """The same with soft edges, as lettering has them after the figure it stands in was resized."""
    cover = cv2.GaussianBlur(np.pad(piece.cover, SOFT_PX), (0, 0), sigma_px)
    return replace(piece, cover=np.asarray(cover, np.uint8)).moved(-SOFT_PX, -SOFT_PX)


def set_line(text: str, face: Face, capital_px: float) -> Piece:
    """A line of text, its ink beginning at x 0 and its baseline at y 0.

    Args:
        text: of letters, digits, and what ASCII has beside them, the degree and the micro sign.
        face: the typeface.
        capital_px: height of a capital.
    """
    finer = 4 if face.plotter is not None and capital_px < 16 else 2
    rise = ceil(RISE * capital_px)
    rows, high = rise + ceil(DROP * capital_px), capital_px * finer
    draw = _outlined if face.plotter is None else _plotted
    drawn = draw(text, face, high, (rows * finer, rise * finer))
    columns = max(round(drawn.shape[1] * face.width / finer), 1)
    cover = np.asarray(cv2.resize(drawn, (columns, rows), interpolation=cv2.INTER_AREA), np.uint8)
    inked_y, inked_x = (np.flatnonzero((cover > 24).any(axis=axis)) for axis in (1, 0))
    if not inked_x.size:
        return Piece(cover[:0, :0], text=text)
    top, bottom, left, right = inked_y[0], inked_y[-1] + 1, inked_x[0], inked_x[-1] + 1
    return Piece(np.ascontiguousarray(cover[top:bottom, left:right]), 0, int(top) - rise, text)


@lru_cache(maxsize=64)
def _sans_serif(size_px: int) -> ImageFont.FreeTypeFont:
    face = ImageFont.load_default(size_px)
    if not isinstance(face, ImageFont.FreeTypeFont):
        raise TypeError("Pillow was built without FreeType: it has no typeface that can be scaled")
    return face


def _outlined(text: str, face: Face, high: float, place: tuple[int, int]) -> Grey:
    """Text of the sans serif, capitals `high` pixels; `place`: rows, and the row of the baseline."""
    font, pen = _sans_serif(max(round(high / CAPITALS), 1)), round(face.pen * high)
    latin = text.replace("µ", "u")
    canvas = Image.new("L", (round(font.getlength(latin) + 3 * pen + high / 4), place[0]))
    ImageDraw.Draw(canvas).text((pen, place[1]), latin, fill=255, font=font, anchor="ls", stroke_width=pen)
    signs = [[pen + round(font.getlength(latin[: at + by])) for by in (0, 1)] for at in _micro(text)]
    return _with_tails(np.array(canvas), signs, high, place[1])


def _plotted(text: str, face: Face, high: float, place: tuple[int, int]) -> Grey:
    """Text of a plotter font, its corners rounded; `place`: rows, and the row of the baseline."""
    edge = round(high / 4)
    x, starts, glyphs = float(edge), [], []
    for letter in text:
        glyph = _glyph(letter, face, high, place)
        own = glyph.shape[1] - 2 * edge
        if face.pitch:
            columns = min(own, round(face.pitch * high)) + 2 * edge
            glyph = np.asarray(cv2.resize(glyph, (columns, place[0])), np.uint8)
        starts.append(round(x + max(face.pitch * high - own, 0) / 2))
        glyphs.append(glyph)
        x += face.pitch * high or (own * (0.75 if letter == " " else 1) + face.tracking * high)
    canvas = np.zeros((place[0], round(x) + 3 * edge), np.uint8)
    for start, glyph in zip(starts, glyphs, strict=True):
        part = canvas[:, start - edge : start - edge + glyph.shape[1]]
        np.maximum(part, glyph[:, : part.shape[1]], out=part)
    starts.append(round(x))
    canvas = _with_tails(canvas, [starts[at : at + 2] for at in _micro(text)], high, place[1])
    canvas = np.asarray(cv2.dilate(canvas, np.ones((1, 1 + round(face.stem * high)), np.uint8)), np.uint8)
    soft = np.maximum(cv2.GaussianBlur(canvas, (0, 0), 0.04 * high), 80) - 80
    return np.asarray(cv2.convertScaleAbs(soft, alpha=3), np.uint8)


def _glyph(letter: str, face: Face, high: float, place: tuple[int, int]) -> Grey:
    """One letter of a plotter font, a quarter of a capital free on either side of its advance."""
    assert face.plotter is not None
    scale, raised = (0.6, 0.45) if letter == "°" else (1.0, 0.0)
    scale *= high / PLOTTED
    letter = {"°": "o", "µ": "u"}.get(letter, letter)
    edge = round(high / 4)
    advance = cv2.getTextSize(letter, face.plotter, scale, 1)[0][0]
    canvas = np.zeros((place[0], advance + 2 * edge), np.uint8)
    corner, pen = (edge, place[1] - round(raised * high)), max(round(face.pen * high), FINEST)
    cv2.putText(canvas, letter, corner, face.plotter, scale, 255, pen, cv2.LINE_AA)
    return canvas


def _micro(text: str) -> list[int]:
    return [at for at, letter in enumerate(text) if letter == "µ"]


def _with_tails(canvas: Grey, signs: list[list[int]], high: float, baseline: int) -> Grey:
    """No font here has the sign for micro: the left stem of a u is drawn on below the baseline."""
    row = baseline - round(0.35 * high)
    for left, right in signs:
        sign = canvas[:, left:right]
        stem = np.flatnonzero(np.diff(np.pad(sign[row] > 127, 1).astype(np.int8)))[:2]
        sign[row : baseline + round(0.3 * high), slice(*stem)] = 255
    return canvas


def legible_ink(ground: Grey) -> int | None:
    """Black or white, whichever is farther from the ground; None where it stands out from too little of it."""
    ink = 255 if np.median(ground) < 140 else 0
    apart = np.abs(ground.astype(np.int16) - ink) >= CONTRAST
    return ink if apart.mean() >= READABLE else None


def print_pieces(image: Grey, pieces: list[Piece], ink: int) -> None:
    """Print on the image, in place; every piece lies inside it."""
    for piece in pieces:
        x1, y1, x2, y2 = piece.box
        part, share = image[y1:y2, x1:x2], piece.cover.astype(np.uint16)
        part[:] = (part * (255 - share) + ink * share + 127) // 255
