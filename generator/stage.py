"""A simulated microscope: a stage that moves over a specimen, as a source of frames with known truth.

Everything follows from the seed and the number of a frame, so whoever has the same URI knows the truth of every frame
without any message about it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import SFC64, Generator
from numpy.typing import NDArray

from nanotally.detections import Detections
from nanotally.errors import EndOfFeed
from nanotally.frame import Frame
from nanotally.generator.bodies import Image, Material
from nanotally.generator.course import Course, Moment
from nanotally.generator.imaging import Beam, Detector, Display, Scan
from nanotally.generator.imaging.beam import spread
from nanotally.generator.imaging.detector import detect
from nanotally.generator.imaging.display import digitise, show
from nanotally.generator.imaging.scan import sweep, wander
from nanotally.generator.placement import place
from nanotally.generator.scene import paint_particles
from nanotally.generator.simulation import Simulation, parse_sim
from nanotally.generator.sites import Crowd
from nanotally.generator.specimen import Specimen, draw_particle
from nanotally.generator.substrate import Substrate, paint_substrate
from nanotally.generator.truth import Instances, truth_of
from nanotally.opencv import cv2

__all__ = ["FrameTruth", "SimSource", "Simulation", "Stage", "open_sim", "parse_sim"]

BEAM = Beam(sigma_px=0.8)
"""The spot in focus: as wide on the specimen whatever the magnification, so it is painted into the specimen."""
SCAN = Scan(vibration_px=0.2, streaks=0.01)
DARK = 0.02
"""Signal where no beam is."""
FLASH = 0.3
"""Lines after which a flash of charging has decayed to 1/e, as a share of the frame's."""
FLASH_ENDS = 0.6
"""Share of the frame's lines in which a flash may begin."""


@dataclass(frozen=True)
class FrameTruth:
    """What is really in a frame, one row a particle of which anything is seen; none where the beam was blanked.

    Attributes:
        moment: what the frame shows, and how; its `state` is the frame's.
        detections: boxes in pixels of the frame, tight to what is seen of each particle, score 1.
        visible: (n,) float32, share of the particle that is seen.
        identity: (n,) int32, number of the particle: the same in every frame.
        size_nm: (n,) float32, edge length of a cube, equivalent circular diameter of a quasi-sphere.
    """

    moment: Moment
    detections: Detections
    visible: NDArray[np.float32]
    identity: NDArray[np.int32]
    size_nm: NDArray[np.float32]


