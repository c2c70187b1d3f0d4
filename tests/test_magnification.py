"""A magnification that changes is noticed, and one that does not is not, on simulated stages."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from tracking import look

from nanotally.daemon.magnification import MagnificationWatch
from nanotally.detections import Detections
from nanotally.frame import Frame
from nanotally.generator.stage import Stage, parse_sim


def seen(uri: str, numbers: range) -> tuple[list[bool], list[float]]:
    """What is said of the frames of a simulated stage, and their true pixel sizes."""
    stage, watch = Stage(parse_sim(uri)), MagnificationWatch()
    looks = [look(stage, number) for number in numbers]
    return [watch.changed(it.frame, it.detections) for it in looks], [it.truth.moment.nm_per_px for it in looks]


@pytest.mark.parametrize(
    "uri",
    [
        "sim:?zoom=2&zoom_frames=40&zoom_steps=6&speed_px=6&seed=2",
        "sim:?zoom=1.3&zoom_frames=40&zoom_steps=4&speed_px=20&electrons=10&seed=4",
        "sim:?zoom=4&zoom_frames=30&zoom_steps=3&particles=400&size_px=14&electrons=15&seed=5",
    ],
)
def test_every_step_of_the_magnification_is_noticed_in_its_first_frame(uri: str) -> None:
    said, true = seen(uri, range(14))
    steps = [False, *(one != other for one, other in pairwise(true))]
    assert sum(steps) >= 2
    assert said == steps


def test_a_slow_zoom_is_noticed_before_it_matters() -> None:
    said, true = seen("sim:?zoom=2&zoom_frames=400&speed_px=3&seed=7", range(24))
    first = said.index(True)
    assert true[0] / true[first] < 1.04


@pytest.mark.parametrize(
    "uri",
    [
        "sim:?speed_px=60&electrons=6&seed=8",
        "sim:?defocus_px=6&defocus_frames=16&seed=9",
        "sim:?charging=3&charging_every=4&seed=10",
        "sim:?particles=4&seed=11",
    ],
)
def test_neither_motion_nor_noise_nor_defocus_is_a_change(uri: str) -> None:
    said, _ = seen(uri, range(12))
    assert not any(said)


@pytest.mark.parametrize(("zoom", "changed"), [(1.0, False), (1.6, True)])
def test_on_other_ground_the_sizes_of_the_particles_tell(zoom: float, changed: bool) -> None:
    watch = MagnificationWatch()
    said = []
    for seed, times in ((21, 1.0), (22, zoom)):
        stage = Stage(parse_sim(f"sim:?particles=300&size_px=20&seed={seed}"))
        it = look(stage, 3)
        said.append(watch.changed(it.frame, replace(it.detections, xyxy=it.detections.xyxy * times)))
    assert said == [False, changed]


def test_a_picture_of_another_size_is_a_change() -> None:
    watch, nothing = MagnificationWatch(), Detections.empty()
    picture = np.random.default_rng(0).integers(0, 255, (96, 128), np.uint8)
    assert not watch.changed(Frame(0, 0, 0, picture), nothing)
    assert watch.changed(Frame(1, 0, 0, picture[:64]), nothing)
    assert not watch.changed(Frame(2, 0, 0, picture[:64]), nothing)


def test_an_empty_picture_says_nothing() -> None:
    watch, nothing = MagnificationWatch(), Detections.empty()
    assert not any(watch.changed(Frame(n, 0, 0, np.full((48, 64), 9 + n, np.uint8)), nothing) for n in range(20))
