"""The ground that mode `paper` lays its particles on: apart from one another, at places that chance draws.

On an empty field nearly every place is free, so particles are dropped all at once, and those that came too near to an
earlier one are picked up and dropped again. When hardly any finds a place so, `Room` looks for them one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from nanotally.generator.pieces import GAP_PX, GROW, PROBES, Canvas, Offsets, Piece
from nanotally.generator.placement import FULL, Stop
from nanotally.generator.room import Room
from nanotally.opencv import cv2

Draw = Callable[[int, Generator], list[Piece]]
"""Answers that many pieces, drawn at random."""
Indices = NDArray[np.intp]
Places = NDArray[np.intp]
"""Where the upper left corners of windows lie on the flat canvas; `NOWHERE` for a piece that has found no place."""
NOWHERE = -1
AT_ONCE = 512
"""Pieces that are dropped at once."""
COARSER = 5
"""Every so many of the probes are looked up first."""
TRIES = (1, 4, 16, *[64] * 20)
"""Places that a piece may choose from, round by round."""
CROWDED = 0.1
"""Share of the pieces of a round that must find a place, or they are laid one by one."""


class Ground:
    """The canvas as a map of what lies where.

    Attributes:
        pieces: what is to be laid; `places` (n,) says where each lies.
        owner: (height + 2 gap, width + 2 gap) int32, i + 1 the pixels of the i-th of them, 0 what is free.
    """

    def __init__(self, canvas: Canvas) -> None:
        self._canvas = canvas
        self.pieces: list[Piece] = []
        self.places: Places = np.zeros(0, np.intp)
        self.owner = np.zeros((canvas.height + 2 * GAP_PX, canvas.stride), np.int32)
        self._flat = self.owner.reshape(-1)

    def lay(self, most: int, draw: Draw, rng: Generator) -> Stop:
        """Lay up to `most` pieces; the answer is what ended it."""
        self.places = np.full(most, NOWHERE)
        stop: Stop = "maximum reached"
        while (number := min(AT_ONCE, most - len(self.pieces))) > 0:
            first = len(self.pieces)
            self.pieces += draw(number, rng)
            if not self._drop(np.arange(first, first + number), rng):
                stop = self._lay_singly(most, draw, rng)
                break
        self._close_ranks()
        return stop

    def _drop(self, waiting: Indices, rng: Generator) -> bool:
        """Drop pieces until all lie; False when too few find a place by chance."""
        room = np.array([self._canvas.height, self._canvas.width])
        windows = np.array([piece.window for piece in self._of(waiting)])
        small = (windows <= room).all(axis=1)
        left, free = waiting[small], room + 1 - windows[small]
        for tries in TRIES:
            number = len(left)
            self._drop_once(left, self._chance(left, free, tries, rng))
            waits = self.places[left] == NOWHERE
            left, free = left[waits], free[waits]
            if not len(left) or (tries == TRIES[-1] and len(left) > (1 - CROWDED) * number):
                break
        return bool(small.all()) and not len(left)

    def _drop_once(self, waiting: Indices, places: Places) -> None:
        """Each at its place, and up again where it is too near to another one."""
        waiting, places = waiting[places != NOWHERE], places[places != NOWHERE]
        if (self.places != NOWHERE).any():
            near, counts = at([piece.watched for piece in self._of(waiting)], places)
            free = ~_any(self._flat[near] != 0, counts)
            waiting, places = waiting[free], places[free]
        # What is written last stays, so the earliest piece comes last.
        waiting, places = waiting[::-1], places[::-1]
        pieces, numbers = self._of(waiting), (waiting + 1).astype(np.int32)
        covered, counts = at([piece.inner for piece in pieces], places)
        self._flat[covered] = np.repeat(numbers, counts)
        near, counts = at([piece.watched for piece in pieces], places)
        seen = self._flat[near]
        late = _any((seen > 0) & (seen < np.repeat(numbers, counts)), counts)
        self.places[waiting[~late]] = places[~late]
        covered, counts = at([piece.inner for piece in self._of(waiting[late])], places[late])
        seen = self._flat[covered]
        seen[seen == np.repeat(numbers[late], counts)] = 0
        self._flat[covered] = seen

    def _of(self, waiting: Indices) -> list[Piece]:
        return [self.pieces[i] for i in waiting.tolist()]

    def _chance(self, waiting: Indices, free: Indices, tries: int, rng: Generator) -> Places:
        """A place for each, the first of `tries` where none of its probes is taken, of the `free` (n, 2) there are."""
        y, x = (rng.random((2, len(waiting), tries)) * free.T[:, :, None]).astype(np.intp)
        places = (y + GAP_PX) * self._canvas.stride + x + GAP_PX
        if tries == 1:
            return np.asarray(places[:, 0])
        probes = np.array([piece.probes for piece in self._of(waiting)], np.intp).reshape(-1, PROBES)
        taken = self._flat[places[:, :, None] + probes[:, None, ::COARSER]].any(axis=2)
        rows, columns = np.nonzero(~taken)
        taken[rows, columns] = self._flat[places[rows, columns, None] + probes[rows]].any(axis=1)
        chosen = np.arange(len(waiting)), taken.argmin(axis=1)
        return np.where(taken[chosen], NOWHERE, places[chosen])

    def _lay_singly(self, most: int, draw: Draw, rng: Generator) -> Stop:
        """Find room for the pieces that have none, or for others in their stead, and for those still to come."""
        taken = cv2.dilate((self.owner > 0).view(np.uint8), GROW).view(bool)
        room = Room(self._canvas.height, self._canvas.width, GAP_PX, taken)
        for i in np.flatnonzero(self.places == NOWHERE).tolist():
            failed = 0
            while failed < 2 * FULL:
                if failed or i == len(self.pieces):
                    self.pieces[i : i + 1] = draw(1, rng)
                piece = self.pieces[i]
                spot = room.find(piece.mask, rng, everywhere=failed >= FULL)
                if spot is not None:
                    break
                failed += 1
            else:
                return "no space left"
            room.take(piece.mask, *spot)
            self.places[i] = (spot[1] + GAP_PX) * self._canvas.stride + spot[0] + GAP_PX
            self._flat[piece.inner + self.places[i]] = i + 1
        return "maximum reached"

    def _close_ranks(self) -> None:
        """Forget the pieces that found no place."""
        lies = self.places != NOWHERE
        if lies.all():
            return
        number = np.zeros(len(lies) + 1, np.int32)
        number[1:][lies] = np.arange(1, lies.sum() + 1)
        self.owner[:] = number[self.owner]
        self.pieces = [self.pieces[i] for i in np.flatnonzero(lies)]
        self.places = self.places[lies]


def at(offsets: Sequence[Offsets], places: Places) -> tuple[Indices, Indices]:
    """The pixels of several pieces one after another on the flat canvas, and (n,) how many each has."""
    counts = np.fromiter(map(len, offsets), np.intp, len(offsets))
    pixels: Indices = np.repeat(places, counts)
    if len(offsets):
        pixels += np.concatenate(offsets)
    return pixels, counts


def _any(of: NDArray[np.bool_], counts: Indices) -> NDArray[np.bool_]:
    """(n,) whether any of the pixels of each piece is."""
    starts = np.cumsum(counts) - counts
    if not len(counts):
        return np.zeros(0, bool)
    return np.asarray(np.logical_or.reduceat(of, starts))
