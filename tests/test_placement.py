"""Where particles lie: never on one another unless asked for, inside if asked for, and true about what ended it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nanotally.generator.placement import Crowd, Placed, place
from nanotally.generator.shapes import Sprite

seeds = st.integers(0, 2**32 - 1)
ARRANGEMENTS = ("scattered", "clustered", "packed")


def disc(diameter: int, padding: int = 2) -> Sprite:
    axis = np.arange(diameter + 2 * padding) - (diameter - 1) / 2 - padding
    alpha = (np.hypot(axis[:, None], axis[None, :]) <= diameter / 2).astype(np.float32)
    return Sprite(alpha, alpha, 1, float(diameter))


def lay(crowd: Crowd, seed: int, *, most: int = 30, side: int = 90, sizes: tuple[int, int] = (4, 25)):
    rng = np.random.default_rng(seed)
    return place(height=side, width=side, most=most, draw=lambda: disc(int(rng.integers(*sizes))), crowd=crowd, rng=rng)


def on_canvas(spot: Placed, side: int = 90) -> np.ndarray:
    canvas = np.zeros((side, side), bool)
    at, part = spot.windows(side, side)
    canvas[at] = spot.sprite.mask[part]
    return canvas


def grown(mask: np.ndarray, by: int) -> np.ndarray:
    """`mask` with every pixel within `by` rows and columns of it."""
    padded = np.pad(mask, by)
    moves = range(2 * by + 1)
    return np.any([padded[dy : dy + len(mask), dx : dx + len(mask)] for dy in moves for dx in moves], axis=0)


@settings(max_examples=40)
@given(seed=seeds, arrangement=st.sampled_from(ARRANGEMENTS), gap=st.integers(0, 4), inside=st.booleans())
def test_nothing_overlaps_and_the_gap_is_kept(seed: int, arrangement: str, gap: int, inside: bool) -> None:
    placed, _ = lay(Crowd(arrangement=arrangement, gap_px=gap, inside=inside), seed)
    taken = np.zeros((90, 90), bool)
    for spot in placed:
        mask = on_canvas(spot)
        assert not (grown(mask, gap) & taken).any()
        assert mask.sum() == spot.sprite.mask.sum() or not inside
        assert mask.any()
        taken |= mask


@settings(max_examples=40)
@given(seed=seeds, arrangement=st.sampled_from(ARRANGEMENTS), share=st.floats(0.05, 0.6))
def test_no_particle_lies_on_earlier_ones_with_more_than_its_share(seed: int, arrangement: str, share: float) -> None:
    placed, _ = lay(Crowd(arrangement=arrangement, max_overlap=share, gap_px=0, inside=False), seed)
    taken = np.zeros((90, 90), bool)
    for spot in placed:
        mask = on_canvas(spot)
        assert (mask & taken).sum() <= share * mask.sum()
        taken |= mask


@settings(max_examples=40)
@given(seed=seeds, arrangement=st.sampled_from(ARRANGEMENTS), most=st.integers(0, 60))
def test_the_end_that_is_named_is_the_end_that_was_met(seed: int, arrangement: str, most: int) -> None:
    placed, stop = lay(Crowd(arrangement=arrangement), seed, most=most)
    assert (stop == "maximum reached") == (len(placed) == most)


def test_no_space_is_left_on_a_canvas_that_one_particle_fills() -> None:
    placed, stop = lay(Crowd(), 0, side=30, sizes=(22, 23))
    assert (len(placed), stop) == (1, "no space left")


@pytest.mark.parametrize("arrangement", ARRANGEMENTS)
def test_a_particle_larger_than_the_canvas_is_not_placed_inside(arrangement: str) -> None:
    assert lay(Crowd(arrangement=arrangement), 0, side=20, sizes=(40, 41)) == ([], "no space left")


def test_the_particle_has_to_be_inside_not_the_room_around_it() -> None:
    rng = np.random.default_rng(0)
    placed, stop = place(height=14, width=14, most=1, draw=lambda: disc(10, padding=12), crowd=Crowd(), rng=rng)
    assert (len(placed), stop) == (1, "maximum reached")


@given(
    x=st.integers(-40, 60), y=st.integers(-40, 60), diameter=st.integers(1, 30),
    height=st.integers(1, 50), width=st.integers(1, 50),
)  # fmt: skip
def test_windows_name_the_same_pixels_twice(x: int, y: int, diameter: int, height: int, width: int) -> None:
    spot = Placed(disc(diameter), x, y)
    rows, cols = np.mgrid[:height, :width]
    at, part = spot.windows(height, width)
    own_rows, own_cols = np.mgrid[: diameter + 4, : diameter + 4]
    np.testing.assert_array_equal(rows[at], own_rows[part] + y)
    np.testing.assert_array_equal(cols[at], own_cols[part] + x)
    inside = (own_rows + y >= 0) & (own_rows + y < height) & (own_cols + x >= 0) & (own_cols + x < width)
    assert inside.sum() == own_rows[part].size


def nearest_px(arrangement: str, most: int) -> float:
    """Median distance from a particle of 10 px to its nearest neighbour."""
    placed, _ = lay(Crowd(arrangement=arrangement, max_overlap=0.1, gap_px=0), 3, most=most, side=300, sizes=(10, 11))
    centres = np.array([spot.centre for spot in placed])
    apart = np.hypot(*(centres[:, None] - centres[None, :]).transpose(2, 0, 1))
    np.fill_diagonal(apart, np.inf)
    return float(np.median(apart.min(axis=1)))


def test_clustered_and_packed_particles_touch_and_scattered_ones_do_not() -> None:
    assert nearest_px("clustered", most=40) < 11.5
    assert nearest_px("packed", most=5000) < 12.5
    assert nearest_px("scattered", most=40) > 15


def test_a_crowd_is_laid_by_its_seed() -> None:
    one, other, another = (
        [(spot.x, spot.y) for spot in lay(Crowd(arrangement="clustered"), seed)[0]] for seed in (1, 1, 2)
    )
    assert one == other
    assert one != another
