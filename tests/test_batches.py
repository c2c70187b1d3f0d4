from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nanotally.detect.batches import Cutter, Look
from nanotally.detect.tiles import cut_tiles, plan_levels


def looks_at(sizes: list[tuple[int, int]], stride: int | None) -> list[Look]:
    rng = np.random.default_rng(0)
    fields = [rng.integers(0, 256, size, dtype=np.uint8) for size in sizes]
    return [
        (field, level)
        for field in fields
        for level in plan_levels(
            height=field.shape[0], width=field.shape[1], input_size=64, stride=stride, overlap=8, scale=1.0, most=None
        )
    ]


fields_of_any_size = st.lists(st.tuples(st.integers(1, 200), st.integers(1, 200)), max_size=4)


@given(st.lists(fields_of_any_size, min_size=1, max_size=3), st.sampled_from([None, 32]))
def test_every_look_gets_its_own_tiles_back(calls: list[list[tuple[int, int]]], stride: int | None) -> None:
    cutter = Cutter()
    for sizes in calls:
        looks = looks_at(sizes, stride)
        batches = cutter.cut(looks)
        assert len({batch.tiles.shape[2:] for batch in batches}) == len(batches)
        found = {place: tiles for batch in batches for place, tiles in batch.by_look(batch.tiles).items()}
        assert sorted(found) == list(range(len(looks)))
        for place, (field, level) in enumerate(looks):
            width, height = level.tile
            wanted = np.empty((len(level.corners), 1, height, width), np.float32)
            cut_tiles(field, level, wanted)
            np.testing.assert_array_equal(found[place], wanted)


def test_squares_are_one_batch_whatever_the_fields() -> None:
    (batch,) = Cutter().cut(looks_at([(200, 90), (64, 64), (10, 150)], None))
    assert batch.tiles.shape[1:] == (1, 64, 64)
