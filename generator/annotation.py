"""What software prints on a micrograph: databar, scale bar, panel letter. A detector must not count any of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from nanotally.opencv import cv2

FONTS = (
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_COMPLEX,
    cv2.FONT_HERSHEY_TRIPLEX,
)
PLOTTED = 0.25
"""Share of texts in a plotter's strokes, as some SEM software writes; the others are in a printer's sans serif."""
CAPITALS = 0.7
"""Height of a capital as a share of the font size."""
Grey = NDArray[np.uint8]


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


def print_on(image: Grey, bar_px: int, lettering: Lettering, rng: Generator) -> tuple[int, int, int, int]:
    """Print on the image, in place; answers the field that is left, x1 y1 x2 y2 px."""
    examined = (0, 0, image.shape[1], image.shape[0])
    if bar_px:
        examined = draw_databar(image, bar_px, rng)
    elif lettering.scale_bar:
        draw_scale_bar(image, rng)
    if lettering.panel_letter:
        draw_panel_letter(image, rng)
    return examined


def _write(image: Grey, text: str, at: tuple[int, int], *, height_px: float, ink: int, rng: Generator) -> int:
    """Write `text` with its lower left corner at `at`, capitals `height_px` high; answers its width in pixels."""
    bold = rng.uniform(1, 2.5)
    if rng.random() < PLOTTED:
        font = FONTS[rng.integers(len(FONTS))]
        scale = height_px / 21
        thickness = max(1, round(scale * bold))
        cv2.putText(image, text, at, font, scale, ink, thickness, cv2.LINE_AA)
        return int(cv2.getTextSize(text, font, scale, thickness)[0][0])
    stroke = round((bold - 1) * height_px / 30)
    face = ImageFont.load_default(max(round(height_px / CAPITALS), 6))
    left, top, right, bottom = (round(edge) for edge in face.getbbox(text, anchor="ls", stroke_width=stroke))
    drawn = Image.new("L", (right - left, bottom - top))
    ImageDraw.Draw(drawn).text((-left, -top), text, fill=255, font=face, anchor="ls", stroke_width=stroke)
    _ink(image, np.asarray(drawn), at[0], at[1] + top, ink)
    return right


def _ink(image: Grey, share: Grey, x: int, y: int, ink: int) -> None:
    """Cover the image with ink where `share` (h, w) uint8 is 255, its upper left corner at `x`, `y`."""
    y1, y2 = max(y, 0), min(y + share.shape[0], image.shape[0])
    x1, x2 = max(x, 0), min(x + share.shape[1], image.shape[1])
    if y2 <= y1 or x2 <= x1:
        return
    weight = share[y1 - y : y2 - y, x1 - x : x2 - x] / 255
    part = image[y1:y2, x1:x2]
    part[:] = np.rint(part * (1 - weight) + ink * weight)


def _length_text(rng: Generator) -> str:
    number = int(rng.choice([1, 2, 5, 10, 20, 50, 100, 200, 300, 500]))
    return f"{number}{rng.choice(['', ' '])}{rng.choice(['nm', 'nm', 'um'])}"


def draw_databar(image: Grey, height_px: int, rng: Generator) -> tuple[int, int, int, int]:
    """Draw a databar over the lowest `height_px` rows; answers the field that is left, x1 y1 x2 y2 px."""
    height, width = image.shape
    paper, ink = (0, 255) if rng.random() < 0.7 else (255, 0)
    top = height - height_px
    image[top:] = paper
    if rng.random() < 0.4:
        image[top : top + max(1, height_px // 30)] = ink
    facts = [
        f"{rng.integers(1, 31)}.00 kV", f"WD {rng.uniform(2, 15):.1f} mm", f"x{rng.integers(2, 300)} 000",
        f"Signal A = {rng.choice(['SE2', 'InLens', 'BSE', 'TLD'])}", "SEM", f"spot {rng.uniform(2, 6):.1f}",
    ]  # fmt: skip
    x, letters = int(width * 0.02), height_px * rng.uniform(0.25, 0.45)
    for fact in rng.permutation(facts):
        if x > width * 0.65:
            break
        x += _write(image, str(fact), (x, height - int(height_px * 0.3)), height_px=letters, ink=ink, rng=rng) + int(
            letters * 1.5
        )
    bar, y = int(width * rng.uniform(0.08, 0.25)), height - int(height_px * rng.uniform(0.3, 0.6))
    x = width - bar - int(width * 0.04)
    cv2.rectangle(image, (x, y), (x + bar, y + max(1, height_px // 20)), ink, -1)
    _write(image, _length_text(rng), (x, y - 2), height_px=letters * 0.9, ink=ink, rng=rng)
    return 0, 0, width, top


def draw_scale_bar(image: Grey, rng: Generator) -> None:
    """Draw a scale bar with its length along an edge of the picture, on a patch of its own or on the specimen."""
    height, width = image.shape
    letters = height * rng.uniform(0.03, 0.07)
    bar, thick = int(width * rng.uniform(0.1, 0.35)), max(2, int(height * rng.uniform(0.005, 0.025)))
    x = int(rng.uniform(0.03, 0.95) * (width - bar))
    y = int(height * (rng.uniform(0.85, 0.95) if rng.random() < 0.85 else rng.uniform(0.1, 0.2)))
    ink = 255 if rng.random() < 0.75 else 0
    if rng.random() < 0.35:
        pad = int(letters * 0.6)
        patch = (
            slice(max(0, int(y - letters * 1.6 - pad)), y + thick + pad),
            slice(max(0, x - pad), x + bar + pad),
        )
        image[patch] = 255 - ink
    cv2.rectangle(image, (x, y), (x + bar, y + thick), ink, -1)
    at = (x + int(bar * rng.uniform(0, 0.3)), int(y - letters * 0.3))
    _write(image, _length_text(rng), at, height_px=letters, ink=ink, rng=rng)


def draw_panel_letter(image: Grey, rng: Generator) -> None:
    """Draw a panel letter such as (b) in a corner, on a patch of its own or on the specimen."""
    height, width = image.shape
    letter = str(rng.choice(list("abcdefghABCDEFGH")))
    text = str(rng.choice([letter, f"({letter})", f"{letter})", f"{letter}{rng.integers(1, 9)}"]))
    letters = height * rng.uniform(0.05, 0.11)
    x = int(width * 0.02) if rng.random() < 0.8 else int(width * 0.85)
    y = int(letters * 1.5) if rng.random() < 0.9 else int(height - letters * 0.5)
    ink = 255 if rng.random() < 0.6 else 0
    if rng.random() < 0.4:
        image[
            max(0, int(y - letters * 1.4)) : int(y + letters * 0.5),
            max(0, x - 5) : int(x + letters * (len(text) + 0.3)),
        ] = 255 - ink
    _write(image, text, (x, y), height_px=letters, ink=ink, rng=rng)
