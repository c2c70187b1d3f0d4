"""Where the next particle may lie: anywhere, at a cluster, a chain, a stack or a heap, on a lattice."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
from numpy.random import Generator

from nanotally.generator.bodies import CUBE, Sprite

Arrangement = Literal["scattered", "clustered", "chains", "stacked", "piled", "hexagonal", "square"]
STIFFNESS_RAD = 0.45
"""Standard deviation of the bend of a chain from one particle to the next."""
STUCK = 20
"""Offers in a row that were not taken, after which another cluster is begun."""
STACKED = 0.75
"""Share of a stacked or piled particle that may lie on the others, whatever the crowd says."""
DRAWN_IN = 0.75
"""Share of the round particles that capillary forces draw into the gap between two others."""


@dataclass(frozen=True, kw_only=True)
class Crowd:
    """How particles share the field.

    Attributes:
        arrangement: `scattered` anywhere; `clustered` in contact, cubes face to face; `chains`, each in contact with
            the one before; `stacked`, each half on the one before; `piled` on heaps; on a `hexagonal` or `square`
            lattice.
        cluster_size: mean number of particles in a cluster, chain, stack or heap.
        disorder_rad: standard deviation of the turn of a particle against its cluster or lattice, radians.
        filled: share of the field that a lattice covers, in patches, 0 to 1.
        max_overlap: share of a particle's mask that may lie on earlier ones, 0 to 1; 0 keeps them apart. Stacked and
            piled ones may always overlap by `STACKED`.
        slip: standard deviation of the shift between two particles in contact along their face, as a share of its edge.
        warp: standard deviation of the bend of a lattice, as a share of its pitch.
        gap_px: least distance between masks where `max_overlap` is 0, pixels.
        inside: True if no particle may be cut by the border.
    """

    arrangement: Arrangement = "scattered"
    cluster_size: float = 8.0
    disorder_rad: float = 0.1
    slip: float = 0.06
    warp: float = 0.0
    filled: float = 1.0
    max_overlap: float = 0.0
    gap_px: int = 1
    inside: bool = True

    @property
    def heaped(self) -> bool:
        """True if particles lie on one another, in stacks or heaps, and so at different heights."""
        return self.arrangement in ("stacked", "piled")


class Sites(Protocol):
    """Places for one particle after another."""

    def turn(self) -> float | None:
        """Angle about the beam of the next particle, radians; None: any."""

    def offer(self, sprite: Sprite) -> tuple[float, float] | None:
        """x, y of a centre for that particle, pixels; another with every call, None when there are no more."""

    def take(self, sprite: Sprite, x: float, y: float) -> None:
        """The particle was laid there."""


def sites_of(crowd: Crowd, *, height: int, width: int, rng: Generator) -> Sites:
    """The places that the crowd's arrangement offers on a field of `height` x `width` pixels."""
    if crowd.arrangement == "scattered":
        return Anywhere(height, width, rng)
    if crowd.arrangement in ("hexagonal", "square"):
        return Lattice(crowd, height, width, rng)
    return Clusters(crowd, height, width, rng)


def _somewhere(height: int, width: int, rng: Generator, *, first: bool) -> tuple[float, float]:
    """A place drawn from the field; the first is in its middle half: that is what the picture was taken for."""
    x, y = 0.25 + 0.5 * rng.random(2) if first else rng.random(2)
    return width * float(x), height * float(y)


@dataclass
class Anywhere:
    """Every place is as good as any other."""

    height: int
    width: int
    rng: Generator
    empty: bool = True

    def turn(self) -> float | None:
        """Any."""
        return None

    def offer(self, sprite: Sprite) -> tuple[float, float]:
        """A place drawn from the field."""
        return _somewhere(self.height, self.width, self.rng, first=self.empty)

    def take(self, sprite: Sprite, x: float, y: float) -> None:
        """The field is no longer empty."""
        self.empty = False


@dataclass
class Cluster:
    """Particles that belong together, (x, y, size in pixels) each, and which one each was laid against."""

    turn_rad: float
    heading_rad: float
    members: list[tuple[float, float, float]] = field(default_factory=list)
    laid_against: list[int] = field(default_factory=list)


