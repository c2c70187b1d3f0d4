"""Where the next particle may lie: clusters in contact, chains, stacks, heaps and lattices that are what they say."""

from collections import Counter
from dataclasses import replace
from itertools import islice, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nanotally.generator.bodies import CUBE, DRAW, QUASI_SPHERE, Habit, Material, Sprite
from nanotally.generator.placement import Placed, place
from nanotally.generator.sites import Arrangement, Crowd, sites_of

seeds = st.integers(0, 2**32 - 1)
SIDE = 400
ONE = 1e9
"""A `cluster_size` that gives one cluster."""


def blank(size_px: float, class_id: int = QUASI_SPHERE) -> Sprite:
    nothing = np.zeros((1, 1), np.float32)
    return Sprite(nothing, nothing, class_id, size_px)


def taken(crowd: Crowd, seed: int, sizes: list[float], class_id: int = QUASI_SPHERE) -> tuple[np.ndarray, np.ndarray]:
    """Centres (n, 2) x y and turns (n,) of particles that all take the first place that they are offered."""
    sites = sites_of(crowd, height=SIDE, width=SIDE, rng=np.random.default_rng(seed))
    centres, turns = [], []
    for size in sizes:
        turns.append(sites.turn())
        sprite = blank(size, class_id)
        site = sites.offer(sprite)
        assert site is not None
        sites.take(sprite, *site)
        centres.append(site)
    return np.array(centres), np.array(turns, float)


def laid(crowd: Crowd, seed: int, *, name: str = "cube", size_px: float = 20, most: int = 60) -> list[Placed]:
    """Particles that found room on a field."""
    rng = np.random.default_rng(seed)
    habit, material = Habit(tilt_rad=0), Material(roughness=0)
    return place(
        height=SIDE, width=SIDE, most=most, crowd=crowd, rng=rng,
        draw=lambda turn_rad: DRAW[name](size_px, habit, material, rng, turn_rad=turn_rad),
    )[0]  # fmt: skip


def centres_of(placed: list[Placed]) -> np.ndarray:
    """(n, 2) x y, middles of the masks."""
    middles = [np.argwhere(spot.sprite.mask).mean(axis=0)[::-1] for spot in placed]
    return np.array(middles) + [[spot.x, spot.y] for spot in placed]


def apart(centres: np.ndarray) -> np.ndarray:
    """Distance (n, n) of each from each, infinite from itself."""
    distance = np.hypot(*(centres[:, None] - centres[None]).transpose(2, 0, 1))
    np.fill_diagonal(distance, np.inf)
    return distance


def lists_of_sizes(most: int) -> st.SearchStrategy[list[float]]:
    return st.lists(st.floats(8, 30), min_size=2, max_size=most)


@given(seed=seeds, sizes=lists_of_sizes(25), overlap=st.floats(0, 1), class_id=st.sampled_from([CUBE, QUASI_SPHERE]))
def test_whoever_joins_a_cluster_touches_one_of_it(
    seed: int, sizes: list[float], overlap: float, class_id: int
) -> None:
    crowd = Crowd(arrangement="clustered", cluster_size=ONE, max_overlap=overlap)
    centres, _ = taken(crowd, seed, sizes, class_id)
    contact = (np.array(sizes)[:, None] + sizes) / 2
    for row in range(1, len(sizes)):
        gap = 0 if overlap else crowd.gap_px + 1
        share = (np.hypot(*(centres[row] - centres[:row]).T) - gap) / contact[row, :row]
        assert ((share > 0.999 - 0.3 * overlap) & (share < 1.13)).any()


def test_most_round_particles_of_a_cluster_are_drawn_into_the_gap_between_two() -> None:
    touching = []
    for seed in range(20):
        crowd = Crowd(arrangement="clustered", cluster_size=ONE, max_overlap=1e-6)
        centres, _ = taken(crowd, seed, [20.0] * 30)
        touching += [(np.hypot(*(centres[row] - centres[:row]).T) < 1.09 * 20).sum() for row in range(2, 30)]
    assert np.mean(np.array(touching) >= 2) > 0.6


@pytest.mark.parametrize("slip", [0.02, 0.3])
def test_cubes_of_a_cluster_slip_along_their_faces(slip: float) -> None:
    found = []
    for seed in range(300):
        crowd = Crowd(arrangement="clustered", cluster_size=ONE, disorder_rad=0, slip=slip)
        centres, turns = taken(crowd, seed, [20.0] * 2, CUBE)
        way = np.diff(centres, axis=0)[0]
        off = float(off_quarter(np.arctan2(way[1:], way[:1]) - turns[1])[0])
        found.append(np.tan(off))
    assert np.median(np.abs(found)) == pytest.approx(0.674 * slip, rel=0.25)


