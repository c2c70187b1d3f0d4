"""What a network in fewer bits gains and loses: size, speed, average precision, counts; and the gate for INT8."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nanotally.bundle import Bundle
from nanotally.detect import load_engine
from nanotally.measure.precision import known_mean
from nanotally.trainer.evaluate import Judged, at_thresholds, average_precision, thresholds_of

MOST_AP_LOST = 0.5
"""Points of average precision, per cent, that fewer bits may cost."""
MOST_COUNT_CHANGE = 0.01
"""Share by which the number of particles found may change."""
LEAST_SPEED = 1.05
"""How many times faster INT8 must be; below is noise."""
TILES, ROUNDS = 8, 9
"""Of the race: how many tiles a heat has, and how many heats."""


@dataclass(frozen=True, kw_only=True)
class Figures:
    """A bundle on labelled pictures and on this machine.

    Attributes:
        precision: of the bundle.
        size_mb: of its network.
        ap50: mean over the labelled classes of COCO's average precision at overlap 0.5, per cent.
        count: particles found in all pictures, at the bundle's thresholds.
        tile_ms: processor time of all cores for one tile, milliseconds; unlike the time on the clock it does not ask
            what else the machine does.
    """

    precision: str
    size_mb: float
    ap50: float
    count: int
    tile_ms: float


def race(bundles: Sequence[Bundle]) -> list[float]:
    """Median processor time of each bundle's network for a tile, milliseconds; they take turns on the same tiles."""
    side_px = bundles[0].manifest.input_size_px
    engines = [load_engine("auto", bundle) for bundle in bundles]
    tiles = np.random.default_rng(0).random((TILES, 1, side_px, side_px), np.float32)
    times = np.zeros((ROUNDS, len(engines)))
    for engine in engines:
        engine.infer(tiles)
    for heat in times:
        for place, engine in enumerate(engines):
            started = time.process_time_ns()
            engine.infer(tiles)
            heat[place] = time.process_time_ns() - started
    return [float(ns) / TILES / 1e6 for ns in np.median(times, axis=0)]


def figures_of(bundle: Bundle, judged: list[Judged], tile_ms: float) -> Figures:
    """Figures of a bundle on pictures that it judged, with its time from `race`."""
    thresholds = thresholds_of(bundle)
    ap50, _ = average_precision(judged, len(thresholds))
    return Figures(
        precision=bundle.manifest.precision,
        size_mb=bundle.onnx.stat().st_size / 1e6,
        ap50=100 * known_mean(ap50),
        count=sum(len(at_thresholds(image.found, thresholds)) for image in judged),
        tile_ms=tile_ms,
    )


def faults(whole: Figures, fewer: Figures) -> list[str]:
    """Why the network in fewer bits is not to be shipped; nothing where it passes the gate.

    Args:
        whole: in FP32.
        fewer: in FP16 or INT8. Only INT8 must be faster here: FP16 is for processors that compute in it.
    """
    found = []
    if not whole.ap50 - fewer.ap50 <= MOST_AP_LOST:  # also where there was nothing to compare
        found.append(f"AP50 falls by more than {MOST_AP_LOST:g} points")
    if not abs(fewer.count - whole.count) <= MOST_COUNT_CHANGE * whole.count:
        found.append(f"the count changes by more than {100 * MOST_COUNT_CHANGE:g} %")
    if fewer.precision == "int8" and whole.tile_ms < LEAST_SPEED * fewer.tile_ms:
        found.append("it is not faster on this machine")
    return found


def told(whole: Figures, fewer: Figures) -> str:
    """Both, in one line."""
    return (
        f"{fewer.precision} beside {whole.precision}: {fewer.size_mb:.1f} MB for {whole.size_mb:.1f}, "
        f"{whole.tile_ms / fewer.tile_ms:.2f} times as fast, AP50 {whole.ap50:.2f} -> {fewer.ap50:.2f} %, "
        f"count {whole.count} -> {fewer.count}"
    )
