from __future__ import annotations

from dataclasses import replace

import numpy as np
from judged import image, square

from nanotally.measure.judged import Judged, published
from nanotally.trainer.evaluation.breakdown import breakdown
from nanotally.trainer.evaluation.counts import Part

HALF = np.float32([0.5, 0.5])
SMALL, LARGE = square(0, side=10), square(50, side=40)


def parts(judged: list[Judged]) -> dict[str, list[Part]]:
    return breakdown(judged, published(judged, HALF), 2)


def test_each_size_is_judged_as_if_the_others_were_difficult() -> None:
    found = [(SMALL, 0.9), (square(20, side=12), 0.8), (square(20, 60, side=20), 0.8), (LARGE, 0.2)]
    small, middle, large = parts([image([SMALL, square(70, 0, 20), LARGE], found)])["particle size"]
    assert [part.name for part in (small, middle, large)] == ["below 16 px", "16 to 32 px", "32 to 64 px"]
    assert (small.labelled, small.found, small.false) == (1, 1, 1)
    assert (middle.labelled, middle.found, middle.false) == (1, 0, 1)
    assert (large.labelled, large.found, large.false) == (1, 0, 0)
    assert large.map50 > 0.99  # found, but below the threshold


def test_images_are_sorted_by_their_number_of_particles() -> None:
    crowd = image([square(20 * i, 20 * j) for i in range(5) for j in range(2)])
    one, empty = image([SMALL], [(SMALL, 0.9)]), image([], [(LARGE, 0.9)])
    none, few, more = parts([one, empty, crowd])["particles an image"]
    assert (none.name, none.images, none.false) == ("none", 1, 1)
    assert (few.name, few.images, few.recall) == ("1 to 9", 1, 1)
    assert (more.name, more.images, more.recall) == ("10 to 49", 1, 0)


def test_images_are_sorted_by_contact_and_unknown_ones_are_left_out() -> None:
    one = image([SMALL], [(SMALL, 0.9)])
    judged = [replace(one, contact=contact) for contact in (0.0, 0.29, 0.3, 0.7, 1.0, float("nan"))]
    assert [(part.name, part.images) for part in parts(judged)["share of contact"]] == [
        ("scattered, below 0.3", 2),
        ("touching, 0.3 to 0.7", 1),
        ("packed, 0.7 and more", 2),
    ]