@pytest.mark.parametrize("arrangement", ["hexagonal", "square"])
def test_a_lattice_is_bent_but_keeps_its_pitch(arrangement: Arrangement) -> None:
    flat, bent = (taken(Crowd(arrangement=arrangement, warp=warp, gap_px=0), 3, [20.0] * 150)[0] for warp in (0.0, 0.4))
    moved = np.hypot(*(bent - flat).T)
    assert 0.2 * 20 < np.sqrt(np.square(moved).mean()) < 1.2 * 20
    assert np.median(apart(bent).min(axis=1)) == pytest.approx(np.median(apart(flat).min(axis=1)), rel=0.12)


@given(seed=seeds, sizes=lists_of_sizes(25), overlap=st.floats(0, 1))
def test_each_of_a_chain_touches_the_one_before(seed: int, sizes: list[float], overlap: float) -> None:
    crowd = Crowd(arrangement="chains", cluster_size=ONE, max_overlap=overlap)
    steps = np.hypot(*np.diff(taken(crowd, seed, sizes)[0], axis=0).T) - (0 if overlap else crowd.gap_px + 1)
    contact = (np.array(sizes)[1:] + sizes[:-1]) / 2
    assert (steps / contact > 0.999 - 0.3 * overlap).all()
    assert (steps / contact < 1.13).all()


@pytest.mark.parametrize("arrangement", ["chains", "stacked"])
def test_chains_and_stacks_go_on_in_their_direction(arrangement: Arrangement) -> None:
    bends, lengths = [], []
    for seed in range(40):
        steps = np.diff(taken(Crowd(arrangement=arrangement, cluster_size=ONE), seed, [10.0] * 12)[0], axis=0)
        heading = np.unwrap(np.arctan2(steps[:, 1], steps[:, 0]))
        bends += np.diff(heading).tolist()
        lengths.append(np.hypot(*steps.sum(axis=0)) / np.hypot(*steps.T).sum())
    assert np.std(bends) == pytest.approx(0.45, rel=0.2)
    assert abs(np.mean(bends)) < 0.1
    assert np.mean(lengths) > 0.55  # without a direction 11 steps come to 0.27 of their length


@given(seed=seeds, sizes=lists_of_sizes(25))
def test_each_of_a_stack_is_a_quarter_to_seven_tenths_of_contact_from_the_one_before(
    seed: int, sizes: list[float]
) -> None:
    steps = np.hypot(*np.diff(taken(Crowd(arrangement="stacked", cluster_size=ONE), seed, sizes)[0], axis=0).T)
    share = steps / ((np.array(sizes)[1:] + sizes[:-1]) / 2)
    assert (share > 0.249).all()
    assert (share < 0.74).all()


@pytest.mark.parametrize("name", ["cube", "quasi_sphere"])
def test_about_half_of_each_in_a_stack_lies_on_the_one_before(name: str) -> None:
    shares = []
    for seed in range(10):
        crowd = Crowd(arrangement="stacked", cluster_size=ONE, max_overlap=1, inside=False)
        placed = laid(crowd, seed, name=name, most=12)
        for below, above in pairwise(placed):
            room = np.zeros((3 * SIDE, 3 * SIDE), int)  # a stack may leave the field
            for spot in (below, above):
                at, part = replace(spot, x=spot.x + SIDE, y=spot.y + SIDE).windows(*room.shape)
                room[at] += spot.sprite.mask[part]
            shares.append((room == 2).sum() / above.sprite.mask.sum())
    assert 0.35 < np.mean(shares) < 0.6
    assert np.percentile(shares, 5) > 0.1
    assert np.percentile(shares, 95) < 0.8


@pytest.mark.parametrize("name", ["cube", "quasi_sphere"])
@pytest.mark.parametrize("overlap", [0.0, 0.2])
def test_clusters_that_found_room_touch(name: str, overlap: float) -> None:
    ratios: list[float] = []
    for seed in range(4):
        crowd = Crowd(arrangement="clustered", cluster_size=12, max_overlap=overlap, gap_px=0)
        placed = laid(crowd, seed, name=name, most=50)
        sizes = np.array([spot.sprite.size_px for spot in placed])
        ratios += (apart(centres_of(placed)) / ((sizes[:, None] + sizes) / 2)).min(axis=1).tolist()
    assert len(ratios) == 200
    assert 0.9 - 0.3 * overlap < np.median(ratios) < 1.08
    assert np.mean(np.array(ratios) < 1.15) > 0.85  # the rest are alone


