"""The simulated microscope: whoever knows its URI knows every frame and the truth about it."""

import time
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nanotally.errors import EndOfFeed, SourceError
from nanotally.generator.stage import Simulation, Stage, open_sim, parse_sim

SMALL = "sim:?width=160&height=120&particles=40&size_px=16"


@pytest.fixture(scope="module")
def stage() -> Stage:
    return Stage(parse_sim(SMALL))


def test_options_have_their_defaults_and_their_types() -> None:
    assert parse_sim("sim:") == parse_sim("sim:?") == Simulation()
    assert parse_sim("sim:?width=320&fps=2.5&seed=9") == Simulation(width=320, fps=2.5, seed=9)


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("sim:?colour=red", "there are width, height"),
        ("sim:pattern.txt", "not known"),
        ("sim:?width=wide", "expected a number"),
        ("sim:?width=", "expected a number"),
        ("sim:?frames=1.5", "expected a"),
        ("sim:?fps=nan", "out of range"),
        ("sim:?fps=-1", "out of range"),
        ("sim:?seed=-1", "out of range"),
        ("sim:?speed_px=inf", "out of range"),
        ("sim:?width=63", "between 64 and 4096"),
        ("sim:?height=5000", "between 64 and 4096"),
        ("sim:?nm_per_px=0", "nm_per_px"),
        ("sim:?electrons=0.5", "electrons"),
        ("sim:?size_px=3", "size_px"),
        ("sim:?size_px=601", "size_px"),
    ],
)
def test_a_wrong_option_is_told_in_one_line(uri: str, words: str) -> None:
    with pytest.raises(SourceError) as caught:
        open_sim(uri)
    assert str(caught.value).startswith(f"{uri}: ")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@given(text=st.text(st.characters(codec="utf-8"), max_size=30))
def test_any_text_is_a_simulation_or_a_clear_error(text: str) -> None:
    with suppress(SourceError):
        assert isinstance(parse_sim(f"sim:?{text}"), Simulation)


def test_the_same_uri_shows_the_same_frames(stage: Stage) -> None:
    other, another = Stage(parse_sim(SMALL)), Stage(parse_sim(SMALL + "&seed=2"))
    for number in (0, 1, 57):  # in any order, each by itself
        assert stage.image(number).tobytes() == other.image(number).tobytes()
        assert stage.image(number).tobytes() != another.image(number).tobytes()
        np.testing.assert_array_equal(stage.truth(number)[0].xyxy, other.truth(number)[0].xyxy)
    assert stage.image(0).shape == (120, 160)
    assert stage.image(0).dtype == np.uint8


@settings(max_examples=40)
@given(number=st.integers(0, 100_000))
def test_the_truth_is_that_of_the_picture(stage: Stage, number: int) -> None:
    truth, share = stage.truth(number)
    assert len(truth) == len(share) > 0
    assert (truth.xyxy >= 0).all()
    assert (truth.xyxy <= [160, 120, 160, 120]).all()
    assert ((share > 0) & (share <= 1)).all()
    image, seen = stage.image(number).astype(float), np.zeros((120, 160), bool)
    for x1, y1, x2, y2 in truth.xyxy[share == 1].astype(int):
        seen[y1:y2, x1:x2] = True
        middle = image[(y1 + y2) // 2 - 2 : (y1 + y2) // 2 + 2, (x1 + x2) // 2 - 2 : (x1 + x2) // 2 + 2]
        assert middle.mean() > 85  # a particle, not substrate
    for x1, y1, x2, y2 in truth.xyxy.astype(int):
        seen[max(y1 - 2, 0) : y2 + 2, max(x1 - 2, 0) : x2 + 2] = True
    if (~seen).any():
        assert image[~seen].mean() < 60
        assert (image[~seen] > 200).mean() < 0.001  # no particle without a box


def test_boxes_are_tight_to_what_is_seen_of_cut_particles_too() -> None:
    stage = Stage(parse_sim(SMALL + "&electrons=100000"))
    cut = 0
    for number in range(0, 400, 10):
        image = stage.image(number)
        truth, share = stage.truth(number)
        at_border = (truth.xyxy[:, :2] == 0).any(axis=1) | (truth.xyxy[:, 2:] == [160, 120]).any(axis=1)
        assert at_border[share < 1].all()
        for x1, y1, x2, y2 in truth.xyxy[share < 1].astype(int):
            part = image[y1:y2, x1:x2]
            # Something of the particle lies along every side of its box.
            assert min(strip.max() for strip in (part[:2], part[-2:], part[:, :2], part[:, -2:])) > 55
            cut += 1
    assert cut > 50


def test_particles_move_with_the_stage(stage: Stage) -> None:
    positions = np.array([stage.position(number) for number in range(400)])
    steps = np.abs(np.diff(positions, axis=0))
    assert steps.max() <= stage.simulation.speed_px + 1
    assert steps.max() >= stage.simulation.speed_px - 1
    assert (np.ptp(positions, axis=0) > [80, 60]).all()  # it wanders over the whole specimen
    for one, other in ((10, 11), (200, 201)):
        moved = positions[other] - positions[one]
        (before, share), (after, share_after) = stage.truth(one), stage.truth(other)
        boxes = {tuple(box) for box in before.xyxy[share == 1] - np.tile(moved, 2)}
        assert len(boxes & {tuple(box) for box in after.xyxy[share_after == 1]}) >= len(boxes) - 4


def test_a_replayed_simulation_waits_for_nobody_and_ends() -> None:
    source = open_sim(SMALL + "&fps=0&frames=3&nm_per_px=2.5")
    assert not source.live
    frames = [source.read(0.0) for _ in range(3)]
    assert [frame.number for frame in frames if frame] == [0, 1, 2]
    assert all(frame.nm_per_px == (2.5, 2.5) and frame.state == "live" for frame in frames if frame)
    with pytest.raises(EndOfFeed, match="3 frames"):
        source.read(0.0)
    source.close()
    source.close()


def test_a_live_simulation_keeps_its_rate() -> None:
    source = open_sim(SMALL + "&fps=20")
    assert source.live
    assert source.read(1.0) is not None
    begun = time.monotonic()
    assert [frame.number for frame in (source.read(1.0) for _ in range(4)) if frame] == [1, 2, 3, 4]
    assert time.monotonic() - begun > 0.15
    slow = open_sim(SMALL + "&fps=0.001")
    assert slow.read(1.0) is not None
    begun = time.monotonic()
    assert slow.read(0.05) is None  # not due, and not waited for longer than asked
    assert time.monotonic() - begun >= 0.05


def test_a_live_frame_is_the_stage_s_frame_of_that_number(stage: Stage) -> None:
    source = open_sim(SMALL + "&fps=0")
    for number in range(2):
        frame = source.read(0.0)
        assert frame is not None
        assert frame.image.tobytes() == stage.image(number).tobytes()
