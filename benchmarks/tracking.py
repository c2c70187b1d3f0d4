"""Tracking: ours beside the trackers of the library `trackers`, in one run on the same frames and detections.

A stage pans over 20,000 particles and then back over a part of them. Boxes are jittered, 5 % are missed, 2 % invented.
Time is that of the processor, on one core, on the way back, when the map is full; the library's trackers remember what
they last saw only, so theirs is that of the same frames alone.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from time import thread_time

import numpy as np
import supervision
import trackers
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from nanotally.daemon.tracking.identities import SIGHTINGS
from nanotally.daemon.tracking.tracker import Tracker
from nanotally.detections import CLASSES, Detections
from nanotally.frame import Frame
from nanotally.opencv import cv2

WIDTH, HEIGHT = 1280, 960
KNOWN = 20_000
STEP_PX = 160
JUDGED = {300: 40, 2000: 10}
"""Particles a frame, and frames that are judged: the library compares every particle with every other."""
JITTER, MISSED, FALSE = 0.04, 0.05, 0.02

LIBRARY = ("SORTTracker", "ByteTrackTracker", "BoTSORTTracker")

Look = tuple[Frame, Detections]
Follow = Callable[[Look], NDArray[np.int64]]


@dataclass(frozen=True)
class Specimen:
    """Particles, and a substrate for the picture."""

    place: NDArray[np.float64]
    size: NDArray[np.float64]
    picture: NDArray[np.uint8]

    @classmethod
    def of(cls, a_frame: int) -> Specimen:
        """Some 20,000 particles that do not touch, so many in a field of view."""
        rng = np.random.default_rng(0)
        extent = np.array([WIDTH, HEIGHT]) * int(np.ceil((KNOWN / a_frame) ** 0.5))
        pitch = (WIDTH * HEIGHT / a_frame) ** 0.5
        x, y = np.meshgrid(*(np.arange(pitch, side - pitch / 2, pitch) for side in extent))
        place = np.stack([x.ravel(), y.ravel()], axis=1) + rng.uniform(-0.25, 0.25, (x.size, 2)) * pitch
        size = np.exp(rng.normal(0, 0.15, len(place))) * 0.35 * pitch
        picture = rng.integers(0, 60, extent[::-1], np.uint8)
        for (column, row), radius in zip(place.astype(int).tolist(), (size / 2).astype(int).tolist(), strict=True):
            cv2.circle(picture, (column, row), radius, 180, -1)
        return cls(place, size, picture)

    def whole(self, x: int, y: int) -> NDArray[np.bool_]:
        """(n,) bool, particles that a frame with its corner at x, y shows whole."""
        at, half = self.place - [x, y], self.size[:, None] / 2
        return np.asarray(((at > half) & (at < [WIDTH, HEIGHT] - half)).all(axis=1), bool)

    def look(self, number: int, x: int, y: int) -> Look:
        """A frame with its corner at x, y, and what a detector finds in it."""
        rng = np.random.default_rng((1, number))
        seen = self.whole(x, y) & (rng.random(len(self.place)) > MISSED)
        at, half = self.place[seen] - [x, y], self.size[seen, None] / 2
        xyxy = np.hstack([at - half, at + half]) + rng.normal(0, JITTER, (len(at), 4)) * 2 * half
        invented = rng.uniform(50, [WIDTH - 50, HEIGHT - 50], (rng.poisson(FALSE * len(at)), 2))
        side = float(self.size.mean()) / 2
        xyxy = np.vstack([xyxy, np.hstack([invented - side, invented + side])])
        image = np.ascontiguousarray(self.picture[y : y + HEIGHT, x : x + WIDTH])
        return Frame(number, 0, 0, image), Detections(xyxy, np.full(len(xyxy), 0.9))

    def pan(self) -> list[tuple[int, int]]:
        """Corners of the frames: line by line over everything, and back."""
        height, width = self.picture.shape
        columns = list(range(0, width - WIDTH + 1, STEP_PX))
        lines = [*range(0, height - HEIGHT, HEIGHT * 3 // 4), height - HEIGHT]
        path: list[tuple[int, int]] = []
        for i, line in enumerate(lines):
            row = [(column, line) for column in (columns if i % 2 == 0 else columns[::-1])]
            if path:  # down to it step by step, like everywhere
                path += [(row[0][0], y) for y in range(path[-1][1] + STEP_PX, line, STEP_PX)]
            path += row
        return path + path[::-1]


def library(name: str) -> Follow:
    """A tracker of the library; it gets the picture where it looks at it."""
    tracker = getattr(trackers, name)()

    def follow(look: Look) -> NDArray[np.int64]:
        frame, found = look
        told = supervision.Detections(found.xyxy, confidence=found.score, class_id=found.class_id.astype(int))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if name == "BoTSORTTracker":
                return np.asarray(tracker.update(told, cv2.cvtColor(frame.image, cv2.COLOR_GRAY2BGR)).tracker_id)
            return np.asarray(tracker.update(told).tracker_id)

    return follow


def judge(follow: Follow, looks: list[Look]) -> tuple[NDArray[np.float64], int]:
    """Processor time of each frame, ms, and how many identities were given."""
    took, given = [], []
    for look in looks:
        start = thread_time()
        given.append(follow(look))
        took.append(1000 * (thread_time() - start))
    numbers = np.concatenate(given)
    return np.array(took), len(np.unique(numbers[numbers >= 0]))


def main() -> None:
    """Print the table."""
    cv2.setNumThreads(1)
    table = Table(
        "particles a frame", "tracker", "map", "ms median", "ms p95", "time / ours", "identities", "in 3 frames"
    )
    for a_frame, judged in JUDGED.items():
        specimen, ours = Specimen.of(a_frame), Tracker(CLASSES)
        path = specimen.pan()
        out, back = path[: len(path) // 2], path[len(path) // 2 :][: judged + 1]
        for number, corner in enumerate(out):
            ours.update(*specimen.look(number, *corner))
        known = f"{sum(ours.unique.values())} of {len(specimen.place)}"
        looks = [specimen.look(len(out) + number, *corner) for number, corner in enumerate(back)]
        there = np.count_nonzero(np.sum([specimen.whole(*corner) for corner in back], axis=0) >= SIGHTINGS)
        own, unique = judge(lambda look, ours=ours: ours.update(*look), looks)
        rows = [("nanotally", known, own, unique)]
        rows += [(name, "-", *judge(library(name), looks)) for name in LIBRARY]
        for name, on_map, took, identities in rows:
            ms = np.median(took[1:])
            ratio = ms / np.median(own[1:])
            times = (f"{ms:.2f}", f"{np.quantile(took[1:], 0.95):.2f}", f"{ratio:.1f}")
            table.add_row(str(a_frame), name, on_map, *times, str(identities), str(there))
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
