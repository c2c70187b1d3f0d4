"""What a frame of a feed is worth: live, partial, frozen or blank. A lost signal is never an empty field."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import median

import numpy as np
from numpy.typing import NDArray

from nanotally.frame import FrameState
from nanotally.opencv import cv2

WHOLE = 0.98
"""Share of the rows that a new picture changes; a slow scan changes the few that it has drawn since the last frame."""
SKIPPED = 0.05
"""Share of the height that a scan may advance without a visible change: saturated rows look alike."""
CELL_PX = 8
"""Side of the cells whose means show whether there is structure."""
STRUCTURE = 2.0
"""Structure is what spreads the means of cells by more than this, times what noise alone does, or by `LEAST_GREY`."""
LEAST_GREY = 0.8
QUIET = 0.5
"""Share of the usual noise below which no beam falls on the specimen: shot noise goes with the signal."""
EXTREME = (12, 243)
"""Mean grey levels below and above which a picture without structure shows no specimen."""
REMEMBERED = 25
"""Frames whose noise is the usual one."""


@dataclass(frozen=True)
class Sweep:
    """How far a slow scan has come.

    Attributes:
        drawn: rows from the top that this sweep has drawn without a break; 0 until a sweep begins at the top.
        done: True if the frame holds the last row of a sweep that began at the top.
    """

    drawn: int
    done: bool


class SignalWatch:
    """Compares each frame of one feed with the one before it. Stills are pictures of their own and not watched."""

    def __init__(self) -> None:
        self._before: NDArray[np.uint8] | None = None
        self._drawn = 0
        self._usual: list[float] = []

    def judge(self, field: NDArray[np.uint8]) -> FrameState:
        """State of the frame whose specimen, without databar, is `field` (h, w) uint8.

        `blank`: nothing but noise, and of that less than usual, or nearly black or white. `frozen`: nothing
        changed. `partial`: only some rows changed, so a slow scan is being drawn; the frame in which it reaches the
        last row is live, once. Rows of one grey level tell nothing.
        """
        before, self._before = self._before, field.copy()
        if self._is_blank(field):
            self._drawn = 0
            return "blank"
        if before is None or before.shape != field.shape:
            self._drawn = 0
            return "live"
        changed = changed_rows(before, field)
        speaks = changed | spread_rows(field)
        if not changed.any():
            return "frozen"
        if changed.sum() >= WHOLE * speaks.sum():
            self._drawn = 0
            return "live"
        sweep = follow(changed, self._drawn)
        self._drawn = sweep.drawn
        return "live" if sweep.done else "partial"

    def _is_blank(self, field: NDArray[np.uint8]) -> bool:
        noise = noise_of(field)
        if has_structure(field, noise):
            self._usual = [*self._usual[1 - REMEMBERED :], noise]
            return False
        low, high = EXTREME
        quiet = noise < (QUIET * median(self._usual) if self._usual else LEAST_GREY)
        return quiet or not low <= cv2.mean(field)[0] <= high


def changed_rows(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """(h,) bool, rows in which any pixel differs."""
    worst = cv2.reduce(cv2.absdiff(before, after), 1, cv2.REDUCE_MAX)
    return np.asarray(worst[:, 0] > 0)


def spread_rows(field: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """(h,) bool, rows of more than one grey level."""
    low, high = (cv2.reduce(field, 1, how)[:, 0] for how in (cv2.REDUCE_MIN, cv2.REDUCE_MAX))
    return np.asarray(high > low)


def follow(changed: NDArray[np.bool_], drawn: int) -> Sweep:
    """Where a sweep is that had drawn `drawn` rows before the rows `changed` (h,) came; at least one did.

    The beam draws from top to bottom; where it is back at the top within a frame, the last rows end one sweep and
    the first begin the next.
    """
    height, rows = len(changed), np.flatnonzero(changed)
    reach = drawn + math.ceil(SKIPPED * height)
    gaps = np.diff(rows)
    if len(gaps) and rows[0] < drawn and gaps.max() > SKIPPED * height:  # back at the top
        split = int(gaps.argmax())
        ends = rows[split + 1] <= reach and rows[-1] >= height - 1 - SKIPPED * height
        return Sweep(int(rows[split]) + 1, bool(drawn and ends))
    if rows[0] > reach or (not drawn and rows[0] > SKIPPED * height):
        return Sweep(0, done=False)  # began elsewhere: what is above is of another sweep
    last = int(rows[-1]) + 1
    return Sweep(0, done=True) if last >= height else Sweep(last, done=False)


def noise_of(field: NDArray[np.uint8]) -> float:
    """Standard deviation of the noise from neighbours in a row, in grey levels: robust against edges.

    The median of |difference| of two equal Gaussians is 0.954 standard deviations. Differences are whole numbers, each
    of which stands for those that were rounded to it, so the median is interpolated within its number.
    """
    step = np.abs(np.diff(field[:: max(1, len(field) // 64)].astype(np.int16), axis=1))
    if not step.size:
        return 0.0
    counts = np.bincount(step.ravel())
    below = np.concatenate([[0], np.cumsum(counts)])
    number = int(np.searchsorted(below[1:], step.size / 2))
    share = (step.size / 2 - below[number]) / counts[number]
    middle = share / 2 if number == 0 else number - 0.5 + share
    return float(middle / 0.954)


def has_structure(field: NDArray[np.uint8], noise: float) -> bool:
    """Whether means over cells of `CELL_PX` pixels spread by more than noise of that strength does."""
    down, across = (max(1, side // CELL_PX) for side in field.shape)
    whole = field[: down * CELL_PX, : across * CELL_PX]  # cells of whole pixels are averaged four times as fast
    spread = float(cv2.resize(whole, (across, down), interpolation=cv2.INTER_AREA).std())
    return spread > max(LEAST_GREY, STRUCTURE * noise / CELL_PX)