def test_scattered_particles_do_not_touch() -> None:
    placed = laid(Crowd(), 0, most=40)
    assert np.median(apart(centres_of(placed)).min(axis=1)) > 1.3 * 20


@given(disorder=st.floats(0, 0.6), seed=seeds, arrangement=st.sampled_from(["clustered", "piled", "square"]))
def test_cubes_of_a_cluster_share_their_turn_within_the_disorder(
    disorder: float, seed: int, arrangement: Arrangement
) -> None:
    crowd = Crowd(arrangement=arrangement, cluster_size=ONE, disorder_rad=disorder)
    _, turns = taken(crowd, seed, [10.0] * 200, CUBE)
    assert turns.std() == pytest.approx(disorder, rel=0.25, abs=1e-9)


def test_turns_of_clusters_are_any() -> None:
    _, turns = taken(Crowd(arrangement="clustered", cluster_size=1, disorder_rad=0), 0, [10.0] * 400)
    assert (np.histogram(turns % (2 * np.pi), bins=8, range=(0, 2 * np.pi))[0] > 25).all()


def off_quarter(angle_rad: np.ndarray) -> np.ndarray:
    """Angle from the nearest quarter of a turn, radians."""
    return (angle_rad + np.pi / 4) % (np.pi / 2) - np.pi / 4


@given(seed=seeds, sizes=lists_of_sizes(15))
def test_cubes_of_a_cluster_are_offered_places_face_to_face(seed: int, sizes: list[float]) -> None:
    crowd = Crowd(arrangement="clustered", cluster_size=ONE, disorder_rad=0)
    centres, turns = taken(crowd, seed, sizes, CUBE)
    for row in range(1, len(sizes)):
        way = centres[row] - centres[:row]
        assert np.abs(off_quarter(np.arctan2(way[:, 1], way[:, 0]) - turns[row])).min() < 0.3  # five times the slip


def test_cubes_of_a_cluster_lie_face_to_face_and_spheres_in_any_direction() -> None:
    off = {}
    for name in ("cube", "quasi_sphere"):
        off[name] = []
        for seed in range(6):
            crowd = Crowd(arrangement="clustered", cluster_size=ONE, disorder_rad=0, gap_px=0)
            placed = laid(crowd, seed, name=name, most=20)
            centres = centres_of(placed)
            near = apart(centres).argmin(axis=1)
            way = centres[near] - centres
            turn = np.array([spot.sprite.turn_rad for spot in placed])
            off[name] += np.abs(off_quarter(np.arctan2(way[:, 1], way[:, 0]) - turn)).tolist()
    assert np.median(off["cube"]) < 0.1
    assert np.percentile(off["cube"], 95) < 0.25
    assert np.median(off["quasi_sphere"]) > 0.25


def test_heaps_are_denser_in_the_middle() -> None:
    near, far = 0, 0
    for seed in range(10):
        crowd = Crowd(arrangement="piled", cluster_size=ONE)
        centres, _ = taken(crowd, seed, [10.0] * 80)
        radius = np.hypot(*(centres - centres.mean(axis=0)).T)
        edge = np.percentile(radius, 75)
        near += (radius < edge / 2).sum()
        far += ((radius >= edge / 2) & (radius < edge)).sum()
    assert near / (far / 3) > 2  # the ring has three times the area


def test_heaps_grow_with_their_number_and_overlap_where_they_may() -> None:
    spreads = [np.std(taken(Crowd(arrangement="piled", cluster_size=ONE), 3, [10.0] * n)[0]) for n in (10, 40, 160)]
    assert spreads[0] < spreads[1] < spreads[2]
    placed = laid(Crowd(arrangement="piled", cluster_size=ONE, max_overlap=0.7), 3, most=60)
    assert np.median(apart(centres_of(placed)).min(axis=1)) < 0.8 * 20


@settings(max_examples=15)
@given(size=st.floats(1, 25), seed=seeds, arrangement=st.sampled_from(["clustered", "chains", "stacked", "piled"]))
def test_the_cluster_size_is_the_mean_number(size: float, seed: int, arrangement: Arrangement) -> None:
    crowd = Crowd(arrangement=arrangement, cluster_size=size, disorder_rad=0)
    _, turns = taken(crowd, seed, [10.0] * 4000)
    numbers = list(Counter(turns.tolist()).values())
    assert np.mean(numbers) == pytest.approx(size, rel=0.4 if size > 10 else 0.25)


