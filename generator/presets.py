"""The paper's two training sets (section 2.4, table 2), made to the same numbers from procedural shapes.

Half of the pictures come from the eight patterns of table 1, as the paper's generator made them. The other half show
quasi-spheres only; the paper took those from a public repository, here they are drawn, or taken from a labelled set.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.random import Generator

from nanotally.detections import CLASSES
from nanotally.errors import DatasetError, UsageError
from nanotally.generator.bodies import CUBE, DRAW, QUASI_SPHERE, Habit, Material
from nanotally.generator.orders import Made, Picture, picture_of
from nanotally.generator.paper import make_paper_micrograph
from nanotally.generator.pattern import Pattern, Template
from nanotally.labels import LabelledImage, Sample, read_dataset
from nanotally.micrograph import read_micrograph

MOST = 40
"""Quasi-spheres that surely fit into a drawn picture: real ones never leave more than this for each of the others."""
REPOSITORY_PX = (1024, 768)
"""Width and height of the pictures in the repository that the paper took its quasi-spheres from."""


@dataclass(frozen=True, kw_only=True)
class PaperPattern:
    """A row of table 1.

    Attributes:
        templates: how many.
        width: of the source micrograph, pixels.
        height: of the source micrograph, pixels.
        mixed: True for cubes and quasi-spheres, half and half; False for cubes only.
        length_um: mean length of its particles, micrometres.
        size_px: the same in pixels. The paper has it for pattern 2 only (figure 1), and says that the first was taken
            at a greater magnification; the others are our choice.
    """

    templates: int
    width: int = 1280
    height: int = 960
    mixed: bool = False
    length_um: float
    size_px: float


TABLE_1 = (
    PaperPattern(templates=2, width=640, height=480, length_um=0.146, size_px=70),
    PaperPattern(templates=4, length_um=0.13, size_px=55),
    PaperPattern(templates=6, length_um=0.13, size_px=55),
    PaperPattern(templates=10, mixed=True, length_um=0.15, size_px=50),
    PaperPattern(templates=31, width=640, height=480, mixed=True, length_um=0.15, size_px=28),
    PaperPattern(templates=17, width=640, height=480, mixed=True, length_um=0.15, size_px=32),
    PaperPattern(templates=29, width=640, height=480, mixed=True, length_um=0.14, size_px=28),
    PaperPattern(templates=57, length_um=0.15, size_px=40),
)


@dataclass(frozen=True)
class PaperSet:
    """A row of table 2: numbers of labelled particles and of pictures."""

    cubes: int
    quasi_spheres: int
    images: int


PRESETS = {"A": PaperSet(450, 1000, 105), "B": PaperSet(1025, 1025, 112)}


def find_preset(name: str) -> PaperSet:
    """The set called `name`, `A` or `B`.

    Raises:
        UsageError: if there is none.
    """
    if name.upper() not in PRESETS:
        raise UsageError(f"preset {name!r} is not known; there are {' and '.join(PRESETS)}")
    return PRESETS[name.upper()]


def make_preset(wanted: PaperSet, *, seed: int, real: Path | None = None) -> Iterator[Picture]:
    """The pictures of the set, one after another: what one picture could not hold goes to the next.

    Args:
        wanted: the numbers to hit.
        seed: of everything; the same seed gives the same bytes.
        real: labelled set whose pictures of quasi-spheres alone are taken whole, as many as the numbers allow.

    Raises:
        UsageError: if the seed is below 0.
        DatasetError: if `real` is not a data set, or, with the last picture, if the numbers could not be hit.
        LabelError, MicrographError: if a file of `real` is not what it should be.
    """
    if seed < 0:
        raise UsageError(f"seed is {seed}, expected 0 or more")
    return _pictures(wanted, seed, [] if real is None else _quasi_spheres_only(real))


def _pictures(wanted: PaperSet, seed: int, samples: list[Sample]) -> Iterator[Picture]:
    rest = {"cube": wanted.cubes, "quasi_sphere": wanted.quasi_spheres}
    turns = sorted(range(wanted.images // 2), key=lambda turn: not TABLE_1[turn % len(TABLE_1)].mixed)
    for done, turn in enumerate(turns):
        yield _taken(_of_pattern(turn, _share(rest["cube"], len(turns) - done), seed), rest)
    left = wanted.images - len(turns)
    for sample in samples:
        picture = _real(sample)
        if left - 1 <= rest["quasi_sphere"] - len(picture.labels) <= MOST * (left - 1):
            left -= 1
            yield _taken(picture, rest)
    for remaining in range(left, 0, -1):
        yield _taken(_quasi_spheres(remaining, _share(rest["quasi_sphere"], remaining), seed), rest)
    if any(rest.values()):
        raise DatasetError(f"{rest['cube']} cubes and {rest['quasi_sphere']} quasi-spheres found no room; try --seed")


def _share(rest: int, pictures: int) -> int:
    return -(-rest // pictures)


def _taken(picture: Picture, rest: dict[str, int]) -> Picture:
    """The same picture, its particles taken off `rest`."""
    for name, n in picture.labels.detections.counts().items():
        rest[name] -= n
    return picture


def _of_pattern(turn: int, most: int, seed: int) -> Picture:
    """A picture of up to `most` particles by the pattern whose turn it is."""
    index = turn % len(TABLE_1)
    row, rng = TABLE_1[index], np.random.default_rng((seed, 0, index))
    classes = (CUBE, QUASI_SPHERE) if row.mixed else (CUBE,)
    pattern = _draw_pattern(row.width, row.height, classes, row.templates, row.size_px, rng)
    facts: dict[str, object] = {
        "source": f"pattern {index + 1}",
        "nm_per_px": round(1000 * row.length_um / row.size_px, 3),
    }
    return _picture(pattern, most, (seed, 1, turn), facts)


def _quasi_spheres(number: int, most: int, seed: int) -> Picture:
    """A picture of up to `most` quasi-spheres, in place of one from the repository."""
    rng = np.random.default_rng((seed, 2, number))
    pattern = _draw_pattern(*REPOSITORY_PX, (QUASI_SPHERE,), 12, float(np.exp(rng.uniform(3, 4.1))), rng)
    return _picture(pattern, most, (seed, 3, number), {"source": "quasi-spheres"})


def _draw_pattern(
    width: int, height: int, classes: tuple[int, ...], templates: int, size_px: float, rng: Generator
) -> Pattern:
    """A pattern of procedural templates of one specimen, the classes in turn."""
    material = Material(
        level=rng.uniform(0.4, 0.65), edge_gain=rng.uniform(0.2, 0.8), side_rad=rng.uniform(0, 2 * np.pi)
    )
    habit = Habit(tilt_rad=0.4)
    drawn = []
    for number in range(templates):
        sprite = DRAW[CLASSES[classes[number % len(classes)]]](
            size_px * float(np.exp(rng.normal(0, 0.1))), habit, material, rng
        )
        drawn.append(Template(sprite.signal, sprite.alpha, classes[number % len(classes)], 1.0))
    return Pattern(width, height, tuple(drawn))


def _picture(pattern: Pattern, most: int, seed: tuple[int, ...], facts: dict[str, object]) -> Picture:
    micrograph = make_paper_micrograph(
        pattern, height=pattern.height, width=pattern.width, max_particles=most, seed=seed
    )
    made = picture_of(Made(micrograph))
    return replace(made, facts={**facts, **made.facts})


def _quasi_spheres_only(folder: Path) -> list[Sample]:
    """The pictures of the set in which everything labelled is a quasi-sphere, the emptiest first."""
    samples = [s for s in read_dataset(folder).samples if s.labels.detections.class_id.tolist()]
    only = [s for s in samples if (s.labels.detections.class_id == QUASI_SPHERE).all()]
    return sorted(only, key=lambda sample: len(sample.labels))


def _real(sample: Sample) -> Picture:
    """A real picture without its databar, which the paper removed too."""
    micrograph = read_micrograph(sample.image)
    x1, y1, x2, y2 = micrograph.field
    corner, size = np.array([x1, y1] * 2), np.array([x2 - x1, y2 - y1] * 2)
    found = sample.labels.detections
    xyxy = np.clip(found.xyxy - corner, 0, size)
    seen = (xyxy[:, 2:] > xyxy[:, :2]).all(axis=1)
    labels = LabelledImage(
        sample.image.name,
        x2 - x1,
        y2 - y1,
        replace(found, xyxy=xyxy.astype(np.float32))[seen],
        sample.labels.difficult[seen],
        sample.labels.truncated[seen],
        sample.labels.visible[seen],
    )
    facts = {"source": sample.image.name}
    return Picture(micrograph.image[y1:y2, x1:x2], labels, facts, nm_per_px=micrograph.nm_per_px)
