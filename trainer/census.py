"""Census: what is in each part of a training set, counted while it is written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanotally.detections import CLASSES, Detections, area
from nanotally.measure.contact import touching_boxes
from nanotally.trainer.evaluation.breakdown import CONTACT, PARTICLES, SIDES_PX
from nanotally.trainer.training_set import Tile

SHOWN = 12
"""Pictures of a part that are kept for the contact sheet."""
PERCENTILES = (5, 50, 95)


@dataclass(frozen=True, eq=False)
class Sight:
    """A picture for the contact sheet, with its labels."""

    image: NDArray[np.uint8]
    detections: Detections
    difficult: NDArray[np.bool_]


@dataclass(eq=False)
class Tally:
    """What is in one part; lists have one item a picture.

    Attributes:
        class_id: (n,) uint16 of its particles.
        size_px: (n,) float32, longer sides of their boxes.
        difficult: how many of them are difficult.
        covered: share of the picture that their boxes cover; boxes that overlap count twice.
        contact: share of them that touch another one, by their boxes; nan without particles.
        megapixels: of the picture.
        shown: some of the pictures.
    """

    class_id: list[NDArray[np.uint16]] = field(default_factory=list)
    size_px: list[NDArray[np.float32]] = field(default_factory=list)
    difficult: list[int] = field(default_factory=list)
    covered: list[float] = field(default_factory=list)
    contact: list[float] = field(default_factory=list)
    megapixels: list[float] = field(default_factory=list)
    shown: list[Sight] = field(default_factory=list)

    @property
    def particles(self) -> NDArray[np.int_]:
        """(pictures,) how many particles each has."""
        return np.array([len(ids) for ids in self.class_id], int)

    @property
    def sizes_px(self) -> NDArray[np.float32]:
        """(particles,) float32, longer sides of all boxes."""
        return np.concatenate([*self.size_px, np.zeros(0, np.float32)])

    def add(self, sight: Sight, rng: np.random.Generator) -> None:
        """Count a picture; each has the same chance to be shown in the end (reservoir sampling, Vitter 1985)."""
        found = sight.detections
        self.class_id.append(found.class_id)
        self.size_px.append(found.size.max(axis=1, initial=0))
        self.difficult.append(int(sight.difficult.sum()))
        self.covered.append(float(area(found.xyxy).sum()) / sight.image.size)
        self.contact.append(float(touching_boxes(found.xyxy).mean()) if len(found) else float("nan"))
        self.megapixels.append(sight.image.size / 1e6)
        if len(self.shown) < SHOWN:
            self.shown.append(sight)
        elif (place := int(rng.integers(len(self.class_id)))) < SHOWN:
            self.shown[place] = sight

    def figures(self) -> dict[str, Any]:
        """All figures, as they stand in the manifest; None where there is nothing to tell."""
        ids, sizes = np.concatenate([*self.class_id, np.zeros(0, np.uint16)]), self.sizes_px
        counts, contact = self.particles, np.array(self.contact)
        return {
            "pictures": len(counts),
            "particles": {name: int((ids == i).sum()) for i, name in enumerate(CLASSES)},
            "difficult": sum(self.difficult),
            "size_px": {name: _percentiles(sizes[ids == i]) for i, name in enumerate(CLASSES)},
            "particles_by_size_px": _steps(sizes, SIDES_PX),
            "particles_a_picture": _percentiles(counts),
            "pictures_by_particles": _steps(counts, PARTICLES),
            "particles_a_megapixel": _percentiles(counts / np.array(self.megapixels)),
            "covered": _percentiles(np.array(self.covered)),
            "pictures_by_contact": {
                name: int(((contact >= low) & (contact < high)).sum()) for name, (low, high) in CONTACT.items()
            },
        }


def _percentiles(values: NDArray[Any]) -> list[float] | None:
    return [round(float(v), 3) for v in np.percentile(values, PERCENTILES)] if values.size else None


def _steps(values: NDArray[Any], edges: Iterable[float]) -> dict[str, int]:
    return {
        f"{low:g} to {high:g}" if np.isfinite(high) else f"from {low:g}": int(((values >= low) & (values < high)).sum())
        for low, high in pairwise(edges)
    }


class Census:
    """Tallies of all parts.

    Attributes:
        tallies: by the part's name, in the order in which they were first seen.
    """

    def __init__(self, seed: int) -> None:
        """`seed` decides which pictures are shown."""
        self.tallies: dict[str, Tally] = {}
        self._rng = np.random.default_rng(seed)

    def add(self, part: str, sight: Sight) -> None:
        """Count one picture of a part."""
        self.tallies.setdefault(part, Tally()).add(sight, self._rng)

    def watch(self, part: str, tiles: Iterable[Tile]) -> Iterator[Tile]:
        """`tiles`, each counted as it passes."""
        for image, detections in tiles:
            self.add(part, Sight(image, detections, np.zeros(len(detections), bool)))
            yield image, detections
