from __future__ import annotations

import numpy as np

from nanotally.detections import Detections
from nanotally.trainer.census import SHOWN, Census, Sight


def sight(boxes: list[list[int]], *, difficult: int = 0, level: int = 0) -> Sight:
    xyxy = np.array(boxes, np.float32).reshape(-1, 4)
    marks = np.arange(len(xyxy)) < difficult
    return Sight(np.full((100, 200), level, np.uint8), Detections(xyxy), marks)


def test_figures_are_those_of_the_pictures() -> None:
    census = Census(seed=0)
    census.add("val", sight([[0, 0, 10, 20], [10, 0, 30, 20], [100, 50, 150, 100]], difficult=1))
    census.add("val", sight([]))
    figures = census.tallies["val"].figures()
    assert figures["pictures"] == 2
    assert figures["particles"] == {"cube": 3, "quasi_sphere": 0}
    assert figures["difficult"] == 1
    assert figures["particles_by_size_px"] == {
        "0 to 16": 0, "16 to 32": 2, "32 to 64": 1, "64 to 128": 0, "from 128": 0
    }  # fmt: skip
    assert figures["particles_a_picture"][1] == 1.5
    assert figures["particles_a_megapixel"][1] == 75
    assert figures["covered"][1] == round((200 + 400 + 2500) / 20_000 / 2, 3)
    assert figures["pictures_by_contact"] == {"scattered": 0, "touching": 1, "packed": 0}
    assert figures["size_px"]["quasi_sphere"] is None


def test_tiles_pass_unchanged_and_are_counted() -> None:
    census = Census(seed=0)
    tiles = [(np.zeros((8, 8), np.uint8), Detections.empty())] * 3
    assert list(census.watch("train", iter(tiles))) == tiles
    assert census.tallies["train"].figures()["pictures"] == 3


def test_what_is_shown_is_drawn_from_all_pictures_alike() -> None:
    often = np.zeros(60)
    for seed in range(60):
        census = Census(seed)
        for level in range(60):
            census.add("train", sight([], level=level))
        shown = [int(one.image[0, 0]) for one in census.tallies["train"].shown]
        assert len(set(shown)) == SHOWN
        often[shown] += 1
    assert often.sum() == 60 * SHOWN
    assert 0.45 < often[:30].sum() / often.sum() < 0.55
