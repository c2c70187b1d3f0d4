"""Where particles lie: never on one another unless asked for, inside if asked for, and true about what ended it."""

from itertools import cycle
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nanotally.generator.bodies import DRAW, Habit, Material, Sprite
from nanotally.generator.placement import Field, Placed, Stop, place
from nanotally.generator.sites import STACKED, Arrangement, Crowd, sites_of

seeds = st.integers(0, 2**32 - 1)
ARRANGEMENTS = get_args(Arrangement)
arrangements = st.sampled_from(ARRANGEMENTS)


def disc(diameter: int, padding: int = 2) -> Sprite:
    axis = np.arange(diameter + 2 * padding) - (diameter - 1) / 2 - padding
    alpha = (np.hypot(axis[:, None], axis[None, :]) <= diameter / 2).astype(np.float32)
    return Sprite(alpha, alpha, 1, float(diameter))


def lay(
    crowd: Crowd, seed: int, *, most: int = 30, side: int = 90, sizes: tuple[int, int] = (4, 25)
) -> tuple[list[Placed], Stop]:
    """Discs and cubes of sizes up to, without, the second."""
    rng = np.random.default_rng(seed)

    def draw(turn_rad: float | None) -> Sprite:
        size = int(rng.integers(*sizes))
        if rng.random() < 0.5:
            return disc(size)
        return DRAW["cube"](float(size), Habit(tilt_rad=0), Material(), rng, turn_rad=turn_rad)

    return place(height=side, width=side, most=most, draw=draw, crowd=crowd, rng=rng)


def on_field(spot: Placed, side: int = 90) -> np.ndarray:
    field = np.zeros((side, side), bool)
    at, part = spot.windows(side, side)
    field[at] = spot.sprite.mask[part]
    return field


def grown(mask: np.ndarray, by: int) -> np.ndarray:
    """`mask` with every pixel within `by` rows and columns of it."""
    padded = np.pad(mask, by)
    moves = range(2 * by + 1)
    return np.any([padded[dy : dy + len(mask), dx : dx + len(mask)] for dy in moves for dx in moves], axis=0)


@settings(max_examples=60)
@given(
    seed=seeds,
    arrangement=arrangements.filter(lambda name: name not in ("stacked", "piled")),
    gap=st.integers(0, 4),
    inside=st.booleans(),
)
def test_nothing_overlaps_and_the_gap_is_kept(seed: int, arrangement: Arrangement, gap: int, inside: bool) -> None:
    placed, _ = lay(Crowd(arrangement=arrangement, gap_px=gap, inside=inside), seed)
    taken = np.zeros((90, 90), bool)
    for spot in placed:
        mask = on_field(spot)
        assert not (grown(mask, gap) & taken).any()
        assert mask.sum() == spot.sprite.mask.sum() or not inside
        assert mask.any()
        taken |= mask


@given(gap=st.integers(0, 5), side=st.integers(1, 12), dx=st.integers(-20, 20), dy=st.integers(-20, 20))
def test_the_gap_is_the_room_that_is_needed_and_no_more(gap: int, side: int, dx: int, dy: int) -> None:
    alpha = np.ones((side, side), np.float32)
    square = Sprite(alpha, alpha, 0, float(side))
    field = Field(60, 60, Crowd(gap_px=gap))
    field.occupy(Placed(square, 24, 24))
    rows_and_columns_between = max(abs(dx), abs(dy)) - side
    assert field.has_room_for(Placed(square, 24 + dx, 24 + dy)) == (rows_and_columns_between >= gap)


@settings(max_examples=60)
@given(seed=seeds, arrangement=arrangements, share=st.floats(0.05, 1))
def test_no_particle_lies_on_earlier_ones_with_more_than_its_share(
    seed: int, arrangement: Arrangement, share: float
) -> None:
    placed, _ = lay(Crowd(arrangement=arrangement, max_overlap=share, gap_px=3, inside=False), seed)
    share = max(share, STACKED) if arrangement in ("stacked", "piled") else share
    taken = np.zeros((90, 90), bool)
    for spot in placed:
        mask = on_field(spot)
        assert (mask & taken).sum() <= share * mask.sum()
        taken |= mask


@given(share=st.floats(0.01, 0.99), dx=st.integers(0, 12), dy=st.integers(0, 12))
def test_an_overlap_up_to_the_share_is_let_be_whatever_the_gap(share: float, dx: int, dy: int) -> None:
    alpha = np.ones((10, 10), np.float32)
    square = Sprite(alpha, alpha, 0, 10.0)
    field = Field(40, 40, Crowd(max_overlap=share, gap_px=2))
    field.occupy(Placed(square, 10, 10))
    covered = max(10 - dx, 0) * max(10 - dy, 0) / 100
    assert field.has_room_for(Placed(square, 10 + dx, 10 + dy)) == (covered <= share)


