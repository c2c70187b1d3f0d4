from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanotally.daemon.average import BlockAverage, RecursiveAverage, averaging
from nanotally.frame import Frame, FrameState


def frame(number: int, grey: int | np.ndarray, state: FrameState = "live", shape: tuple[int, int] = (4, 5)) -> Frame:
    return Frame(number, number * 10, number, np.broadcast_to(np.uint8(grey), shape).copy(), state=state)


@given(st.lists(st.integers(0, 255), min_size=1, max_size=40), st.integers(2, 9))
def test_a_block_is_the_mean_of_its_frames(greys: list[int], frames: int) -> None:
    average = BlockAverage(frames)
    told = [average.take(frame(number, grey)) for number, grey in enumerate(greys)]
    for number, out in enumerate(told):
        if (number + 1) % frames:
            assert out is None
        else:
            assert out is not None
            mean = np.mean(greys[number + 1 - frames : number + 1])
            assert np.abs(out.image - mean).max() <= 0.5
            assert (out.number, out.grabbed_ns) == (number, number * 10)


@given(st.lists(st.integers(0, 255), min_size=1, max_size=60), st.integers(2, 9))
def test_the_recursive_mean_follows_its_law(greys: list[int], frames: int) -> None:
    average, mean = RecursiveAverage(frames), 0.0
    for number, grey in enumerate(greys):
        out = average.take(frame(number, grey))
        mean += (grey - mean) / min(number + 1, frames)
        assert out is not None
        assert np.abs(out.image - mean).max() <= 0.51


@pytest.mark.parametrize("kind", [BlockAverage, RecursiveAverage])
def test_a_fault_passes_as_it_is_and_nothing_before_it_is_mixed_in(kind: type) -> None:
    average = kind(2)
    average.take(frame(0, 200))
    fault = frame(1, 0, "blank")
    assert average.take(fault) is fault
    outs = [average.take(frame(number, 50)) for number in (2, 3)]
    assert outs[-1] is not None
    assert (outs[-1].image == 50).all()


@pytest.mark.parametrize("kind", [BlockAverage, RecursiveAverage])
def test_another_size_begins_anew(kind: type) -> None:
    average = kind(2)
    average.take(frame(0, 200))
    outs = [average.take(frame(number, 50, shape=(6, 7))) for number in (1, 2)]
    assert outs[-1] is not None
    assert (outs[-1].image == 50).all()


def test_noise_falls_as_the_square_root() -> None:
    rng = np.random.default_rng(0)
    noisy = [frame(n, 0) for n in range(64)]
    images = [np.clip(rng.normal(120, 20, (100, 100)), 0, 255).astype(np.uint8) for _ in noisy]
    made = [BlockAverage(64), RecursiveAverage(32)]
    for average, expected in zip(made, (20 / 8, 20 / np.sqrt(2 * 32 - 1)), strict=True):
        for n, image in enumerate(images):
            out = average.take(Frame(n, n, n, image))
        assert out is not None
        assert out.image.std() == pytest.approx(expected, rel=0.2)


def test_none_and_one_frame_are_no_averaging() -> None:
    assert averaging("none", 8) is None
    assert averaging("block", 1) is None
    assert isinstance(averaging("block", 2), BlockAverage)
    assert isinstance(averaging("recursive", 2), RecursiveAverage)
