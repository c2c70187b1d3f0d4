"""The particles of a session on a map, each once: arrays that grow, and a coarse grid to find them by."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nanotally.wire.records import UNCONFIRMED

SIGHTINGS = 3
"""So often a particle must be seen to be one ..."""
CHANCES = 5
"""... among so many frames in which it could be; else it is forgotten."""
MEMORY = 32
"""Place and box are means over about so many sightings, so they follow a picture that is slowly distorted."""
SIZES = 8
"""Measured sizes kept of each particle; the median of them is its size."""

NOWHERE = -1
"""Field of a row that nobody has."""

Rows = NDArray[np.int64]
Places = NDArray[np.float64]


def _row_type(classes: int) -> np.dtype[np.void]:
    columns = [
        ("place", "f8", (2,)), ("box", "f8", (2,)), ("number", "i8"), ("sector", "i4", (2,)), ("field", "i4"),
        ("sightings", "i4"), ("chances", "i4"), ("votes", "i4", (classes,)), ("sizes", "f4", (SIZES,)),
    ]  # fmt: skip
    return np.dtype(columns)


@dataclass(frozen=True)
class Sightings:
    """Particles as one frame shows them.

    Attributes:
        place: (n, 2) float64, centre of each box, units of the map.
        box: (n, 2) float64, width and height, units of the map.
        class_id: (n,) uint16.
        size_nm: (n,) float32, NaN where it was not measured.
    """

    place: Places
    box: Places
    class_id: NDArray[np.uint16]
    size_nm: NDArray[np.float32]

    def __getitem__(self, rows: Rows | NDArray[np.bool_]) -> Sightings:
        return Sightings(self.place[rows], self.box[rows], self.class_id[rows], self.size_nm[rows])

    def __len__(self) -> int:
        return len(self.place)

    @property
    def size(self) -> Places:
        """(n,) float64, side of the square as large as the box, units of the map."""
        return np.asarray(np.sqrt(self.box[:, 0] * self.box[:, 1]), np.float64)


class Identities:
    """A map of particles. A row is a particle, or a candidate that has not been seen often enough.

    Attributes:
        table: (capacity,) records: `place` (x, y) and `box` (width, height) in units of the map; `number`, the identity
            or -1; `field`, particles of the same field have known places against each other; `sightings` of the whole
            particle, `chances` to see it; `votes` for each class; `sizes`, nm, NaN where not measured.
        unique: (classes,) int64, particles a class.
    """

    def __init__(self, classes: int, sector: float) -> None:
        """Make an empty map.

        Args:
            classes: how many there are.
            sector: side of a cell of the grid that particles are found by, units of the map.
        """
        self.table = np.zeros(256, _row_type(classes))
        self.unique = np.zeros(classes, np.int64)
        self._sector = sector
        self._in_sector: dict[tuple[int, int], array[int]] = {}
        self._free: list[int] = []
        self._used = 0
        self._next_number = 0

    @property
    def confirmed(self) -> Rows:
        """Rows of all particles that have an identity."""
        return np.flatnonzero(self.table["number"][: self._used] != UNCONFIRMED)

    def in_field(self, field: int) -> Rows:
        """Rows of all particles and candidates of a field."""
        return np.flatnonzero(self.table["field"][: self._used] == field)

    def within(self, low: Places, high: Places) -> Rows:
        """Rows of all particles and candidates whose place lies between two corners, and of some just outside."""
        # A place may have moved a little since the particle was put into its sector.
        first = np.floor(low / self._sector - 0.25).astype(int)
        last = np.floor(high / self._sector + 0.25).astype(int)
        keys: Iterable[tuple[int, int]]
        if np.prod(last - first + 1.0) > len(self._in_sector):
            keys = [key for key in self._in_sector if (first <= key).all() and (key <= last).all()]
        else:
            keys = ((x, y) for y in range(first[1], last[1] + 1) for x in range(first[0], last[0] + 1))
        found = [np.frombuffer(rows, np.int64) for key in keys if (rows := self._in_sector.get(key))]
        return np.concatenate(found) if found else np.zeros(0, np.int64)

    def add(self, sightings: Sightings, field: int) -> Rows:
        """Rows (n,) of new candidates, each seen once."""
        rows = np.array([self._new_row() for _ in range(len(sightings))], np.int64)
        new = np.zeros(len(rows), self.table.dtype)
        new["place"], new["field"], new["number"], new["sizes"] = sightings.place, field, UNCONFIRMED, np.nan
        new["sector"] = np.floor(sightings.place / self._sector)
        self.table[rows] = new
        self._enter(rows)
        self.see(rows, sightings)
        return rows

    def see(self, rows: Rows, sightings: Sightings) -> None:
        """Take down that the particles in `rows` (n,), each once, were seen whole."""
        self._tally(rows, -1)
        seen = self.table[rows]
        seen["sightings"] += 1
        seen["chances"] += 1
        share = 1 / np.minimum(seen["sightings"], MEMORY)[:, None]
        seen["place"] += (sightings.place - seen["place"]) * share
        seen["box"] += (sightings.box - seen["box"]) * share
        each = np.arange(len(rows))
        seen["votes"][each, sightings.class_id] += 1
        measured = np.flatnonzero(~np.isnan(sightings.size_nm))
        seen["sizes"][measured, seen["sightings"][measured] % SIZES] = sightings.size_nm[measured]
        named = np.flatnonzero((seen["number"] == UNCONFIRMED) & (seen["sightings"] >= SIGHTINGS))
        seen["number"][named] = self._next_number + np.arange(len(named))
        self._next_number += len(named)
        self.table[rows] = seen
        self._tally(rows, 1)

    def miss(self, rows: Rows) -> None:
        """Take down that the particles in `rows` should have been seen; candidates that use up their chances go."""
        self.table["chances"][rows] += 1
        seen = self.table[rows]
        candidate = seen["number"] == UNCONFIRMED
        # Enough chances must be left to reach the sightings that are still wanted.
        hopeless = CHANCES - seen["chances"] < SIGHTINGS - seen["sightings"]
        self.forget(rows[candidate & hopeless])

    def forget(self, rows: Rows) -> None:
        """Free rows: candidates that came to nothing, and particles that are another one's duplicate."""
        self._tally(rows, -1)
        self._withdraw(rows)
        self.table["number"][rows] = UNCONFIRMED
        self.table["field"][rows] = NOWHERE
        self._free += rows.tolist()

    def merge(self, kept: Rows, gone: Rows) -> None:
        """Let the particles in `kept` (n,) take over what is known of those in `gone` (n,), which are the same."""
        self._tally(kept, -1)
        old, new = self.table[kept], self.table[gone]
        old["number"] = np.minimum(old["number"], new["number"])
        for name in ("sightings", "chances", "votes"):
            old[name] += new[name]
        old["sizes"] = np.where(np.isnan(old["sizes"]), new["sizes"], old["sizes"])
        self.table[kept] = old
        self._tally(kept, 1)
        self.forget(gone)

    def move(self, rows: Rows, way: Places, field: int) -> None:
        """Shift particles by `way` (2,) into another field."""
        self.table["place"][rows] += way
        self.table["field"][rows] = field
        self._withdraw(rows)
        self.table["sector"][rows] = np.floor(self.table["place"][rows] / self._sector)
        self._enter(rows)

    def class_of(self, rows: Rows) -> NDArray[np.int64]:
        """Class (n,) that most sightings voted for."""
        return np.asarray(self.table["votes"][rows].argmax(axis=1), np.int64)

    def size_of(self, rows: Rows) -> NDArray[np.float64]:
        """Size (n,) as of `Sightings`."""
        box = self.table["box"][rows]
        return np.asarray(np.sqrt(box[:, 0] * box[:, 1]), np.float64)

    def _tally(self, rows: Rows, sign: int) -> None:
        """Count the particles among `rows` out (-1) before they change, and in (1) afterwards."""
        particles = rows[self.table["number"][rows] != UNCONFIRMED]
        self.unique += sign * np.bincount(self.class_of(particles), minlength=len(self.unique))

    def _new_row(self) -> int:
        if self._free:
            return self._free.pop()
        if self._used == len(self.table):
            self.table = np.concatenate([self.table, np.zeros_like(self.table)])
        self._used += 1
        return self._used - 1

    def _enter(self, rows: Rows) -> None:
        for row, (x, y) in zip(rows.tolist(), self.table["sector"][rows].tolist(), strict=True):
            self._in_sector.setdefault((x, y), array("q")).append(row)

    def _withdraw(self, rows: Rows) -> None:
        for row, (x, y) in zip(rows.tolist(), self.table["sector"][rows].tolist(), strict=True):
            self._in_sector[x, y].remove(row)
