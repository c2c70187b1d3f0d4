"""A specimen: one kind of preparation, seen at one setting of the microscope."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator

from nanotally.generator.annotation import Lettering
from nanotally.generator.bodies import DRAW, OTHERS, Habit, Material, Sprite
from nanotally.generator.imaging import Imaging
from nanotally.generator.pattern import Pattern, draw_template
from nanotally.generator.sites import Crowd
from nanotally.generator.substrate import Flaws, Substrate

SIZES_PX = (4.0, 600.0)
"""Range of the size of a single particle: below it nothing is left of a shape, above it nobody counts."""


@dataclass(frozen=True, kw_only=True)
class Specimen:
    """One kind of preparation seen at one setting of the microscope.

    Attributes:
        cube_share: share of cubes among the particles that are counted; the rest are quasi-spheres.
        template_share: share of them that is cut from real micrographs, where a pattern is given.
        other: a shape that is not counted, a name in `OTHERS`.
        other_share: share of the particles that has it.
        d_g_nm: geometric mean of the size (edge of a cube, diameter of a quasi-sphere), nanometres.
        sigma_g: geometric standard deviation of the size; 1: all alike.
        nm_per_px: pixel size: the magnification.
        count: particles in the field; None: another measure is given.
        coverage: projected area of all particles as a share of the field's, and above 0 at least one particle;
            None: another measure is given.
        density_per_um2: particles a square micrometre, of which a field holds a Poisson number; None: another measure
            is given.
        crowd: how the particles lie.
        habit: their shape.
        material: how they answer to the beam.
        substrate: what they lie on.
        flaws: what else lies there.
        shadow: share of the signal that is lost beside a particle.
        sunk: share of its signal that the lowest particle of stacks or heaps has lost against the topmost.
        imaging: the microscope, and what came after it.
        lettering: what software and publishers print on the picture.
    """

    cube_share: float = 0.5
    template_share: float = 0.5
    other: str = "rod"
    other_share: float = 0.0
    d_g_nm: float = 120.0
    sigma_g: float = 1.15
    nm_per_px: float = 3.0
    count: float | None = None
    coverage: float | None = None
    density_per_um2: float | None = None
    crowd: Crowd = field(default_factory=Crowd)
    habit: Habit = field(default_factory=Habit)
    material: Material = field(default_factory=Material)
    substrate: Substrate = field(default_factory=Substrate)
    flaws: Flaws = field(default_factory=Flaws)
    shadow: float = 0.0
    sunk: float = 0.0
    imaging: Imaging = field(default_factory=Imaging)
    lettering: Lettering = field(default_factory=Lettering)

    @property
    def d_g_px(self) -> float:
        """Geometric mean of the size in pixels."""
        return self.d_g_nm / self.nm_per_px

    def how_many(self, height: int, width: int, rng: Generator) -> int | None:
        """Particles for a field of that many pixels; None: as many as there is room for.

        The mean projected area of a log-normal population is pi/4 d_g^2 exp(2 ln^2 sigma_g) (Hatch and Choate 1929),
        of a square in place of a circle 4/pi of that.
        """
        if self.count is not None:
            return round(self.count)
        if self.density_per_um2 is not None:
            return int(rng.poisson(self.density_per_um2 * height * width * (self.nm_per_px / 1000) ** 2))
        if self.coverage is not None:
            outline = np.pi / 4 + (1 - np.pi / 4) * self.cube_share
            area_px = outline * self.d_g_px**2 * np.exp(2 * np.log(self.sigma_g) ** 2)
            return max(round(float(self.coverage * height * width / area_px)), int(self.coverage > 0))
        return None


def draw_particle(
    specimen: Specimen, rng: Generator, *, turn_rad: float | None = None, pattern: Pattern | None = None
) -> Sprite:
    """One particle of the specimen, its kind and its size drawn at random.

    Args:
        specimen: what it belongs to.
        rng: of the draws.
        turn_rad: angle about the beam; None: any. Templates are always turned by any: nobody knows how they lay.
        pattern: templates to take some of the particles from.
    """
    size_px = specimen.d_g_px * float(np.exp(rng.normal(0, np.log(specimen.sigma_g)))) if specimen.sigma_g > 1 else (
        specimen.d_g_px
    )  # fmt: skip
    size_px = float(np.clip(size_px, *SIZES_PX))
    if specimen.other_share and rng.random() < specimen.other_share:
        draw = OTHERS[specimen.other]
    elif pattern is not None and rng.random() < specimen.template_share:
        return draw_template(pattern, rng, size_px=size_px, level=specimen.material.level)
    else:
        draw = DRAW["cube" if rng.random() < specimen.cube_share else "quasi_sphere"]
    return draw(size_px, specimen.habit, specimen.material, rng, turn_rad=turn_rad)