@settings(max_examples=100)
@given(
    crowd=st.builds(
        Crowd, arrangement=arrangements, cluster_size=st.floats(1, 80), disorder_rad=st.floats(0, 1),
        filled=st.floats(0, 1), max_overlap=st.just(0.0) | st.floats(0, 1), gap_px=st.integers(0, 4),
        inside=st.booleans(),
    ),
    seed=seeds, most=st.integers(0, 60), side=st.integers(1, 90), smallest=st.integers(2, 40),
)  # fmt: skip
def test_any_placement_ends_and_names_the_end_that_was_met(
    crowd: Crowd, seed: int, most: int, side: int, smallest: int
) -> None:
    placed, stop = lay(crowd, seed, most=most, side=side, sizes=(smallest, smallest + 10))
    assert len(placed) <= most
    assert (stop == "maximum reached") == (len(placed) == most)


def test_no_space_is_left_on_a_field_that_one_particle_fills() -> None:
    placed, stop = lay(Crowd(), 0, side=30, sizes=(22, 23))
    assert (len(placed), stop) == (1, "no space left")


@pytest.mark.parametrize("arrangement", ARRANGEMENTS)
def test_a_particle_larger_than_the_field_is_not_placed_inside(arrangement: Arrangement) -> None:
    assert lay(Crowd(arrangement=arrangement), 0, side=20, sizes=(40, 41)) == ([], "no space left")


def test_where_one_finds_no_room_a_smaller_one_has_its_turn() -> None:
    drawn: list[int] = []

    def draw(_turn_rad: float | None) -> Sprite:
        drawn.append(80 if len(drawn) < 3 else 6)
        return disc(drawn[-1])

    rng = np.random.default_rng(0)
    placed, stop = place(height=60, width=60, most=2, draw=draw, crowd=Crowd(), rng=rng)
    assert ([spot.sprite.size_px for spot in placed], stop) == ([6, 6], "maximum reached")
    assert drawn == [80, 80, 80, 6, 6]


@pytest.mark.parametrize("crowd", [Crowd(), Crowd(max_overlap=0.1), Crowd(arrangement="piled", max_overlap=1.0)])
def test_only_failures_in_a_row_end_it(crowd: Crowd) -> None:
    sizes = cycle([80, 6])  # every other one is larger than the field
    rng = np.random.default_rng(0)
    placed, stop = place(height=60, width=60, most=25, draw=lambda _: disc(next(sizes)), crowd=crowd, rng=rng)
    assert (len(placed), stop) == (25, "maximum reached")


@settings(max_examples=20)
@given(seed=seeds, diameter=st.integers(4, 20), gap=st.integers(0, 3), side=st.integers(20, 50))
def test_scattered_apart_no_space_left_is_the_truth(seed: int, diameter: int, gap: int, side: int) -> None:
    crowd, rng, sprite = Crowd(gap_px=gap), np.random.default_rng(seed), disc(diameter)
    placed, stop = place(height=side, width=side, most=10_000, draw=lambda _: sprite, crowd=crowd, rng=rng)
    assert stop == "no space left"
    field = Field(side, side, crowd)
    for spot in placed:
        assert field.has_room_for(spot)
        field.occupy(spot)
    assert not any(field.has_room_for(Placed(sprite, x, y)) for y, x in np.ndindex(side, side))


def test_the_particle_has_to_be_inside_not_the_room_around_it() -> None:
    rng = np.random.default_rng(0)
    placed, stop = place(height=14, width=14, most=1, draw=lambda _: disc(10, padding=12), crowd=Crowd(), rng=rng)
    assert (len(placed), stop) == (1, "maximum reached")


def turns_of(crowd: Crowd, seed: int) -> list[float | None]:
    """What the function that draws was asked for."""
    asked: list[float | None] = []

    def draw(turn_rad: float | None) -> Sprite:
        asked.append(turn_rad)
        return disc(8)

    place(height=90, width=90, most=15, draw=draw, crowd=crowd, rng=np.random.default_rng(seed))
    return asked


@settings(max_examples=40)
@given(seed=seeds, arrangement=arrangements)
def test_the_first_particle_is_turned_as_its_site_says(seed: int, arrangement: Arrangement) -> None:
    crowd = Crowd(arrangement=arrangement)
    said = sites_of(crowd, height=90, width=90, rng=np.random.default_rng(seed)).turn()
    assert turns_of(crowd, seed)[0] == said


@settings(max_examples=40)
@given(seed=seeds)
def test_every_particle_is_turned_as_its_arrangement_asks(seed: int) -> None:
    assert set(turns_of(Crowd(), seed)) == {None}
    for name in ARRANGEMENTS[1:]:
        alike, unlike = (
            turns_of(Crowd(arrangement=name, cluster_size=1e9, disorder_rad=disorder, max_overlap=1), seed)
            for disorder in (0, 0.3)
        )
        assert len(set(alike)) < len(alike)  # a cluster that has no room left is followed by another
        assert len(set(unlike)) == len(unlike) > 1


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


@pytest.mark.parametrize("arrangement", ARRANGEMENTS)
def test_a_crowd_is_laid_by_its_seed(arrangement: Arrangement) -> None:
    one, other, another = (
        [(spot.x, spot.y, spot.sprite.turn_rad) for spot in lay(Crowd(arrangement=arrangement), seed)[0]]
        for seed in (1, 1, 2)
    )
    assert one == other
    assert one != another
