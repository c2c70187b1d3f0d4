"""From the signal of a scene to a recorded picture."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from nanotally.generator.bodies import Image
from nanotally.generator.imaging.beam import Beam, spread
from nanotally.generator.imaging.detector import Detector, detect, noise_sigma, respond
from nanotally.generator.imaging.display import Display, Publication, adjusted, digitise, publish, show
from nanotally.generator.imaging.scan import Scan, sweep, wander


@dataclass(frozen=True, kw_only=True)
class Imaging:
    """Settings of the whole chain, in the order in which they act."""

    beam: Beam = field(default_factory=Beam)
    scan: Scan = field(default_factory=Scan)
    detector: Detector = field(default_factory=Detector)
    display: Display = field(default_factory=Display)
    publication: Publication = field(default_factory=Publication)


@dataclass(frozen=True)
class Recording:
    """A recorded picture and what it would be without noise.

    Attributes:
        image: (h, w) uint8.
        expected: (h, w) float32, grey 0 to 1 before noise, rounding and publication.
        shift_px: (2, h) float32, where the beam really was, x and y against each line's place; None: in place.
        contrast: gain from signal to grey, after what the microscope adjusted by itself.
        noise: standard deviation of the noise at medium grey, as a share of white.
    """

    image: NDArray[np.uint8]
    expected: Image
    shift_px: NDArray[np.float32] | None
    contrast: float
    noise: float


def record(signal: Image, imaging: Imaging, rng: Generator) -> Recording:
    """The picture that is recorded of a scene's signal (h, w) float32."""
    shift = wander(signal.shape[0], signal.shape[1], imaging.scan, rng)
    scanned = sweep(spread(signal, imaging.beam), imaging.scan, shift, rng)
    imaging = replace(imaging, display=adjusted(scanned, imaging.display))
    noisy = detect(scanned, imaging.detector, imaging.scan, rng)
    image = publish(digitise(show(noisy, imaging.display)), imaging.publication)
    expected = respond(np.maximum(scanned, 0), imaging.detector, imaging.scan)
    return Recording(
        image, show(expected, imaging.display), shift, imaging.display.contrast, _noise_at_medium_grey(imaging)
    )


def _noise_at_medium_grey(imaging: Imaging) -> float:
    knobs = imaging.display
    amplified = float(0.5 ** (1 / knobs.gamma))
    level = float(np.clip((amplified - knobs.brightness) / knobs.contrast, 0.05, 1))
    slope = knobs.gamma * 0.5 / amplified
    return knobs.contrast * slope * noise_sigma(level, imaging.detector, imaging.scan)
