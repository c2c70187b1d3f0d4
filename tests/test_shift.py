"""The shift that the picture tells, and when it says that it does not know."""

from dataclasses import replace

import numpy as np
import pytest

from nanotally.daemon.tracking.shift import Shift, ShiftMeter
from nanotally.frame import Frame
from nanotally.generator.stage import Stage, parse_sim

NOISY = "sim:?width=320&height=240&particles=60&size_px=20&fields=3&speed_px=16&electrons=10"


@pytest.fixture(scope="module")
def stage() -> Stage:
    return Stage(parse_sim(NOISY))


def frame(image: np.ndarray) -> Frame:
    return Frame(0, 0, 0, image)


def between(first: np.ndarray, second: np.ndarray) -> Shift:
    meter = ShiftMeter()
    assert meter.measure(frame(first)) is None
    meter.keep()
    shift = meter.measure(frame(second))
    assert shift is not None
    return shift


@pytest.mark.parametrize("apart", [1, 2, 3])
def test_the_shift_of_the_stage_is_found_in_noise(stage: Stage, apart: int) -> None:
    for number in (0, 20, 50):
        here, there = stage.course.at(number), stage.course.at(number + apart)
        moved = -np.array([there.x_nm - here.x_nm, there.y_nm - here.y_nm]) / here.nm_per_px
        shift = between(stage.image(number), stage.image(number + apart))
        assert shift.sure
        assert shift.px == pytest.approx(moved, abs=1.0)


def test_a_shift_finer_than_a_pixel_is_found() -> None:
    still = Stage(parse_sim(NOISY + "&electrons=2000")).image(0)
    moved = (still[:, :-1].astype(float) + still[:, 1:]) / 2  # half a pixel to the left
    assert between(still[:, :-1], moved.astype(np.uint8)).px == pytest.approx([-0.5, 0.0], abs=0.2)


def test_unrelated_pictures_give_no_sure_shift(stage: Stage) -> None:
    elsewhere = Stage(parse_sim(NOISY + "&seed=2"))
    noise = np.random.default_rng(0).poisson(8, (240, 320)).astype(np.uint8)
    assert not between(stage.image(0), noise).sure
    assert not between(noise, noise[::-1].copy()).sure
    sure = [between(stage.image(n), elsewhere.image(m)).sure for n in range(0, 30, 5) for m in range(0, 30, 5)]
    assert np.mean(sure) < 0.1  # two particles may happen to look alike


def test_the_databar_does_not_hold_the_picture_still(stage: Stage) -> None:
    meter, shifts = ShiftMeter(), []
    for number in (0, 6):
        image = stage.image(number)
        image[200:] = np.random.default_rng(0).integers(0, 2, (40, 320)) * 255  # the same in both
        shifts.append(meter.measure(replace(frame(image), field=(0, 0, 320, 200))))
        meter.keep()
    here, there = stage.course.at(0), stage.course.at(6)
    moved = -np.array([there.x_nm - here.x_nm, there.y_nm - here.y_nm]) / here.nm_per_px
    assert shifts[1] is not None
    assert shifts[1].px == pytest.approx(moved, abs=1.0)


def test_pictures_of_different_size_are_not_compared(stage: Stage) -> None:
    meter = ShiftMeter()
    meter.measure(frame(stage.image(0)))
    meter.keep()
    assert meter.measure(frame(stage.image(1)[:200])) is None


@pytest.mark.parametrize("shape", [(1, 1), (3, 2000), (700, 5), (1, 500), (500, 1)])
def test_a_picture_of_a_few_lines_is_not_compared(stage: Stage, shape: tuple[int, int]) -> None:
    meter = ShiftMeter()
    thin = frame(np.random.default_rng(0).integers(0, 255, shape, np.uint8))
    for picture in (thin, thin, frame(stage.image(0))):
        assert meter.measure(picture) is None
        meter.keep()
    assert meter.measure(frame(stage.image(0))) is not None


def test_flat_pictures_are_not_believed() -> None:
    flat = np.full((240, 320), 90, np.uint8)
    assert not between(flat, flat).sure
