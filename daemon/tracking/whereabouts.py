"""Where a frame lies on the map of particles: tried at a guess, or looked for everywhere."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nanotally.daemon.tracking.identities import Identities, Rows, Sightings
from nanotally.daemon.tracking.pairing import NOBODY, Agreement, Places, agree

REACH_PX = 24.0
"""How far from a guess particles may lie, pixels."""
VOTERS = 128
"""Particles of a frame that say where it lies; more would say the same."""
SEEDS = 64
"""Particles that are compared with the whole map."""
ALIKE = 0.15
"""Largest difference of ln(size) of a seed and a particle on the map."""
BIN_PX = 8.0
TRIES = 16
"""Best filled bins that are looked into."""
CLEAR = 0.9
"""Two places explain a frame equally well if the worse one reaches this share of the better one's score."""
LEAST, LEAST_SHARE = 6, 0.5
"""Particles, and share of those in sight, that must agree where a frame is found again."""
SHARE = 0.4
"""Share of the particles in sight that must agree with a guess."""


@dataclass(frozen=True)
class View:
    """What the camera sees, laid on the map: a rectangle with `origin`, the map's coordinates of pixel 0, 0.

    Attributes:
        origin: (2,) float64, x and y, units of the map.
        unit: (2,) float64, units of the map a pixel.
        field: x1 y1 x2 y2 of what is examined, pixels.
    """

    origin: Places
    unit: Places
    field: NDArray[np.int64]

    @property
    def low(self) -> Places:
        """(2,) upper left corner on the map."""
        return np.asarray(self.origin + self.unit * self.field[:2], np.float64)

    @property
    def high(self) -> Places:
        """(2,) lower right corner on the map."""
        return np.asarray(self.origin + self.unit * self.field[2:], np.float64)

    @property
    def middle(self) -> Places:
        """(2,) centre of the view on the map."""
        return np.asarray((self.low + self.high) / 2, np.float64)

    def at(self, origin: Places) -> View:
        """The same camera elsewhere."""
        return View(origin, self.unit, self.field)


@dataclass(frozen=True)
class Found:
    """A place that was tried.

    Attributes:
        view: where the frame would lie.
        agreement: of its particles with those on the map.
        overlap: how many particles could agree: the fewer of those in the frame and those on the map there.
    """

    view: View
    agreement: Agreement
    overlap: int

    @property
    def holds(self) -> bool:
        """Whether enough particles agree to believe a guess."""
        return self.agreement.significant and self.agreement.support >= SHARE * self.overlap

    @property
    def proves(self) -> bool:
        """Whether enough particles agree to believe it without any guess."""
        return self.holds and self.agreement.support >= max(LEAST, LEAST_SHARE * self.overlap)


def look(known: Identities, seen: Sightings, guess: View, *, among: NDArray[np.bool_] | None = None) -> Found:
    """Lay a frame near `guess` so that most of its particles agree with the map.

    Args:
        known: the map.
        seen: whole particles of the frame, places from the frame's pixel 0, 0 on.
        guess: where it may lie, give or take `REACH_PX`.
        among: (capacity,) bool, which particles of the map to compare with; None: all there.
    """
    there = known.within(guess.low, guess.high)
    if among is not None:
        there = there[among[there]]
    place, box = known.table["place"][there], known.table["box"][there]
    low, high = place - box / 2 - guess.low, guess.high - place - box / 2
    whole = np.minimum(np.minimum(low[:, 0], low[:, 1]), np.minimum(high[:, 0], high[:, 1])) >= 0
    overlap = min(int(np.count_nonzero(whole)), len(seen))
    if not overlap:
        return Found(guess, NOBODY, 0)
    step = -(-len(seen) // VOTERS)
    voters = seen[np.arange(0, len(seen), step)]
    reach = REACH_PX * float(guess.unit.mean())
    size = np.sqrt(box[:, 0] * box[:, 1])
    agreement = agree(voters.place + guess.origin, voters.size, place, size, reach=reach)
    return Found(guess.at(guess.origin + agreement.way), agreement, -(-overlap // step))


def find(known: Identities, seen: Sightings, view: View, *, rows: Rows) -> View | None:
    """Look for a frame among all particles in `rows`; None if it is not there, or could be at several places.

    Every pair of a particle in the frame with one of its size on the map votes for where the frame would lie; what is
    true has as many votes as there are particles, chance has one or two.
    """
    if min(len(seen), len(rows)) < LEAST:
        return None
    among = np.zeros(len(known.table), bool)
    among[rows] = True
    tried = [look(known, seen, view.at(origin), among=among) for origin in _candidates(known, seen, view, rows)]
    proved = sorted((found for found in tried if found.proves), key=lambda found: -found.agreement.score)
    if not proved:
        return None
    best, reach = proved[0], REACH_PX * view.unit
    rivals = (found for found in proved[1:] if (np.abs(found.view.origin - best.view.origin) > reach / 2).any())
    if any(rival.agreement.score >= CLEAR * best.agreement.score for rival in rivals):
        return None
    return best.view


def _candidates(known: Identities, seen: Sightings, view: View, rows: Rows) -> list[Places]:
    """Origins (2,) of the frame that most pairs vote for, best first."""
    log_size = np.log(known.size_of(rows))
    order = np.argsort(log_size)
    place, log_size = known.table["place"][rows[order]], log_size[order]
    seeds = seen[np.linspace(0, len(seen) - 1, min(SEEDS, len(seen))).astype(np.int64)]
    start, end = (np.searchsorted(log_size, np.log(seeds.size) + off) for off in (-ALIKE, ALIKE))
    count = end - start
    seed = np.repeat(np.arange(len(seeds)), count)
    alike = np.arange(len(seed)) - np.repeat(np.cumsum(count) - count - start, count)
    bins = np.floor((place[alike] - seeds.place[seed]) / (BIN_PX * view.unit)).astype(np.int64)
    # A table of all bins would be as large as the map is wide; here bins share places by chance.
    places = 1 << (2 * len(bins) + TRIES).bit_length()
    key = (bins[:, 0] * 73_856_093 ^ bins[:, 1] * 19_349_663) & (places - 1)
    tally = np.bincount(key, minlength=places)
    as_full = np.cumsum(np.bincount(tally)[::-1])[::-1]  # how many places have so many votes or more
    least = np.flatnonzero(as_full >= TRIES)[-1]
    candidates = bins[tally[key] >= max(least, 2)]
    _, first, votes = np.unique(candidates @ [1 << 32, 1], return_index=True, return_counts=True)
    best = candidates[first[np.argsort(-votes, kind="stable")[:TRIES]]]
    return list((best + 0.5) * BIN_PX * view.unit)