def lattice(crowd: Crowd, seed: int, size_px: float = 20) -> tuple[np.ndarray, float]:
    """All sites (n, 2) and the turn of the lattice."""
    sites = sites_of(crowd, height=SIDE, width=SIDE, rng=np.random.default_rng(seed))
    turn = sites.turn()
    assert turn is not None
    offered = list(islice(iter(lambda: sites.offer(blank(size_px)), None), 100_000))
    assert sites.offer(blank(size_px)) is None
    return np.array(offered), turn


@settings(max_examples=20)
@given(kind=st.sampled_from([("hexagonal", 6), ("square", 4)]), seed=seeds, size=st.floats(10, 25))
def test_a_lattice_has_its_pitch_its_symmetry_and_its_turn(
    kind: tuple[Arrangement, int], seed: int, size: float
) -> None:
    name, fold = kind
    sites, turn = lattice(Crowd(arrangement=name, disorder_rad=0, gap_px=0), seed, size)
    distance = apart(sites)
    pitch = np.median(distance.min(axis=1))
    assert 0.93 * size < pitch < 1.12 * size  # the nearest of several, of sites that are not quite in place
    inner = ((sites > 1.3 * size) & (sites < SIDE - 1.3 * size)).all(axis=1)
    near = distance < 1.25 * pitch
    assert (near[inner].sum(axis=1) == fold).all()
    a, b = np.nonzero(near)
    way = sites[b] - sites[a]
    period = 2 * np.pi / fold
    off = (np.arctan2(way[:, 1], way[:, 0]) - turn + period / 2) % period - period / 2
    assert np.abs(off.mean()) < 0.02
    assert np.abs(off).max() < 0.25
    area = pitch**2 * (np.sqrt(3) / 2 if fold == 6 else 1)
    assert inner.sum() * area == pytest.approx((SIDE - 2.6 * size) ** 2, rel=0.2)


@settings(max_examples=30)
@given(name=st.sampled_from(["hexagonal", "square"]), filled=st.floats(0, 1), seed=seeds)
def test_a_lattice_covers_its_share_of_the_field(name: Arrangement, filled: float, seed: int) -> None:
    whole, _ = lattice(Crowd(arrangement=name), seed)
    part, _ = lattice(Crowd(arrangement=name, filled=filled), seed)
    assert len(part) == pytest.approx(filled * len(whole), abs=1.01)


@pytest.mark.parametrize("name", ["hexagonal", "square"])
def test_a_lattice_that_is_not_whole_has_patches(name: Arrangement) -> None:
    full = {"hexagonal": 6, "square": 4}[name]
    for seed in range(5):
        sites, _ = lattice(Crowd(arrangement=name, filled=0.5), seed, 10)
        neighbours = (apart(sites) < 1.25 * 11).sum(axis=1) / full
        assert neighbours.mean() > 0.75  # half of the sites at random have half of their neighbours


@pytest.mark.parametrize("name", ["hexagonal", "square"])
def test_the_first_few_of_a_lattice_lie_together(name: Arrangement) -> None:
    full = {"hexagonal": 6, "square": 4}[name]
    for seed in range(5):
        first = lattice(Crowd(arrangement=name), seed, 10)[0][:60]
        assert (apart(first) < 1.25 * 11).sum(axis=1).mean() > 0.5 * full


@pytest.mark.parametrize("name", ["hexagonal", "square"])
def test_spheres_on_a_lattice_have_nearly_all_their_neighbours(name: Arrangement) -> None:
    full = {"hexagonal": 6, "square": 4}[name]
    for seed in range(3):
        crowd = Crowd(arrangement=name, max_overlap=0.1, inside=False)
        centres = centres_of(laid(crowd, seed, name="quasi_sphere", most=10_000))
        inner = ((centres > 30) & (centres < SIDE - 30)).all(axis=1)
        neighbours = (apart(centres) < 1.25 * 22).sum(axis=1)[inner]
        assert inner.sum() > 150
        assert full * 0.85 < neighbours.mean() < full * 1.05


@given(seed=seeds)
def test_scattered_particles_are_offered_the_whole_field_and_any_turn(seed: int) -> None:
    centres, turns = taken(Crowd(), seed, [10.0] * 300)
    assert np.isnan(turns).all()
    assert (centres >= 0).all()
    assert (centres <= SIDE).all()
    assert (np.histogram2d(*centres.T, bins=3, range=[[0, SIDE]] * 2)[0] > 5).all()
