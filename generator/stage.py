"""A simulated microscope: a stage that moves over a specimen, as a source of frames with known truth.

Everything follows from the seed and the number of a frame, so whoever has the same URI knows the truth of every frame
without any message about it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl

import numpy as np
from numpy.typing import NDArray

from nanotally.detections import Detections
from nanotally.errors import EndOfFeed, SourceError
from nanotally.frame import Frame
from nanotally.generator.micrograph import Specimen, draw_shape
from nanotally.generator.optics import Optics, record
from nanotally.generator.placement import Crowd, place
from nanotally.generator.scene import Substrate, paint_particles, paint_substrate, truth_of
from nanotally.generator.shapes import Material

MARGIN = 1.6
"""Side of the simulated specimen, in fields of view."""


@dataclass(frozen=True, kw_only=True)
class Simulation:
    """What is simulated: the options of a `sim:` URI, as in `sim:?width=1280&fps=5`.

    Attributes:
        width: of the field of view, pixels.
        height: of the field of view, pixels.
        particles: the most particles on the whole specimen.
        size_px: geometric mean of the particles' sizes, pixels.
        fps: frames a second; 0: as fast as they are asked for, none is dropped.
        frames: how many; 0: without end.
        speed_px: the furthest that the stage moves along x from one frame to the next, pixels.
        nm_per_px: pixel size that the frames carry.
        electrons: detected electrons a pixel at signal 1: less is noisier.
        seed: of everything.
    """

    width: int = 640
    height: int = 480
    particles: int = 120
    size_px: float = 34.0
    fps: float = 5.0
    frames: int = 0
    speed_px: float = 4.0
    nm_per_px: float = 3.0
    electrons: float = 60.0
    seed: int = 1


def parse_sim(uri: str) -> Simulation:
    """The options in a `sim:` URI.

    Raises:
        SourceError: if an option is not known, not a number or out of range.
    """
    known = {name: type(default) for name, default in vars(Simulation()).items()}
    options: dict[str, float] = {}
    for name, text in parse_qsl(uri.partition(":")[2].lstrip("?"), keep_blank_values=True):
        if name not in known:
            raise SourceError(f"{uri}: option {name!r} is not known; there are {', '.join(known)}")
        try:
            options[name] = known[name](text)
        except ValueError as error:
            raise SourceError(f"{uri}: {name}={text}: expected a number") from error
        if not 0 <= options[name] <= 1e6:
            raise SourceError(f"{uri}: {name}={text}: out of range")
    simulation = Simulation(**options)  # type: ignore[arg-type]
    if min(simulation.width, simulation.height) < 64 or max(simulation.width, simulation.height) > 4096:
        raise SourceError(f"{uri}: width and height must lie between 64 and 4096")
    if simulation.nm_per_px == 0 or simulation.electrons < 1 or not 4 <= simulation.size_px <= 600:
        raise SourceError(f"{uri}: nm_per_px must be above 0, electrons 1 or more, size_px 4 to 600")
    return simulation


class Stage:
    """The specimen under the beam: frames and their truth by number."""

    def __init__(self, simulation: Simulation) -> None:
        self.simulation = sim = simulation
        rng = np.random.default_rng(sim.seed)
        self._height, self._width = round(sim.height * MARGIN), round(sim.width * MARGIN)
        specimen = Specimen(
            size_px=sim.size_px,
            crowd=Crowd(gap_px=2),
            material=Material(level=0.45),
            substrate=Substrate(level=0.14, gradient=0.3, grain=0.06, blotches=0.08),
            shadow=0.2,
        )
        self._placed, _ = place(
            height=self._height, width=self._width, most=sim.particles, draw=lambda: draw_shape(specimen, rng),
            crowd=specimen.crowd, rng=rng,
        )  # fmt: skip
        self._signal = paint_substrate(self._height, self._width, specimen.substrate, rng)
        paint_particles(self._signal, self._placed, shadow=specimen.shadow)
        self._phase = rng.uniform(0, 2 * np.pi, 2)

    def position(self, number: int) -> tuple[int, int]:
        """x, y in specimen pixels of the upper left corner of the field in frame `number`: a slow Lissajous figure."""
        room = np.array([self._width - self.simulation.width, self._height - self.simulation.height])
        path = 2 * number * self.simulation.speed_px / room * np.array([1.0, 0.7])
        x, y = np.round(room * (0.5 + 0.5 * np.sin(path + self._phase))).astype(int)
        return int(x), int(y)

    def image(self, number: int) -> NDArray[np.uint8]:
        """Frame `number`, (height, width) uint8, with its own noise."""
        sim, (x, y) = self.simulation, self.position(number)
        optics = Optics(electrons=sim.electrons, beam_px=0.8, vibration_px=0.2, streaks=0.01)
        part = self._signal[y : y + sim.height, x : x + sim.width]
        return record(part, optics, np.random.default_rng((sim.seed, number)))

    def truth(self, number: int) -> tuple[Detections, NDArray[np.float32]]:
        """Particles of frame `number`, boxes tight in frame pixels, and the share of each that is in the frame."""
        x, y = self.position(number)
        moved = [replace(spot, x=spot.x - x, y=spot.y - y) for spot in self._placed]
        hidden = np.zeros((self.simulation.height, self.simulation.width), bool)
        truth = truth_of(moved, hidden, least_visible=0)
        return truth.detections, truth.visible


class SimSource:
    """The feed of a simulated stage."""

    damaged = 0

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self._simulation = parse_sim(uri)
        self.live = self._simulation.fps > 0
        self._stage = Stage(self._simulation)
        self._number = 0
        self._due = time.monotonic()

    def read(self, timeout_s: float) -> Frame | None:
        """The next frame when it is due, or None if it is not due within `timeout_s`."""
        sim = self._simulation
        if sim.frames and self._number >= sim.frames:
            raise EndOfFeed(f"{self.uri}: all {sim.frames} frames were shown")
        if sim.fps:
            wait = self._due - time.monotonic()
            time.sleep(min(max(wait, 0), timeout_s))
            if wait > timeout_s:
                return None
            self._due = max(self._due + 1 / sim.fps, time.monotonic() - 1)
        number, self._number = self._number, self._number + 1
        image = self._stage.image(number)
        grabbed_ns, wall_ns = time.monotonic_ns(), time.time_ns()
        return Frame(number, grabbed_ns, wall_ns, image, (sim.nm_per_px, sim.nm_per_px), "simulation")

    def close(self) -> None:
        """Nothing is held."""


def open_sim(uri: str) -> SimSource:
    """Open a `sim:` URI: the entry point of the group `nanotally.sources`."""
    return SimSource(uri)