class Stage:
    """The specimen under the beam: frames and their truth by number."""

    def __init__(self, simulation: Simulation) -> None:
        self.simulation = sim = simulation
        self.course = Course(sim)
        specimen = Specimen(
            d_g_nm=sim.size_px * sim.nm_per_px,
            nm_per_px=sim.nm_per_px,
            crowd=Crowd(gap_px=2),
            material=Material(level=0.45),
            substrate=Substrate(level=0.31, gradient=0.3, grain=0.06, blotches=0.08),
            shadow=0.2,
        )
        rng = np.random.default_rng(sim.seed)
        height, width = sim.specimen_size
        placed, _ = place(
            height=height, width=width, most=sim.particles, crowd=specimen.crowd, rng=rng,
            draw=lambda turn_rad: draw_particle(specimen, rng, turn_rad=turn_rad),
        )  # fmt: skip
        signal = paint_substrate(height, width, specimen.substrate, rng)
        signal *= np.float32(specimen.material.level)
        paint_particles(signal, placed, shadow=specimen.shadow)
        self._signal = spread(signal, BEAM)
        self._truth = truth_of(placed, np.zeros((height, width), bool), least_visible=0)
        self._pixels = np.bincount(self._truth.instances.ravel())[1:]

    def image(self, number: int) -> NDArray[np.uint8]:
        """Frame `number`, (height, width) uint8, with its own noise."""
        moment = self.course.at(number)
        columns, lines, rng = self._path(moment)
        scan = replace(SCAN, charging=moment.charging)
        if moment.state == "blank":
            signal = np.full(columns.shape, DARK, np.float32)
        else:
            seen = cv2.remap(self._signal, columns, lines, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
            signal = spread(np.asarray(seen, np.float32), Beam(sigma_px=0, defocus_px=moment.defocus_px))
            if moment.charging:
                signal *= _flash(len(signal), moment.charging, rng)
            signal = sweep(signal, scan, None, rng)
        detector = Detector(electrons_per_us=self.simulation.electrons / scan.dwell_us)
        return digitise(show(detect(signal, detector, scan, rng), Display()))

    def truth(self, number: int) -> FrameTruth:
        """What is really in frame `number`."""
        moment, sim = self.course.at(number), self.simulation
        seen = np.zeros((sim.height, sim.width), np.int32)
        if moment.state != "blank":
            columns, lines, _ = self._path(moment)
            height, width = self._truth.instances.shape
            rows = np.clip(np.rint(lines).astype(int), 0, height - 1)
            seen = self._truth.instances[rows, np.clip(np.rint(columns).astype(int), 0, width - 1)]
        of, boxes, pixels = _boxes(seen)
        cut = (boxes[:, :2] == 0).any(axis=1) | (boxes[:, 2:] == [sim.width, sim.height]).any(axis=1)
        zoom = sim.nm_per_px / moment.nm_per_px
        in_frame = np.where(cut, np.minimum(pixels / (self._pixels[of] * zoom**2), 1), 1)
        return FrameTruth(
            moment=moment,
            detections=Detections(boxes, class_id=self._truth.detections.class_id[of]),
            visible=np.asarray(self._truth.visible[of] * in_frame, np.float32),
            identity=self._truth.identity[of],
            size_nm=self._truth.size_px[of] * np.float32(sim.nm_per_px),
        )

    def _path(self, moment: Moment) -> tuple[Image, Image, Generator]:
        """Columns and lines (height, width) of the specimen that the beam goes along, and where chance goes on."""
        sim = self.simulation
        rng = Generator(SFC64((sim.seed, moment.shown + 1)))  # the fastest there is
        shift = wander(sim.height, sim.width, SCAN, rng)
        step = moment.nm_per_px / sim.nm_per_px
        x, y = (
            (centre_nm / sim.nm_per_px - 0.5 + (np.arange(side) - (side - 1) / 2) * step).astype(np.float32)
            for centre_nm, side in ((moment.x_nm, sim.width), (moment.y_nm, sim.height))
        )
        if shift is None:
            shift = np.zeros((2, sim.height), np.float32)
        shift *= np.float32(step)
        columns = x[None, :] + shift[0][:, None]
        return columns, np.repeat((y + shift[1])[:, None], sim.width, axis=1), rng


def _flash(height: int, strength: float, rng: Generator) -> Image:
    """Gain of each line (height, 1): a charge breaks down at one of them and is gone a few lines later."""
    since = np.arange(height, dtype=np.float32) - np.float32(FLASH_ENDS * height * rng.random())
    gain = 1 + np.float32(strength) * np.where(since < 0, 0, np.exp(-np.maximum(since, 0) / (FLASH * height)))
    return np.asarray(gain[:, None], np.float32)


def _boxes(seen: Instances) -> tuple[NDArray[np.intp], NDArray[np.float32], NDArray[np.intp]]:
    """Rows (n,) of the particles of which `seen` (h, w) shows the number, boxes (n, 4) and how many pixels each has."""
    y, x = np.nonzero(seen)
    numbers, at, pixels = np.unique(seen[y, x], return_inverse=True, return_counts=True)
    low = np.full((len(numbers), 2), max(seen.shape))
    high = np.zeros((len(numbers), 2), int)
    pixel = np.stack([x, y], axis=1)
    np.minimum.at(low, at, pixel)
    np.maximum.at(high, at, pixel + 1)
    return numbers.astype(np.intp) - 1, np.concatenate([low, high], axis=1).astype(np.float32), pixels


class SimSource:
    """The feed of a simulated stage. Like a frame grabber, it does not know that a picture is frozen or blank."""

    damaged = 0

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self._simulation = parse_sim(uri)
        self.live = self._simulation.fps > 0
        self.stills = self.idle = False
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
        image, nm_per_px = self._stage.image(number), self._stage.course.at(number).nm_per_px
        grabbed_ns, wall_ns = time.monotonic_ns(), time.time_ns()
        return Frame(number, grabbed_ns, wall_ns, image, (nm_per_px, nm_per_px), "simulation")

    def close(self) -> None:
        """Nothing is held."""


def open_sim(uri: str) -> SimSource:
    """Open a `sim:` URI: the entry point of the group `nanotally.sources`."""
    return SimSource(uri)
