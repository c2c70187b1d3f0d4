"""What happens in each frame of a simulation: laws that hold for all frames of all courses."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanotally.generator.course import Course, Moment
from nanotally.generator.simulation import Simulation, parse_sim

NUMBERS = st.integers(0, 10**6)
SIMULATIONS = st.builds(
    Simulation,
    width=st.integers(64, 300),
    height=st.integers(64, 300),
    fields=st.floats(1, 9),
    pan=st.sampled_from(["lissajous", "raster"]),
    speed_px=st.floats(0, 1000),
    drift_px=st.floats(0, 10),
    nm_per_px=st.floats(0.01, 100),
    zoom=st.floats(1, 8),
    zoom_frames=st.integers(2, 300),
    zoom_steps=st.integers(0, 5),
    defocus_px=st.floats(0, 30),
    charging=st.floats(0, 10),
    charging_every=st.integers(1, 20),
    blank_every=st.integers(7, 40),
    blank_frames=st.integers(1, 6),
    freeze_every=st.integers(7, 40),
    freeze_frames=st.integers(1, 6),
    seed=st.integers(0, 10**6),
)


def moments(uri: str, count: int) -> list[Moment]:
    course = Course(parse_sim(uri))
    return [course.at(number) for number in range(count)]


def corners_px(sim: Simulation, moment: Moment) -> np.ndarray:
    """x1 y1 x2 y2 of the field of view on the specimen, pixels of magnification 1."""
    centre = np.array([moment.x_nm, moment.y_nm]) / sim.nm_per_px
    half = np.array([sim.width, sim.height]) / 2 * moment.nm_per_px / sim.nm_per_px
    return np.concatenate([centre - half, centre + half])


@given(sim=SIMULATIONS, number=NUMBERS)
def test_every_field_of_view_lies_on_the_specimen(sim: Simulation, number: int) -> None:
    moment, (height, width) = Course(sim).at(number), sim.specimen_size
    assert (corners_px(sim, moment) >= -1e-6).all()
    assert (corners_px(sim, moment) <= np.array([width, height, width, height]) + 1e-6).all()
    assert sim.nm_per_px / sim.zoom * (1 - 1e-9) <= moment.nm_per_px <= sim.nm_per_px
    assert 0 <= moment.defocus_px <= sim.defocus_px
    assert moment.charging in (0, sim.charging)


@given(sim=SIMULATIONS, number=NUMBERS)
def test_the_stage_keeps_its_speed(sim: Simulation, number: int) -> None:
    course = Course(replace(sim, freeze_every=0))
    here, there = course.at(number), course.at(number + 1)
    way_px = np.hypot(there.x_nm - here.x_nm, there.y_nm - here.y_nm) / sim.nm_per_px
    steepest = 1 if sim.pan == "raster" else np.hypot(1, 0.7)
    assert way_px <= steepest * sim.speed_px + sim.drift_px + 1e-3


@given(sim=SIMULATIONS, number=NUMBERS)
def test_a_frozen_frame_shows_the_last_one_before_it(sim: Simulation, number: int) -> None:
    course = Course(sim)
    moment = course.at(number)
    shown = course.at(moment.shown)
    assert shown.shown == shown.number == moment.shown
    assert (moment.state == "live") <= (moment.shown == number)
    if moment.shown < number:
        assert all(course.at(between).shown == moment.shown for between in range(moment.shown, number))
        assert moment.state == ("blank" if shown.state == "blank" else "frozen")


def test_each_fault_takes_its_share() -> None:
    states = [moment.state for moment in moments("sim:?blank_every=10&blank_frames=3", 40)]
    assert states == (["live"] * 7 + ["blank"] * 3) * 4
    states = [moment.state for moment in moments("sim:?freeze_every=4&freeze_frames=3", 40)]
    assert states == (["live"] + ["frozen"] * 3) * 10
    flashes = [moment.charging for moment in moments("sim:?charging=0.5&charging_every=4", 12)]
    assert flashes == [0, 0, 0, 0.5] * 3
    assert {moment.state for moment in moments("sim:", 300)} == {"live"}


def test_the_magnification_goes_up_and_comes_back() -> None:
    smooth = np.array([m.nm_per_px for m in moments("sim:?nm_per_px=2&zoom=4&zoom_frames=40", 81)])
    np.testing.assert_allclose(smooth[[0, 20, 40, 60, 80]], [2, 0.5, 2, 0.5, 2])
    assert (np.diff(smooth[:21]) < 0).all()
    steps = np.array([m.nm_per_px for m in moments("sim:?nm_per_px=2&zoom=4&zoom_frames=40&zoom_steps=2", 40)])
    np.testing.assert_allclose(np.unique(steps), [0.5, 1, 2])
    assert np.count_nonzero(np.diff(steps)) == 4  # 2, 1, 0.5, 1, 2


def test_the_focus_is_pulled_and_found_again() -> None:
    defocus = [m.defocus_px for m in moments("sim:?defocus_px=3&defocus_frames=6", 7)]
    np.testing.assert_allclose(defocus, [0, 1, 2, 3, 2, 1, 0])


def test_a_figure_of_lissajous_wanders_over_the_whole_specimen() -> None:
    sim = parse_sim("sim:?width=160&height=120")
    at = np.array([corners_px(sim, Course(sim).at(number))[:2] for number in range(400)])
    steps = np.abs(np.diff(at, axis=0)).max()
    assert sim.speed_px - 0.1 <= steps <= sim.speed_px
    assert (np.ptp(at, axis=0) > [80, 60]).all()


@pytest.mark.parametrize("fields", [1, 1.6, 3, 3.3])
def test_a_raster_sees_every_place_and_goes_back(fields: float) -> None:
    sim = parse_sim(f"sim:?width=100&height=80&speed_px=5&pan=raster&fields={fields}")
    seen, course = np.zeros(sim.specimen_size, bool), Course(sim)
    path = np.array([corners_px(sim, course.at(number)) for number in range(1000)]).round().astype(int)
    for x1, y1, x2, y2 in path[:400]:
        seen[y1:y2, x1:x2] = True
    assert seen[:, 5:-5].all()  # where it turns, the nearest frame may be a step away
    assert seen.mean() > 0.999
    assert tuple(path[0][:2]) == (0, 0)
    assert np.abs(path[400:, :2]).sum(axis=1).min() <= 5


def test_drift_goes_on_while_the_stage_stands_still() -> None:
    still = moments("sim:?speed_px=0&drift_px=0.25&nm_per_px=1", 40)
    steps = np.diff([[m.x_nm, m.y_nm] for m in still], axis=0)
    np.testing.assert_allclose(np.hypot(*steps.T), 0.25, atol=1e-6)
    np.testing.assert_allclose(steps, np.tile(steps[0], (39, 1)), atol=1e-6)
