"""Room for particles apart from one another: never on another, and found wherever there is any."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from nanotally.generator.room import Room

HEIGHT, WIDTH = 40, 50
shapes = st.sampled_from(["square", "disc", "triangle", "ring"])


def mask_of(shape: str, side: int) -> np.ndarray:
    y, x = np.mgrid[:side, :side]
    far = np.hypot(x - (side - 1) / 2, y - (side - 1) / 2)
    masks = {
        "square": np.ones((side, side), bool), "disc": far < side / 2, "triangle": x <= y,
        "ring": (far < side / 2) & (far > side / 4),
    }  # fmt: skip
    mask = masks[shape]
    rows, columns = mask.any(axis=1), mask.any(axis=0)
    return np.ascontiguousarray(mask[rows][:, columns])


def grown(taken: np.ndarray, gap: int) -> np.ndarray:
    padded = np.pad(taken, gap)
    views = [padded[dy : dy + HEIGHT, dx : dx + WIDTH] for dy in range(2 * gap + 1) for dx in range(2 * gap + 1)]
    return np.logical_or.reduce(views)


def any_place(taken: np.ndarray, mask: np.ndarray) -> bool:
    h, w = mask.shape
    spots = ((y, x) for y in range(HEIGHT - h + 1) for x in range(WIDTH - w + 1))
    return any(not (taken[y : y + h, x : x + w] & mask).any() for y, x in spots)


@settings(max_examples=30)
@given(seed=st.integers(0, 9999), shape=shapes, side=st.integers(4, 20), gap=st.integers(0, 2))
def test_a_place_is_found_until_there_is_none(seed: int, shape: str, side: int, gap: int) -> None:
    rng, room, taken = np.random.default_rng(seed), Room(HEIGHT, WIDTH, gap), np.zeros((HEIGHT, WIDTH), bool)
    for turn in range(400):
        mask = np.rot90(mask_of(shape, side), turn % 4)
        spot = room.find(mask, rng, everywhere=True)
        if spot is None:
            assert not any_place(grown(taken, gap), mask)
            return
        x, y = spot
        h, w = mask.shape
        assert 0 <= x <= WIDTH - w
        assert 0 <= y <= HEIGHT - h
        assert not (grown(taken, gap)[y : y + h, x : x + w] & mask).any()
        taken[y : y + h, x : x + w] |= mask
        room.take(mask, x, y)
    raise AssertionError("a field of this size cannot hold so many")


def test_what_is_larger_than_the_field_has_no_place() -> None:
    room = Room(HEIGHT, WIDTH, 1)
    assert room.find(np.ones((HEIGHT + 1, 3), bool), np.random.default_rng(0), everywhere=True) is None


def test_places_are_drawn_from_the_whole_field_alike() -> None:
    rng, mask = np.random.default_rng(0), np.ones((4, 4), bool)
    spots = np.array([Room(HEIGHT, WIDTH, 0).find(mask, rng, everywhere=False) for _ in range(3000)])
    assert spots.min() == 0
    assert spots.max(axis=0).tolist() == [WIDTH - 4, HEIGHT - 4]
    assert np.abs(spots.mean(axis=0) - [(WIDTH - 4) / 2, (HEIGHT - 4) / 2]).max() < 1
