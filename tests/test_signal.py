from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nanotally.daemon.signal import SignalWatch, noise_of
from nanotally.generator.stage import Stage, parse_sim
from nanotally.opencv import cv2

HEIGHT, WIDTH = 240, 320


def scene(seed: int = 0, *, noise: float = 6, black: float = 60) -> np.ndarray:
    """Discs on a substrate, seen once."""
    rng = np.random.default_rng(7)
    picture = np.full((HEIGHT, WIDTH), black, np.float32)
    for x, y in rng.integers(20, 220, (15, 2)):
        cv2.circle(picture, (int(x), int(y)), 9, 170, -1)
    noisy = picture + np.random.default_rng(seed).normal(0, noise, picture.shape)
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


def states(watch: SignalWatch, frames: list[np.ndarray]) -> list[str]:
    return [watch.judge(frame) for frame in frames]


def sweeping(rows_a_frame: int, frames: int, *, start: int = 0) -> list[np.ndarray]:
    """What a frame grabber shows of a slow scan that draws so many rows between two frames."""
    shown, made = scene(1000), []
    for number in range(frames):
        for row in range(start + number * rows_a_frame, start + (number + 1) * rows_a_frame):
            shown[row % HEIGHT] = scene(2000 + row // HEIGHT)[row % HEIGHT]
        made.append(shown.copy())
    return made


def test_a_noisy_feed_is_live() -> None:
    assert states(SignalWatch(), [scene(seed) for seed in range(5)]) == ["live"] * 5


def test_rows_clipped_to_black_do_not_make_a_live_feed_partial() -> None:
    frames = [scene(seed, black=-40) for seed in range(4)]
    assert (frames[0].max(axis=1) == 0).mean() > 0.03
    assert states(SignalWatch(), frames) == ["live"] * 4


def test_the_same_picture_again_is_frozen_until_it_changes() -> None:
    still = scene(1)
    assert states(SignalWatch(), [still, still, still, scene(2), scene(3)]) == [
        "live", "frozen", "frozen", "live", "live",
    ]  # fmt: skip


@pytest.mark.parametrize("grey", [0, 3, 128, 255])
def test_one_grey_level_is_blank_and_not_an_empty_field(grey: int) -> None:
    watch = SignalWatch()
    flat = np.full((HEIGHT, WIDTH), grey, np.uint8)
    assert states(watch, [flat, flat, scene(1), flat, scene(2)]) == ["blank", "blank", "live", "blank", "live"]


@pytest.mark.parametrize(("level", "noise"), [(4, 3), (100, 1.5), (250, 2)])
def test_noise_without_beam_is_blank(level: float, noise: float) -> None:
    rng = np.random.default_rng(1)
    dark = [np.clip(rng.normal(level, noise, (HEIGHT, WIDTH)).round(), 0, 255).astype(np.uint8) for _ in range(3)]
    assert states(SignalWatch(), [scene(1), *dark, scene(2)]) == ["live", "blank", "blank", "blank", "live"]


def test_a_bare_substrate_with_the_usual_noise_is_live() -> None:
    rng = np.random.default_rng(5)
    bare = [np.clip(rng.normal(60, 6, (HEIGHT, WIDTH)).round(), 0, 255).astype(np.uint8) for _ in range(3)]
    assert states(SignalWatch(), [scene(1), *bare]) == ["live"] * 4


@pytest.mark.parametrize("rows_a_frame", [3, 16, 40, 70])
def test_a_slow_scan_is_counted_once_a_sweep(rows_a_frame: int) -> None:
    told = states(SignalWatch(), sweeping(rows_a_frame, 4 * HEIGHT // rows_a_frame + 2))
    assert told[0] == "live"  # nothing to compare with
    assert 3 <= told[1:].count("live") <= 4
    assert set(told[1:]) == {"live", "partial"}


def test_a_slow_scan_that_ends_is_live_once_and_then_frozen() -> None:
    frames = sweeping(16, HEIGHT // 16)
    told = states(SignalWatch(), [scene(1000), *frames, frames[-1], frames[-1]])
    assert told == ["live", *["partial"] * (HEIGHT // 16 - 1), "live", "frozen", "frozen"]


def test_a_sweep_seen_from_its_middle_on_is_not_counted() -> None:
    start = HEIGHT // 2
    frames = sweeping(20, 18, start=start)
    told = states(SignalWatch(), [scene(1000), *frames])
    assert told[1 : 1 + start // 20] == ["partial"] * (start // 20)
    assert told.count("live") == 2  # the first frame, and the one sweep that was seen from its top


def test_another_size_starts_anew() -> None:
    watch = SignalWatch()
    assert states(watch, [scene(1), scene(1)[:200], scene(1)[:200]]) == ["live", "live", "frozen"]


def test_the_simulated_microscope_is_judged_as_its_truth_says() -> None:
    faults = "blank_every=12&blank_frames=3&freeze_every=9&freeze_frames=2"
    stage = Stage(parse_sim(f"sim:?width=320&height=240&frames=40&{faults}"))
    watch = SignalWatch()
    for number in range(40):
        assert watch.judge(stage.image(number)) == stage.truth(number).moment.state, number


@settings(max_examples=30, deadline=None)
@given(sigma=st.floats(0.3, 40), seed=st.integers(0, 100))
def test_noise_is_measured(sigma: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    picture = rng.normal(128, sigma, (256, 256)).round().clip(0, 255).astype(np.uint8)
    assert noise_of(picture) == pytest.approx(sigma, rel=0.2, abs=0.2)


@given(st.binary(min_size=6, max_size=600), st.integers(1, 20))
def test_any_pixels_have_a_state(raw: bytes, width: int) -> None:
    height = max(1, len(raw) // width)
    frames = np.resize(np.frombuffer(raw, np.uint8), (2, height, width))
    watch = SignalWatch()
    assert {watch.judge(frame) for frame in frames} <= {"live", "partial", "frozen", "blank"}
