"""From an image to its particles: one path for the daemon, `detect` and `evaluate`."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from nanotally.bundle import Bundle
from nanotally.detect.engine import Engine
from nanotally.detect.field import TOUCH_PX, Seen, in_field
from nanotally.detect.kinds import by_company
from nanotally.detect.merge import suppress
from nanotally.detect.pipeline import pipeline_of
from nanotally.detect.tiles import Level, largest_tile, plan_levels
from nanotally.detections import Detections
from nanotally.errors import ConfigError

Box = tuple[int, int, int, int]
PLANS_KEPT = 64
"""Sizes of field whose tiles are remembered."""
CLOSER = (2.0, 4.0)
"""Scales at which a field is looked at once more as long as its particles are small."""
SMALL_PX = 24.0
"""Median size of the particles, network pixels, below which they are. Chosen by five folds of real micrographs, where
24 to 28 do the same and 20 a little less."""
CLEARLY_MORE = 1.2
"""Ratio of the sums of scores from which a finer level is worth it; 1.15 and 1.3 do about the same."""
MOST_CLOSER_PX = 32_000_000
"""Network pixels of a field above which it is not looked at more closely: they would take seconds and memory."""


@dataclass(frozen=True, kw_only=True)
class DetectSettings:
    """How the detector looks at an image.

    Attributes:
        score: lowest score to keep, for every class; None: the bundle's own thresholds.
        thresholds: lowest score to keep by class; a class that is not in it has that of `score`.
        scale: network pixels per image pixel at the finest level; None: 1, and 2 or 4 where most particles are small.
        overlap_px: size in network pixels up to which every particle is whole in some tile of the finest level; None: a
            quarter of `input_size_px`.
        levels: how many scales, each half of the one before; None: until the field is not larger than `input_size_px`.
        max_detections: None: the bundle's own.
    """

    score: float | None = None
    thresholds: dict[str, float] = field(default_factory=dict)
    scale: float | None = None
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
        scale: network pixels per image pixel at the finest level that was looked at.
    """

    detections: Detections
    truncated: bool
    tiles: int
    latency_ms: Mapping[str, float]
    scale: float = 1.0


