"""A frame is found again anywhere on the map, and not where it could be at several places."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nanotally.daemon.tracking.identities import Identities, Rows, Sightings
from nanotally.daemon.tracking.whereabouts import View, find

FIELD = np.array([0, 0, 640, 480])
HERE = View(np.zeros(2), np.ones(2), FIELD)


def known_particles(place: np.ndarray, size: np.ndarray) -> tuple[Identities, Rows]:
    known = Identities(2, 512)
    return known, known.add(sightings(place, size), 0)


def sightings(place: np.ndarray, size: np.ndarray) -> Sightings:
    n = len(place)
    return Sightings(place, np.stack([size, size], 1), np.zeros(n, np.uint16), np.full(n, np.nan, np.float32))


def in_view(place: np.ndarray, origin: np.ndarray) -> np.ndarray:
    return ((place > origin + 20) & (place < origin + FIELD[2:] - 20)).all(axis=1)


@settings(max_examples=20)
@given(seed=st.integers(0, 1000))
def test_found_anywhere(seed: int) -> None:
    rng = np.random.default_rng(seed)
    place, size = rng.uniform(0, 6000, (3000, 2)), 20 * np.exp(rng.normal(0, 0.2, 3000))
    known, rows = known_particles(place, size)
    origin = rng.uniform(0, 5000, 2)
    seen = in_view(place, origin) & (rng.random(3000) > 0.1)
    n = int(seen.sum())
    noisy = sightings(place[seen] - origin + rng.normal(0, 1, (n, 2)), size[seen] * np.exp(rng.normal(0, 0.05, n)))
    view = find(known, noisy, HERE, rows=rows)
    assert view is not None
    assert view.origin == pytest.approx(origin, abs=1.5)


@settings(max_examples=20)
@given(seed=st.integers(0, 1000))
def test_strange_ground_is_not_found(seed: int) -> None:
    rng = np.random.default_rng(seed)
    known, rows = known_particles(rng.uniform(0, 6000, (3000, 2)), np.full(3000, 20.0))
    strange = sightings(rng.uniform(20, [620, 460], (40, 2)), np.full(40, 20.0))
    assert find(known, strange, HERE, rows=rows) is None


def test_a_lattice_could_be_anywhere() -> None:
    place = np.stack(np.meshgrid(np.arange(80) * 40.0, np.arange(80) * 40.0), -1).reshape(-1, 2)
    size = np.full(len(place), 20.0)
    known, rows = known_particles(place, size)
    seen = in_view(place, np.array([1000.0, 1000.0]))
    assert find(known, sightings(place[seen] - 1000, size[seen]), HERE, rows=rows) is None


def test_too_few_particles_prove_nothing() -> None:
    place, size = np.random.default_rng(0).uniform(0, 600, (5, 2)), np.full(5, 20.0)
    known, rows = known_particles(place, size)
    assert find(known, sightings(place, size), HERE, rows=rows) is None
