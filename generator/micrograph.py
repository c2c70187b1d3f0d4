"""A whole synthetic micrograph from one seed: scene, imaging chain, lettering, truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from nanotally.generator.annotation import print_on
from nanotally.generator.bodies import Image
from nanotally.generator.imaging import record
from nanotally.generator.pattern import Pattern
from nanotally.generator.placement import Stop, place
from nanotally.generator.scene import paint_particles
from nanotally.generator.specimen import Specimen, draw_particle
from nanotally.generator.substrate import add_flaws, cut_background, paint_substrate
from nanotally.generator.truth import RIM_PX, Truth, truth_of, without_unseen

Seed = int | tuple[int, ...]


@dataclass(frozen=True)
class SyntheticMicrograph:
    """An image with the truth about it.

    Attributes:
        image: (h, w) uint8.
        truth: what is in it.
        stop: which of its two ends the placement met.
        field: x1 y1 x2 y2 px, the specimen without databar.
        specimen: what is seen; None where no specimen was asked for (mode `paper`).
    """

    image: NDArray[np.uint8]
    truth: Truth
    stop: Stop
    field: tuple[int, int, int, int]
    specimen: Specimen | None = None


def make_micrograph(
    specimen: Specimen,
    *,
    height: int,
    width: int,
    max_particles: int,
    seed: Seed,
    pattern: Pattern | None = None,
    background: NDArray[np.uint8] | None = None,
) -> SyntheticMicrograph:
    """The micrograph that `seed` stands for: the same seed gives the same bytes.

    Args:
        specimen: what is looked at, and how.
        height: of the image in pixels, databar included.
        width: of the image in pixels.
        max_particles: the most particles that are placed, whatever the specimen says.
        seed: of everything that is drawn at random.
        pattern: templates that some of the particles are taken from.
        background: (h, w) uint8, a picture of a bare substrate to lie on in place of the specimen's own.
    """
    rng = np.random.default_rng(seed)
    bar = int(height * specimen.lettering.databar)
    wanted = specimen.how_many(height - bar, width, rng)
    placed, stop = place(
        height=height - bar,
        width=width,
        most=max_particles if wanted is None else min(wanted, max_particles),
        draw=lambda turn_rad: draw_particle(specimen, rng, turn_rad=turn_rad, pattern=pattern),
        crowd=specimen.crowd,
        rng=rng,
    )
    signal = _bare(specimen, height, width, background, rng)
    clutter = float(np.std(signal[:, RIM_PX:] - signal[:, :-RIM_PX]))
    paint_particles(
        signal[: height - bar], placed, shadow=specimen.shadow,
        sunk=specimen.sunk if specimen.crowd.heaped else 0.0,
        transmission=specimen.material.absorption > 0,
    )  # fmt: skip
    recording = record(signal, specimen.imaging, rng)
    image = recording.image
    bare = image.copy()
    examined = print_on(image, bar, specimen.lettering, rng, nm_per_px=specimen.nm_per_px)
    truth = truth_of(placed, hidden=image != bare, bar_px=bar, shift_px=recording.shift_px)
    truth = without_unseen(truth, recording.expected, recording.noise, clutter=recording.contrast * clutter)
    return SyntheticMicrograph(image, truth, stop, examined, specimen)


def _bare(specimen: Specimen, height: int, width: int, background: NDArray[np.uint8] | None, rng: Generator) -> Image:
    """Signal of the field before any particle lies on it."""
    if background is not None:
        signal = cut_background(background, height, width, specimen.substrate.level, rng)
    else:
        signal = paint_substrate(height, width, specimen.substrate, rng)
    add_flaws(signal, specimen.flaws, rng)
    return np.asarray(signal * np.float32(specimen.material.level), np.float32)