@dataclass(frozen=True)
class View:
    """What the engine saw of one image.

    Attributes:
        seen: the candidates in each level, finest first.
        field: x1 y1 x2 y2 in pixels of the image, half-open.
        latency_ms: milliseconds of the whole batch by stage.
    """

    seen: list[Seen]
    field: Box
    latency_ms: Mapping[str, float]

    @property
    def finest(self) -> Level:
        """The finest level."""
        return self.seen[0][0]


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
        self._thresholds = _by_class(manifest.classes, {**own, **settings.thresholds})
        self._lowest = np.full_like(self._thresholds, self._thresholds.min())  # company may change a class
        self._sure = _by_class(manifest.classes, manifest.thresholds)
        self._most = settings.max_detections or manifest.max_detections
        self._plans: dict[tuple[int, int, float], list[Level]] = {}

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

    def look_at(
        self, images: Sequence[tuple[NDArray[np.uint8], Box | None]], scales: Sequence[float | None] = ()
    ) -> list[View]:
        """The engine's part of `detect_all`; `scales` are those of the images, None where it is to be found out.

        Where no scale is known, fields whose particles are small are looked at in a finer level, too: of particles
        below 16 network pixels few are found. It is kept if it shows clearly more; of a noisy field it may show less.
        """
        fields = [field or (0, 0, image.shape[1], image.shape[0]) for image, field in images]
        parts = [image[y1:y2, x1:x2] for (image, _), (x1, y1, x2, y2) in zip(images, fields, strict=True)]
        known = [self.settings.scale] * len(parts) if self.settings.scale or not scales else list(scales)
        plans = [self._plan(part.shape, scale or 1.0) for part, scale in zip(parts, known, strict=True)]
        views = self._look(plans, parts, fields)
        rows = [row for row, scale in enumerate(known) if scale is None]
        for scale in CLOSER:
            rows = [row for row in rows if self._may_be_closer(views[row], scale)]
            if not rows:
                break
            plans = [self._plan(parts[row].shape, scale)[:1] for row in rows]
            finer = self._look(plans, [parts[row] for row in rows], [fields[row] for row in rows])
            for row, view in zip(rows, finer, strict=True):
                views[row] = self._better(views[row], view)
            rows = [row for row, (level,) in zip(rows, plans, strict=True) if views[row].finest is level]
        return views

    def _look(self, plans: list[list[Level]], parts: list[NDArray[np.uint8]], fields: list[Box]) -> list[View]:
        """The candidates in fields, those parts of images; all tiles of all `plans` in one batch."""
        looks = [(part, level) for part, plan in zip(parts, plans, strict=True) for level in plan]
        sight = self._pipeline.look(looks, self._lowest)
        views, first = [], 0
        for plan, own in zip(plans, fields, strict=True):
            seen = list(zip(plan, sight.candidates[first : first + len(plan)], strict=True))
            views.append(View(seen, own, sight.latency_ms))
            first += len(plan)
        return views

    def _may_be_closer(self, view: View, scale: float) -> bool:
        """Whether particles are small in the finest level, and one of this scale is not too much to do."""
        x1, y1, x2, y2 = view.field
        if (y2 - y1) * (x2 - x1) * scale**2 > MOST_CLOSER_PX:
            return False
        longer_px = self._sure_of(view).size.max(axis=1) * view.finest.scale_x
        return len(longer_px) > 0 and float(np.median(longer_px)) < SMALL_PX

    def _better(self, view: View, finer: View) -> View:
        """The view, with the finer level if that shows more: a sum of scores is about a number of particles."""
        took = {stage: ms + finer.latency_ms[stage] for stage, ms in view.latency_ms.items()}
        view = replace(view, latency_ms=took)
        closer = replace(view, seen=finer.seen + view.seen)
        clearly_more = self._sure_of(closer).score.sum() > CLEARLY_MORE * self._sure_of(view).score.sum()
        return closer if clearly_more else view

    def _sure_of(self, view: View) -> Detections:
        """The particles of a field that reach the bundle's own thresholds."""
        x1, y1, x2, y2 = view.field
        found, _ = in_field(view.seen, (y2 - y1, x2 - x1), overlap_px=self.overlap_px)
        found = found[found.score >= self._sure[found.class_id]]
        return found[suppress(found.xyxy, found.score, self.bundle.manifest.nms_iou)]

    def merge(self, views: Sequence[View]) -> list[Found]:
        """The rest of `detect_all`, which may be done by another thread than the engine's, meanwhile."""
        return [self._merge(view) for view in views]

    def _merge(self, view: View) -> Found:
        """The particles of one field, from the candidates of all its levels."""
        started = time.monotonic_ns()
        x1, y1, x2, y2 = view.field
        all_, rivals = in_field(view.seen, (y2 - y1, x2 - x1), overlap_px=self.overlap_px)
        kept = suppress(all_.xyxy, all_.score, self.bundle.manifest.nms_iou)
        found = by_company(all_[kept], rivals[kept], self._sure)
        found = found[found.score >= self._thresholds[found.class_id]]
        truncated, found = len(found) > self._most, found[: self._most]
        corner = np.array([x1, y1, x1, y1], np.float32)
        shifted = Detections(found.xyxy + corner, found.score, found.class_id, found.flags)
        merge_ms = (time.monotonic_ns() - started) / 1e6
        tiles = sum(len(level.corners) for level, _ in view.seen)
        latency_ms = {**view.latency_ms, "decode": view.latency_ms["decode"] + merge_ms}
        return Found(shifted, truncated, tiles, latency_ms, round(view.finest.scale_x, 3))

    def _plan(self, shape: tuple[int, ...], scale: float) -> list[Level]:
        height, width = shape
        if (height, width, scale) in self._plans:
            return self._plans[height, width, scale]
        if min(height, width) < 1:
            raise ConfigError(f"the examined field is {width} x {height} pixels: nothing to look at")
        own = self.settings
        levels = plan_levels(
            height=height,
            width=width,
            input_size=self.bundle.manifest.input_size_px,
            stride=self.bundle.manifest.stride,
            overlap=self.overlap_px + 2 * TOUCH_PX,
            scale=scale,
            most=own.levels,
        )
        if len(self._plans) == PLANS_KEPT:
            del self._plans[next(iter(self._plans))]
        self._plans[height, width, scale] = levels
        return levels


def _by_class(classes: Sequence[str], scores: Mapping[str, float]) -> NDArray[np.float32]:
    return np.array([scores[name] for name in classes], np.float32)


def _check(settings: DetectSettings, side: int, classes: Sequence[str]) -> None:
    most = side - 2 * TOUCH_PX - 1
    if settings.overlap_px is not None and not 0 <= settings.overlap_px <= most:
        raise ConfigError(f"overlap_px {settings.overlap_px} must be from 0 to {most}, for tiles of {side} px")
    if settings.scale is not None and not 0 < settings.scale <= 8:
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
