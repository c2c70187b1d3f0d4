"""Make the pictures in `docs/images` again: `python docs/make_pictures.py`. Synthetic micrographs only.

The seeds were chosen by hand to show how far the pictures reach; any other seeds would do.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nanotally.draw import overlay
from nanotally.generator.micrograph import SyntheticMicrograph, make_micrograph
from nanotally.generator.orders import Order, maker
from nanotally.generator.recipe import read_recipe, sample
from nanotally.opencv import cv2

IMAGES = Path(__file__).parent / "images"
Picture = NDArray[np.uint8]
HEIGHT, WIDTH = 480, 640
PAPER = ((("cube",), 12), (("cube",), 60), (("cube", "quasi_sphere"), 25), (("quasi_sphere",), 40))
"""Shapes and the most particles of each picture."""
SEM_SEEDS = (4, 21, 39, 43, 24, 17, 55, 45, 48)
CONTACT_SEEDS = (10, 52, 50, 55, 36, 21)


def paper(shapes: tuple[str, ...], most: int) -> SyntheticMicrograph:
    """A picture of mode `paper`."""
    return maker(Order(mode="paper", classes=shapes, max_particles=most, height=HEIGHT, width=WIDTH))(most).micrograph


def sem(seed: int) -> SyntheticMicrograph:
    """A picture of mode `sem`, whatever its seed gives."""
    specimen, _ = sample(read_recipe("sem"), np.random.default_rng(seed))
    return make_micrograph(specimen, height=HEIGHT, width=WIDTH, max_particles=400, seed=seed)


def sheet(pictures: Iterable[Picture], columns: int, width: int) -> Picture:
    """Pictures of one size side by side, scaled to `width` pixels in all, with white between them."""
    side = width // columns
    framed = []
    for picture in pictures:
        height = round(picture.shape[0] * side / picture.shape[1])
        small = cv2.resize(picture, (side - 4, height - 4), interpolation=cv2.INTER_AREA)
        framed.append(cv2.copyMakeBorder(small, 2, 2, 2, 2, cv2.BORDER_CONSTANT, value=(255, 255, 255)))
    rows = [np.hstack(framed[i : i + columns]) for i in range(0, len(framed), columns)]
    return np.asarray(np.vstack(rows), np.uint8)


def labelled(made: SyntheticMicrograph) -> Picture:
    """The picture with a box around each labelled particle."""
    return overlay(made.image, made.truth.detections)


def main() -> None:
    """Write the three sheets."""
    IMAGES.mkdir(exist_ok=True)
    sheets = {
        "paper": sheet((labelled(paper(*what)) for what in PAPER), 2, 1000),
        "sem": sheet((sem(seed).image for seed in SEM_SEEDS), 3, 1200),
        "contact-sheet": sheet((labelled(sem(seed)) for seed in CONTACT_SEEDS), 3, 1200),
    }
    for name, picture in sheets.items():
        cv2.imwrite(str(IMAGES / f"{name}.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, 80])


if __name__ == "__main__":
    main()
