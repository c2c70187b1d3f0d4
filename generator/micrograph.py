"""A whole synthetic micrograph from one seed: scene, imaging chain, annotation, truth."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from nanotally.detections import CLASSES
from nanotally.generator.annotation import draw_databar, draw_panel_letter, draw_scale_bar
from nanotally.generator.optics import Optics, record
from nanotally.generator.pattern import Pattern, draw_template
from nanotally.generator.placement import Crowd, Stop, place
from nanotally.generator.scene import Substrate, Truth, paint_particles, paint_substrate, truth_of
from nanotally.generator.shapes import DRAW, Material, Sprite


@dataclass(frozen=True, kw_only=True)
class Specimen:
    """One kind of preparation seen at one setting of the microscope.

    Attributes:
        classes: names of the shapes that occur, each equally often.
        size_px: geometric mean of the size (edge of a cube, diameter of a quasi-sphere), pixels.
        size_sigma_g: geometric standard deviation of the size; 1: all alike.
        crowd: how the particles lie.
        material: how they answer to the beam.
        substrate: what they lie on.
        shadow: share of the signal that is lost beside a particle.
        sunk: share of its signal that the lowest particle has lost against the topmost.
        optics: microscope and printing press.
        inverted: True for a transmission image: dark particles on a bright film.
    """

    classes: tuple[str, ...] = CLASSES
    size_px: float = 40.0
    size_sigma_g: float = 1.15
    crowd: Crowd = field(default_factory=Crowd)
    material: Material = field(default_factory=Material)
    substrate: Substrate = field(default_factory=Substrate)
    shadow: float = 0.0
    sunk: float = 0.0
    optics: Optics = field(default_factory=Optics)
    inverted: bool = False


@dataclass(frozen=True)
class SyntheticMicrograph:
    """An image with the truth about it.

    Attributes:
        image: (h, w) uint8.
        truth: what is in it.
        stop: which of its two ends the placement met.
        field: x1 y1 x2 y2 px, the specimen without databar.
    """

    image: NDArray[np.uint8]
    truth: Truth
    stop: Stop
    field: tuple[int, int, int, int]


def draw_shape(specimen: Specimen, rng: Generator) -> Sprite:
    """One particle of the specimen, its class and size drawn at random."""
    name = specimen.classes[rng.integers(len(specimen.classes))]
    size = (
        specimen.size_px * np.exp(rng.normal(0, np.log(specimen.size_sigma_g)))
        if specimen.size_sigma_g > 1
        else specimen.size_px
    )
    return DRAW[name](float(np.clip(size, 4, 600)), specimen.material, rng)


def make_micrograph(
    specimen: Specimen,
    *,
    height: int,
    width: int,
    max_particles: int,
    seed: int | tuple[int, ...],
    annotate: bool = False,
) -> SyntheticMicrograph:
    """The micrograph that `seed` stands for: the same seed gives the same bytes.

    Args:
        specimen: what is looked at, and how.
        height: of the image in pixels, databar included.
        width: of the image in pixels.
        max_particles: the most particles that are placed.
        seed: of everything that is drawn at random.
        annotate: draw a databar, a scale bar or a panel letter, as published pictures have them.
    """
    rng = np.random.default_rng(seed)
    bar = int(height * rng.uniform(0.05, 0.1)) if annotate and rng.random() < 0.35 else 0
    placed, stop = place(
        height=height - bar,
        width=width,
        most=max_particles,
        draw=lambda: draw_shape(specimen, rng),
        crowd=specimen.crowd,
        rng=rng,
    )
    signal = paint_substrate(height, width, specimen.substrate, rng)
    paint_particles(signal[: height - bar], placed, shadow=specimen.shadow, sunk=specimen.sunk)
    image = record(1 - signal if specimen.inverted else signal, specimen.optics, rng)
    bare = image.copy()
    examined = (0, 0, width, height)
    if bar:
        examined = draw_databar(image, bar, rng)
    elif annotate and rng.random() < 0.5:
        draw_scale_bar(image, rng)
    if annotate and rng.random() < 0.4:
        draw_panel_letter(image, rng)
    truth = truth_of(placed, hidden=image != bare, bar_px=bar)
    return SyntheticMicrograph(image, truth, stop, examined)


def make_paper_micrograph(
    source: Pattern | tuple[str, ...],
    *,
    height: int,
    width: int,
    max_particles: int,
    seed: int | tuple[int, ...],
) -> SyntheticMicrograph:
    """A picture made as the paper made them (section 2.3): turned templates, apart from one another, on a flat canvas.

    Args:
        source: a pattern, whose resolution and background are taken; or names of procedural shapes.
        height: of the image in pixels, for shapes.
        width: of the image in pixels, for shapes.
        max_particles: the placement stops there or when no space is left.
        seed: of everything that is drawn at random.
    """
    rng = np.random.default_rng(seed)
    if isinstance(source, Pattern):
        height, width, level = source.height, source.width, source.background / 255
    else:
        level = Pattern.background / 255
        specimen = Specimen(classes=source)
    placed, stop = place(
        height=height,
        width=width,
        most=max_particles,
        draw=lambda: draw_template(source, rng) if isinstance(source, Pattern) else draw_shape(specimen, rng),
        crowd=Crowd(),
        rng=rng,
    )
    signal = np.full((height, width), level, np.float32)
    paint_particles(signal, placed)
    image = np.round(np.clip(signal, 0, 1) * 255).astype(np.uint8)
    truth = truth_of(placed, hidden=np.zeros((height, width), bool))
    return SyntheticMicrograph(image, truth, stop, (0, 0, width, height))


def random_specimen(rng: Generator, classes: tuple[str, ...] = CLASSES, *, size_px: float | None = None) -> Specimen:
    """A specimen drawn from the variety of real ones: crowding, contrast, noise, texture, transmission images."""
    one_class = rng.random() < 0.7
    chosen = (classes[rng.integers(len(classes))],) if one_class else classes
    flavour = rng.random()
    inverted = flavour < 0.12
    flat = inverted or flavour < 0.3  # backscattered or transmitted: no bright rim
    arrangement = ("scattered", "clustered", "packed")[int(rng.choice(3, p=[0.4, 0.4, 0.2]))]
    level = float(rng.uniform(0.25, 0.7))
    ground = level * float(rng.uniform(0.05, 0.85)) if rng.random() < 0.85 else level * float(rng.uniform(0.85, 1.0))
    return Specimen(
        classes=chosen,
        size_px=size_px if size_px is not None else float(np.exp(rng.uniform(np.log(9), np.log(220)))),
        size_sigma_g=float(rng.choice([1.03, 1.1, 1.2, 1.4])),
        crowd=Crowd(
            arrangement=arrangement,  # type: ignore[arg-type]
            max_overlap=0.0 if rng.random() < 0.35 else float(rng.uniform(0.05, 0.6)),
            gap_px=0 if rng.random() < 0.7 else 2,
            inside=False,
        ),
        material=Material(
            level=level,
            tilt_gain=0.0 if flat else float(rng.uniform(0.0, 0.7)),
            edge_gain=float(rng.uniform(0, 0.1)) if flat else float(rng.uniform(0.0, 1.0)),
            edge_width=float(rng.uniform(0.05, 0.3)),
            side_gain=0.0 if flat else float(rng.uniform(0, 0.4)),
            side_rad=float(rng.uniform(0, 2 * np.pi)),
            roughness=float(rng.choice([0.01, 0.05, 0.12])),
            roundness=float(rng.uniform(0.05, 0.5)),
            irregularity=float(rng.uniform(0, 0.02)),
            tilt_rad=float(rng.choice([0.05, 0.3, 1.0])),
        ),
        substrate=Substrate(
            level=ground,
            gradient=float(rng.uniform(0, 0.5)),
            grain=float(rng.uniform(0, 0.15)) if rng.random() < 0.5 else 0.0,
            grain_px=float(rng.uniform(1, 12)),
            blotches=float(rng.uniform(0, 0.25)) if rng.random() < 0.4 else 0.0,
        ),
        shadow=0.0 if flat else float(rng.uniform(0, 0.6)),
        sunk=0.0 if flat else float(rng.uniform(0, 0.5)),
        optics=Optics(
            beam_px=float(rng.uniform(0.3, 2.2)),
            astigmatism=float(rng.uniform(1, 1.8)),
            vibration_px=float(rng.uniform(0, 0.7)) if rng.random() < 0.4 else 0.0,
            streaks=float(rng.uniform(0, 0.02)) if rng.random() < 0.3 else 0.0,
            electrons=float(np.exp(rng.uniform(np.log(15), np.log(800)))),
            contrast=float(rng.uniform(0.8, 1.5)),
            brightness=float(rng.uniform(-0.05, 0.1)),
            gamma=float(rng.uniform(0.7, 1.4)),
            rescale=float(rng.uniform(0.5, 1.0)) if rng.random() < 0.4 else 1.0,
            jpeg_quality=int(rng.integers(40, 96)) if rng.random() < 0.5 else None,
        ),
        inverted=inverted,
    )
