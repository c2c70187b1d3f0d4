"""The sharpness falls as the beam widens, whatever the noise, contrast and brightness."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from nanotally.generator.stage import Stage, parse_sim
from nanotally.measure.focus import sharpness
from nanotally.micrograph import read_micrograph
from nanotally.opencv import cv2

SIGMAS_PX = (0.0, 1.0, 2.0, 3.0, 4.0)


def blurred(image: np.ndarray, sigma_px: float) -> np.ndarray:
    return cv2.GaussianBlur(image.astype(np.float32), (0, 0), sigma_px) if sigma_px else image.astype(np.float32)


def noisy(image: np.ndarray, electrons: float) -> np.ndarray:
    counts = np.random.default_rng(0).poisson(np.maximum(image, 0) * electrons / 255)
    return np.clip(counts * 255 / electrons, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def still() -> np.ndarray:
    return Stage(parse_sim("sim:?electrons=2000")).image(0)


@pytest.mark.parametrize("electrons", [2000, 100, 20])
def test_it_falls_with_every_blur_and_noise_does_not_matter(still: np.ndarray, electrons: float) -> None:
    figures = [sharpness(noisy(blurred(still, sigma), electrons)) for sigma in SIGMAS_PX]
    assert all(a > b for a, b in pairwise(figures))
    clean = [sharpness(blurred(still, sigma).astype(np.uint8)) for sigma in SIGMAS_PX]
    assert figures == pytest.approx(clean, abs=0.05 * clean[0])


def test_it_follows_the_focus_of_a_simulated_microscope() -> None:
    stage = Stage(parse_sim("sim:?defocus_px=8&defocus_frames=20&electrons=10"))
    figures = [sharpness(stage.image(number)) for number in range(0, 21, 5)]
    assert figures[0] > figures[1] > figures[2] < figures[3] < figures[4]


@pytest.mark.real
def test_it_falls_with_every_blur_of_real_micrographs(shared_data: Path) -> None:
    paths = sorted((shared_data / "emps-dev" / "images").iterdir())[::12]
    assert paths
    for path in paths:
        image = read_micrograph(path).image
        figures = [sharpness(noisy(blurred(image, sigma), 50)) for sigma in SIGMAS_PX]
        assert all(a > b for a, b in pairwise(figures)), path.name


def test_contrast_and_brightness_do_not_matter(still: np.ndarray) -> None:
    faint = (still * 0.4 + 90).astype(np.uint8)
    assert sharpness(faint) == pytest.approx(sharpness(still), rel=0.02)


def test_streaks_are_not_detail(still: np.ndarray) -> None:
    gain = np.random.default_rng(0).normal(0, 4, (len(still), 1))
    streaked = np.clip(blurred(still, 3) + gain, 0, 255).astype(np.uint8)
    assert sharpness(streaked) == pytest.approx(sharpness(blurred(still, 3).astype(np.uint8)), rel=0.1)


def test_of_noise_alone_nothing_is_said() -> None:
    rng = np.random.default_rng(0)
    assert all(sharpness(rng.poisson(8, (480, 640)).astype(np.uint8)) is None for _ in range(10))
    assert sharpness(np.full((480, 640), 7, np.uint8)) is None
    assert sharpness(np.zeros((2, 2), np.uint8)) is None