@dataclass
class Clusters:
    """Places in contact with what lies there already."""

    crowd: Crowd
    height: int
    width: int
    rng: Generator

    def __post_init__(self) -> None:
        self._all: list[Cluster] = []
        self._refused = 0
        self._against = 0
        self._now = self._new()

    def _new(self) -> Cluster:
        return Cluster(*self.rng.uniform(0, 2 * np.pi, 2))

    def turn(self) -> float | None:
        """That of the cluster which the next particle joins, more or less."""
        begun = self.rng.random() < 1 / max(self.crowd.cluster_size, 1)
        if not self._all or begun or self._refused >= STUCK:
            self._now = self._new()
        else:
            self._now = self._all[self.rng.integers(len(self._all))]
        return self._now.turn_rad + self.crowd.disorder_rad * self.rng.standard_normal()

    def offer(self, sprite: Sprite) -> tuple[float, float]:
        """A place at the cluster; the first particle of one may lie anywhere."""
        self._refused += 1
        members = self._now.members
        if not members:
            return _somewhere(self.height, self.width, self.rng, first=not self._all)
        if self.crowd.arrangement == "piled":
            spread = 0.35 * sprite.size_px * np.sqrt(len(members) + 1)
            x, y = self.rng.normal(np.mean([m[:2] for m in members[:5]], axis=0), spread)
            return float(x), float(y)
        linear = self.crowd.arrangement in ("chains", "stacked")
        self._against = len(members) - 1 if linear else int(self.rng.integers(len(members)))
        x, y, size = members[self._against]
        reach = self._reach((size + sprite.size_px) / 2)
        heading = self._heading(sprite, reach, linear=linear)
        slip = self.crowd.slip * reach * self.rng.standard_normal() if sprite.class_id == CUBE or linear else 0.0
        cosine, sine = math.cos(heading), math.sin(heading)
        return x + reach * cosine - slip * sine, y + reach * sine + slip * cosine

    def _reach(self, contact: float) -> float:
        """Distance of the next particle from the one that it is laid against, whose distance in contact is given."""
        if self.crowd.arrangement == "stacked":
            return contact * self.rng.uniform(0.25, 0.7)
        reach = contact * self.rng.uniform(1 - 0.3 * self.crowd.max_overlap, 1.08)
        return reach if self.crowd.max_overlap else reach + self.crowd.gap_px + 1  # a place is rounded to whole pixels

    def _heading(self, sprite: Sprite, reach: float, *, linear: bool) -> float:
        """Direction of the next particle from the one that it is laid against, radians."""
        if linear:
            return self._now.heading_rad + STIFFNESS_RAD * float(self.rng.standard_normal())
        if sprite.class_id == CUBE:
            return self._now.turn_rad + np.pi / 2 * int(self.rng.integers(4))
        members = self._now.members
        other = self._now.laid_against[self._against]
        if other == self._against or self.rng.random() >= DRAWN_IN:
            return self.rng.uniform(0, 2 * np.pi)
        # Three in contact: the angle at the one follows from the sides of their triangle.
        (x, y, _), (x2, y2, size2) = members[self._against], members[other]
        base, side = math.hypot(x2 - x, y2 - y), reach + (size2 - members[self._against][2]) / 2
        cosine = (reach**2 + base**2 - side**2) / max(2 * reach * base, 1e-6)
        corner = math.acos(min(max(cosine, -1.0), 1.0))
        return math.atan2(y2 - y, x2 - x) + (corner if self.rng.random() < 0.5 else -corner)

    def take(self, sprite: Sprite, x: float, y: float) -> None:
        """The particle is now one of the cluster."""
        self._refused = 0
        cluster = self._now
        if not cluster.members:
            self._all.append(cluster)
        else:
            cluster.heading_rad = float(np.arctan2(y - cluster.members[-1][1], x - cluster.members[-1][0]))
        cluster.laid_against.append(self._against if cluster.members else 0)
        cluster.members.append((x, y, sprite.size_px))


@dataclass
class Lattice:
    """The sites of a lattice, patch by patch; its pitch follows from the first particle."""

    crowd: Crowd
    height: int
    width: int
    rng: Generator

    def __post_init__(self) -> None:
        self._turn_rad = float(self.rng.uniform(0, 2 * np.pi))
        self._sites: Iterator[np.ndarray] | None = None

    def turn(self) -> float | None:
        """That of the lattice, more or less."""
        return self._turn_rad + self.crowd.disorder_rad * self.rng.standard_normal()

    def offer(self, sprite: Sprite) -> tuple[float, float] | None:
        """The next site."""
        if self._sites is None:
            self._sites = iter(self._lay(sprite.size_px * self.rng.uniform(1.0, 1.12) + self.crowd.gap_px))
        site = next(self._sites, None)
        return None if site is None else (float(site[0]), float(site[1]))

    def take(self, sprite: Sprite, x: float, y: float) -> None:
        """Changes nothing."""

    def _lay(self, pitch: float) -> np.ndarray:
        """Sites (n, 2) x y, pixels."""
        reach = np.hypot(self.height, self.width) / 2 + pitch
        most = np.ceil(1.2 * reach / pitch)  # the two axes of a hexagonal lattice are not at right angles
        steps = np.arange(-most, most + 1)
        second = [pitch / 2, pitch * np.sqrt(3) / 2] if self.crowd.arrangement == "hexagonal" else [0, pitch]
        sites = np.stack([axis.ravel() for axis in np.meshgrid(steps, steps)], axis=1) @ np.array([[pitch, 0], second])
        cosine, sine = np.cos(self._turn_rad), np.sin(self._turn_rad)
        sites = sites @ np.array([[cosine, sine], [-sine, cosine]])
        size = np.array([self.width, self.height])
        sites += size / 2 + self.rng.uniform(-pitch / 2, pitch / 2, 2)
        sites = sites[np.all((sites > -pitch / 2) & (sites < size + pitch / 2), axis=1)]
        rank = self._patches(sites)
        if self.crowd.warp:
            sites = sites + self.crowd.warp * pitch * self._bends(sites)
        # From the middle of a patch to its border, so that few particles make a small patch and no sieve.
        order = np.argsort(rank)[: round(self.crowd.filled * len(sites))]
        return np.asarray(sites[order] + 0.02 * pitch * self.rng.standard_normal((len(order), 2)))

    def _bends(self, sites: np.ndarray) -> np.ndarray:
        """Displacement (n, 2), unit deviation, of each site in broad waves."""
        waves = self.rng.normal(0, 0.8 / max(self.height, self.width), (2, 6, 2))
        phases = self.rng.uniform(0, 2 * np.pi, (2, 6))
        bends = np.sin(2 * np.pi * np.einsum("nk,awk->naw", sites, waves) + phases).sum(axis=2)
        return np.asarray(bends / np.sqrt(3))

    def _patches(self, sites: np.ndarray) -> np.ndarray:
        """Rank (n,), 0 to 1, of each site in a landscape of broad waves."""
        waves = self.rng.normal(0, 2.2 / max(self.height, self.width), (6, 2))
        landscape = np.sin(2 * np.pi * (sites @ waves.T + self.rng.random(6))).sum(axis=1)
        return np.asarray(landscape.argsort().argsort() / max(len(sites), 1))
