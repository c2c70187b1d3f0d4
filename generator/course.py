"""The course of a simulation: where the stage is, how the microscope is set and what goes wrong in each frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nanotally.frame import FrameState
from nanotally.generator.simulation import Simulation

Vector = NDArray[np.float64]
LINES_APART = 0.8
"""Most that the lines of a raster lie apart, in heights of the field of view, so that nothing is passed over."""


@dataclass(frozen=True, kw_only=True)
class Moment:
    """What one frame shows, and how.

    Attributes:
        number: of the frame.
        shown: number of the frame whose picture it is: its own, or an older one where the picture is frozen.
        state: `live`; `frozen`, the picture of an older frame; `blank`, no beam when that picture was made.
        x_nm: place of the field's centre on the specimen, nanometres from its left edge.
        y_nm: the same from its upper edge.
        nm_per_px: pixel size: the magnification.
        defocus_px: radius of the disc that the beam is, pixels of the frame.
        charging: signal that a flash of charging adds, as a share of what is there.
    """

    number: int
    shown: int
    state: FrameState
    x_nm: float
    y_nm: float
    nm_per_px: float
    defocus_px: float
    charging: float


class Course:
    """What happens, by number of the frame."""

    def __init__(self, simulation: Simulation) -> None:
        self._sim = sim = simulation
        height, width = sim.specimen_size
        self._room = np.array([width - sim.width, height - sim.height], float)
        rng = np.random.default_rng((sim.seed, 0, 1))
        self._phase = rng.uniform(0, 2 * np.pi, 2)
        direction = rng.uniform(0, 2 * np.pi)
        self._drift = sim.drift_px * np.array([np.cos(direction), np.sin(direction)])

    def at(self, number: int) -> Moment:
        """What frame `number` shows."""
        sim = self._sim
        into = _last(number, sim.freeze_every, sim.freeze_frames)
        shown = number - into
        blank = _last(shown, sim.blank_every, sim.blank_frames) > 0
        flash = _last(shown, sim.charging_every, 1) > 0
        x_nm, y_nm = (self._corner(shown) + np.array([sim.width, sim.height]) / 2) * sim.nm_per_px
        rise = _rise(shown, sim.zoom_frames)
        if sim.zoom_steps:
            rise = round(rise * sim.zoom_steps) / sim.zoom_steps
        return Moment(
            number=number,
            shown=shown,
            state="blank" if blank else "frozen" if into else "live",
            x_nm=float(x_nm),
            y_nm=float(y_nm),
            nm_per_px=sim.nm_per_px / sim.zoom**rise,
            defocus_px=sim.defocus_px * _rise(shown, sim.defocus_frames),
            charging=sim.charging if flash else 0.0,
        )

    def _corner(self, number: int) -> Vector:
        """x, y of the field's upper left corner on the specimen at magnification 1, pixels."""
        sim, room = self._sim, self._room
        if sim.pan == "raster":
            way = self._raster(number * sim.speed_px)
        else:
            path = 2 * number * sim.speed_px / np.maximum(room, 1) * [1.0, 0.7]
            way = room * (0.5 + 0.5 * np.sin(path + self._phase))
        return _folded(way + number * self._drift, room)

    def _raster(self, way_px: float) -> Vector:
        """The place after `way_px` along the lines, every other one backwards; after the last one all the way back."""
        width, height = self._room
        steps = int(np.ceil(height / (LINES_APART * self._sim.height)))
        pitch = height / max(steps, 1)
        way_px = float(_folded(np.array(way_px), np.array((steps + 1) * width + height)))
        line, rest = divmod(way_px, max(width + pitch, 1))
        along = min(rest, width)
        return np.array([width - along if line % 2 else along, line * pitch + rest - along])


def _last(number: int, every: int, count: int) -> int:
    """Which of the last `count` of every `every` frames this is, from 1; 0: it is none of them."""
    return max(number % every - (every - count) + 1, 0) if every else 0


def _rise(number: int, period: int) -> float:
    """From 0 to 1 and back within `period` frames, evenly."""
    return 1 - abs(1 - 2 * (number % period) / period)


def _folded(way: Vector, room: Vector) -> Vector:
    """A way without end turned back at 0 and at `room`."""
    room = np.asarray(room, float)
    turned = np.mod(way, np.maximum(2 * room, 1e-9))
    return np.clip(room - np.abs(turned - room), 0, room)
