"""What is known of the particles of a session: confirmed, forgotten, counted, merged, found by place."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nanotally.daemon.tracking.identities import Identities, Sightings


def sightings(place: np.ndarray, class_id: int = 0, size_nm: float = np.nan) -> Sightings:
    n = len(place)
    return Sightings(
        np.asarray(place, float),
        np.full((n, 2), 20.0),
        np.full(n, class_id, np.uint16),
        np.full(n, size_nm, np.float32),
    )


def places(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-5000, 5000, (n, 2))


def confirmed(n: int, class_id: int = 0, field: int = 0) -> tuple[Identities, np.ndarray]:
    known = Identities(2, 512)
    seen = sightings(places(n), class_id)
    rows = known.add(seen, field)
    for _ in range(2):
        known.see(rows, seen)
    return known, rows


def test_the_third_sighting_confirms() -> None:
    known, seen = Identities(2, 512), sightings(places(3))
    rows = known.add(seen, 0)
    known.see(rows, seen)
    assert known.unique.tolist() == [0, 0]
    assert len(known.confirmed) == 0
    known.see(rows[:2], seen[:2])
    assert known.unique.tolist() == [2, 0]
    assert known.table["number"][rows].tolist() == [0, 1, -1]


def test_a_candidate_that_is_missed_three_times_is_forgotten_and_its_row_used_again() -> None:
    known, seen = Identities(2, 512), sightings(places(1))
    rows = known.add(seen, 0)
    for _ in range(3):
        assert len(known.within(seen.place[0] - 1, seen.place[0] + 1)) == 1
        known.miss(rows)
    assert len(known.within(seen.place[0] - 1, seen.place[0] + 1)) == 0
    assert known.add(seen, 0).tolist() == rows.tolist()


def test_a_particle_is_never_forgotten() -> None:
    known, rows = confirmed(5)
    for _ in range(100):
        known.miss(rows)
    assert known.unique.tolist() == [5, 0]


def test_the_class_follows_the_votes_and_the_count_follows_the_class() -> None:
    known, rows = confirmed(4, class_id=0)
    other = sightings(known.table["place"][rows[:1]], class_id=1)
    for _ in range(3):
        known.see(rows[:1], other)
    assert known.unique.tolist() == [4, 0]
    known.see(rows[:1], other)
    assert known.unique.tolist() == [3, 1]


def test_a_size_that_was_not_measured_takes_no_place() -> None:
    known, rows = confirmed(1)
    for size_nm in (40.0, np.nan, 60.0):
        known.see(rows, sightings(known.table["place"][rows], size_nm=size_nm))
    assert np.nanmedian(known.table["sizes"][rows[0]]) == 50.0


def test_merged_particles_are_one_with_the_older_number() -> None:
    known, rows = confirmed(6)
    known.merge(rows[3:], rows[:3])
    assert known.unique.tolist() == [3, 0]
    assert known.table["number"][rows[3:]].tolist() == [0, 1, 2]
    assert known.table["sightings"][rows[3:]].tolist() == [6, 6, 6]


@given(n=st.integers(0, 700), seed=st.integers(0, 100), side=st.floats(1, 9000))
def test_everything_inside_is_found_by_place(n: int, seed: int, side: float) -> None:
    known, place = Identities(2, 512), places(n, seed)
    rows = known.add(sightings(place), 0)
    low = np.array([-1000.0, -3000.0])
    inside = ((place >= low) & (place <= low + side)).all(axis=1)
    found = known.within(low, low + side)
    assert set(rows[inside].tolist()) <= set(found.tolist())
    assert len(set(found.tolist())) == len(found)


def test_moved_particles_are_found_where_they_are_now() -> None:
    known, rows = confirmed(50)
    known.move(rows, np.array([1e6, 0.0]), field=3)
    assert len(known.within(np.full(2, -6e3), np.full(2, 6e3))) == 0
    assert len(known.within(np.array([9.9e5, -6e3]), np.array([1.01e6, 6e3]))) == 50
    assert known.in_field(3).tolist() == rows.tolist()
