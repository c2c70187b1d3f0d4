"""What the tests of the imaging chain share: a chain that spoils nothing, simple signals, and what is seen of them."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from nanotally.generator.bodies import Image
from nanotally.generator.imaging import Beam, Detector, Imaging, Scan, record

PERFECT = Imaging(beam=Beam(sigma_px=0), detector=Detector(electrons_per_us=1e7))
"""No blur and no noise to speak of."""
MOVING = Scan(vibration_px=1.0, drift_x_px=2.0, drift_y_px=-3.0)
seeds = st.integers(0, 2**32 - 1)


def random(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def flat(level: float, shape: tuple[int, int] = (200, 200)) -> Image:
    return np.full(shape, level, np.float32)


def step() -> Image:
    """Dark to the left of column 100, bright from there on."""
    signal = flat(0.2)
    signal[:, 100:] = 0.8
    return signal


def point(shape: tuple[int, int] = (61, 61)) -> Image:
    signal = flat(0.0, shape)
    signal[shape[0] // 2, shape[1] // 2] = 1
    return signal


def seen(signal: Image, imaging: Imaging, seed: int = 0) -> NDArray[np.float64]:
    return record(signal, imaging, random(seed)).image.astype(float) / 255


def particle() -> Image:
    """A bright square on a darker ground: lines 60 to 79, columns 100 to 119."""
    signal = flat(0.2, (140, 480))
    signal[60:80, 100:120] = 1.2
    return signal
