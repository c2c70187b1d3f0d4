from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest
from judged import image, square
from numpy.typing import NDArray

from nanotally.bundle import Bundle, load_bundle
from nanotally.trainer.precision import figures
from nanotally.trainer.precision.figures import Figures, faults, figures_of, race, told

WHOLE = Figures(precision="fp32", size_mb=3.4, ap50=84.0, count=400, tile_ms=20.0)
GOOD = Figures(precision="int8", size_mb=1.5, ap50=83.5, count=396, tile_ms=15.0)


def test_int8_that_is_as_good_and_faster_passes() -> None:
    assert faults(WHOLE, GOOD) == []
    assert faults(WHOLE, replace(GOOD, ap50=90, count=404)) == []


@pytest.mark.parametrize(
    ("worse", "says"),
    [
        ({"ap50": 83.49}, ["AP50 falls by more than 0.5 points"]),
        ({"count": 395}, ["the count changes by more than 1 %"]),
        ({"count": 405}, ["the count changes by more than 1 %"]),
        ({"tile_ms": 19.9}, ["it is not faster on this machine"]),
        ({"ap50": float("nan")}, ["AP50 falls by more than 0.5 points"]),
        ({"ap50": 80, "count": 0}, ["AP50 falls by more than 0.5 points", "the count changes by more than 1 %"]),
    ],
    ids=["AP", "fewer", "more", "slow", "nothing to compare", "two faults"],
)
def test_what_is_not_good_enough_is_said(worse: dict[str, float], says: list[str]) -> None:
    assert faults(WHOLE, replace(GOOD, **worse)) == says


def test_fp16_need_not_be_faster_here() -> None:
    assert faults(WHOLE, replace(GOOD, precision="fp16", tile_ms=21.0)) == []


def test_both_are_told_in_one_line() -> None:
    assert told(WHOLE, GOOD) == (
        "int8 beside fp32: 1.5 MB for 3.4, 1.33 times as fast, AP50 84.00 -> 83.50 %, count 400 -> 396"
    )


def test_figures_count_what_reaches_the_threshold() -> None:
    whole = load_bundle()
    at_half = msgspec.structs.replace(whole.manifest, thresholds={"cube": 0.5, "quasi_sphere": 0.5})
    judged = [
        image([square(0), (square(50), 1)], [(square(0), 0.9), (square(50), 0.6, 1), (square(80), 0.4)]),
        image([], [(square(10), 0.55)]),
    ]
    found = figures_of(Bundle(whole.path, at_half), judged, 12.0)
    assert (found.precision, found.count, found.tile_ms) == ("fp32", 3, 12.0)
    assert found.ap50 == pytest.approx(100)
    assert found.size_mb == pytest.approx(whole.onnx.stat().st_size / 1e6)


class Busy:
    """An engine that uses so much processor time for a batch."""

    name, precision, description = "busy", "fp32", "adds numbers"

    def __init__(self, rounds: int) -> None:
        self.rounds = rounds
        self.seen: list[float] = []

    def infer(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        self.seen.append(float(batch.sum()))
        for _ in range(self.rounds):
            np.sort(batch, axis=None)
        return batch

    def close(self) -> None: ...


def test_the_race_is_run_in_turns_on_the_same_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    small = msgspec.structs.replace(load_bundle().manifest, input_size_px=32)
    bundles = [Bundle(load_bundle().path, msgspec.structs.replace(small, name=name)) for name in ("slow", "fast")]
    engines = {"slow": Busy(20), "fast": Busy(1)}
    monkeypatch.setattr(figures, "load_engine", lambda _, bundle: engines[bundle.manifest.name])
    slow_ms, fast_ms = race(bundles)
    assert slow_ms > 5 * fast_ms > 0
    assert engines["slow"].seen == engines["fast"].seen
    assert len(set(engines["slow"].seen)) == 1
