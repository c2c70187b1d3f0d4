"""From an image to its particles: one path for the daemon, `detect` and `evaluate`."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from nanotally.bundle import Bundle
from nanotally.detect.engine import Engine
from nanotally.detect.field import TOUCH_PX, Seen, in_field
from nanotally.detect.merge import suppress
from nanotally.detect.pipeline import pipeline_of
from nanotally.detect.tiles import Level, largest_tile, plan_levels
from nanotally.detections import Detections
from nanotally.errors import ConfigError

Box = tuple[int, int, int, int]
PLANS_KEPT = 64
"""Sizes of field whose tiles are remembered."""


@dataclass(frozen=True, kw_only=True)
class DetectSettings:
    """How the detector looks at an image.

    Attributes:
        score: lowest score to keep, for every class; None: the bundle's own thresholds.
        thresholds: lowest score to keep by class; a class that is not in it has that of `score`.
        scale: network pixels per image pixel at the finest level.
        overlap_px: size in network pixels up to which every particle is whole in some tile of the finest level; None: a
            quarter of `input_size_px`.
        levels: how many scales, each half of the one before; None: until the field is not larger than `input_size_px`.
        max_detections: None: the bundle's own.
    """

    score: float | None = None
    thresholds: dict[str, float] = field(default_factory=dict)
    scale: float = 1.0
    overlap_px: int | None = None
    levels: int | None = None
    max_detections: int | None = None


@dataclass(frozen=True)
class Found:
    """What `Detector.detect` answers.

    Attributes:
        detections: the particles, boxes in pixels of the image, best score first.
        truncated: True if there were more than `max_detections`.
        tiles: how many tiles were looked at.
        latency_ms: milliseconds a stage: `tile`, `infer`, `decode`.
    """

    detections: Detections
    truncated: bool
    tiles: int
    latency_ms: Mapping[str, float]


@dataclass(frozen=True)
class View:
    """What the engine saw of one image.

    Attributes:
        seen: the candidates in each level.
        field: x1 y1 x2 y2 in pixels of the image, half-open.
        latency_ms: milliseconds of the whole batch by stage.
    """

    seen: list[Seen]
    field: Box
    latency_ms: Mapping[str, float]


class Detector:
    """Finds particles in grey images. Used by one thread.

    Attributes:
        bundle: the model.
        engine: what runs it.
        tile_px: largest side of a tile, network pixels.
        settings: what was asked for.
        overlap_px: size in network pixels up to which every particle is whole in some tile of the finest level.

    Raises:
        ConfigError: as `adopt`.
    """

    def __init__(self, bundle: Bundle, engine: Engine, settings: DetectSettings | None = None) -> None:
        self.bundle = bundle
        self.engine = engine
        self.tile_px = largest_tile(bundle.manifest.input_size_px, bundle.manifest.stride)
        self._pipeline = pipeline_of(engine)
        self.adopt(settings or DetectSettings())

    def adopt(self, settings: DetectSettings) -> None:
        """Look at the images to come in another way; where that cannot be, nothing changes.

        Raises:
            ConfigError: if the overlap leaves no room for a step between tiles, a number is out of range, or a
                threshold is for a class that the model does not have.
        """
        manifest = self.bundle.manifest
        _check(settings, self.tile_px, manifest.classes)
        self.settings = settings
        self.overlap_px = manifest.input_size_px // 4 if settings.overlap_px is None else settings.overlap_px
        own = manifest.thresholds if settings.score is None else dict.fromkeys(manifest.classes, settings.score)
        chosen = {**own, **settings.thresholds}
        self._thresholds = np.array([chosen[name] for name in manifest.classes], np.float32)
        self._most = settings.max_detections or manifest.max_detections
        self._plans: dict[tuple[int, int], list[Level]] = {}

    @property
    def thresholds(self) -> dict[str, float]:
        """Score at which each class is kept."""
        return dict(zip(self.bundle.manifest.classes, map(float, self._thresholds), strict=True))

    def detect(self, image: NDArray[np.uint8], *, field: Box | None = None) -> Found:
        """Particles of `image` (height, width) uint8 inside `field` (x1 y1 x2 y2 px, half-open; None: all of it)."""
        return self.detect_all([(image, field)])[0]

    def detect_all(self, images: Sequence[tuple[NDArray[np.uint8], Box | None]]) -> list[Found]:
        """Particles of several images, each with its field; their tiles share one batch.

        The milliseconds are those of the batch, for each of the images; to `decode` comes its own merging.
        """
        return self.merge(self.look_at(images))

    def look_at(self, images: Sequence[tuple[NDArray[np.uint8], Box | None]]) -> list[View]:
        """The engine's part of `detect_all`."""
        fields = [field or (0, 0, image.shape[1], image.shape[0]) for image, field in images]
        parts = [image[y1:y2, x1:x2] for (image, _), (x1, y1, x2, y2) in zip(images, fields, strict=True)]
        plans = [self._plan(part.shape) for part in parts]
        looks = [(part, level) for part, plan in zip(parts, plans, strict=True) for level in plan]
        sight = self._pipeline.look(looks, self._thresholds)
        views, first = [], 0
        for plan, own in zip(plans, fields, strict=True):
            seen = list(zip(plan, sight.candidates[first : first + len(plan)], strict=True))
            views.append(View(seen, own, sight.latency_ms))
            first += len(plan)
        return views

    def merge(self, views: Sequence[View]) -> list[Found]:
        """The rest of `detect_all`, which may be done by another thread than the engine's, meanwhile."""
        return [self._merge(view) for view in views]

    def _merge(self, view: View) -> Found:
        """The particles of one field, from the candidates of all its levels."""
        started = time.monotonic_ns()
        x1, y1, x2, y2 = view.field
        all_ = in_field(view.seen, (y2 - y1, x2 - x1), overlap_px=self.overlap_px)
        kept = suppress(all_.xyxy, all_.score, self.bundle.manifest.nms_iou)
        found = all_[kept[: self._most]]
        corner = np.array([x1, y1, x1, y1], np.float32)
        shifted = Detections(found.xyxy + corner, found.score, found.class_id, found.flags)
        merge_ms = (time.monotonic_ns() - started) / 1e6
        tiles = sum(len(level.corners) for level, _ in view.seen)
        latency_ms = {**view.latency_ms, "decode": view.latency_ms["decode"] + merge_ms}
        return Found(shifted, len(kept) > self._most, tiles, latency_ms)

    def _plan(self, shape: tuple[int, ...]) -> list[Level]:
        height, width = shape
        if (height, width) in self._plans:
            return self._plans[height, width]
        if min(height, width) < 1:
            raise ConfigError(f"the examined field is {width} x {height} pixels: nothing to look at")
        own = self.settings
        levels = plan_levels(
            height=height,
            width=width,
            input_size=self.bundle.manifest.input_size_px,
            stride=self.bundle.manifest.stride,
            overlap=self.overlap_px + 2 * TOUCH_PX,
            scale=own.scale,
            most=own.levels,
        )
        if len(self._plans) == PLANS_KEPT:
            del self._plans[next(iter(self._plans))]
        self._plans[height, width] = levels
        return levels


def _check(settings: DetectSettings, side: int, classes: Sequence[str]) -> None:
    most = side - 2 * TOUCH_PX - 1
    if settings.overlap_px is not None and not 0 <= settings.overlap_px <= most:
        raise ConfigError(f"overlap_px {settings.overlap_px} must be from 0 to {most}, for tiles of {side} px")
    if not 0 < settings.scale <= 8:
        raise ConfigError(f"scale {settings.scale} must be above 0 and at most 8")
    if settings.score is not None and not 0 < settings.score < 1:
        raise ConfigError(f"score {settings.score} must lie between 0 and 1")
    for name, score in settings.thresholds.items():
        if name not in classes:
            raise ConfigError(f"thresholds.{name}: the model has no such class; there are {', '.join(classes)}")
        if not 0 < score < 1:
            raise ConfigError(f"thresholds.{name} {score} must lie between 0 and 1")
    for name in ("levels", "max_detections"):
        value = getattr(settings, name)
        if value is not None and value < 1:
            raise ConfigError(f"{name} {value} must be 1 or more")
