"""Results made by hand, for tests of what is written of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import numpy as np

from nanotally.detect import Found
from nanotally.detections import CLASSES, Detections
from nanotally.measure.density import Examined
from nanotally.measure.measurement import measure
from nanotally.micrograph import read_micrograph
from nanotally.opencv import cv2
from nanotally.results import Result, Run

WIDTH, HEIGHT = 320, 240
DISCS = np.array([[60, 60, 22], [160, 70, 28], [250, 60, 18], [80, 170, 30], [200, 170, 25.5]])
"""x, y and radius in pixels."""


def boxes() -> np.ndarray:
    """Boxes of the discs, and one at the border in which nothing can be measured."""
    centre, radius = DISCS[:, :2], DISCS[:, 2:]
    return np.vstack([np.hstack([centre - radius, centre + radius]), [[300.25, 200.5, 319.75, 239.5]]])


def draw_discs(path: Path) -> Path:
    """An image file with bright discs."""
    image = np.full((HEIGHT * 8, WIDTH * 8), 60, np.uint8)
    for x, y, radius in DISCS * 8:
        cv2.circle(image, (round(x), round(y)), round(radius), 190, -1)
    image = cv2.resize(image, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA).astype(float)
    noise = np.random.default_rng(1).normal(0, 3, image.shape)
    cv2.imwrite(str(path), np.clip(image + noise, 0, 255).astype(np.uint8))
    return path


def result_of(path: Path, *, nm_per_px: float | None = 2.5, name: str | None = None) -> Result:
    """What a detector that knows the discs finds in the image."""
    micrograph = read_micrograph(path)
    if nm_per_px is not None:
        micrograph = replace(micrograph, nm_per_px=(nm_per_px, nm_per_px), pixel_size_from="config")
    n = len(DISCS) + 1
    flags = np.array([0] * (n - 1) + [1])
    found = Detections(boxes(), np.linspace(0.9, 0.5, n), np.array([1] * (n - 1) + [0]), flags)
    measured = measure(micrograph.image, found, Examined(micrograph.field), nm_per_px=micrograph.nm_per_px)
    return Result(name or path.name, path, micrograph, Found(found, False, 1, {}), measured)


def run_of(images: int) -> Run:
    """An analysis of so many images."""
    return Run(
        images=images,
        classes=CLASSES,
        model={"name": "stand-in", "sha256": "ab" * 32, "precision": "fp32", "path": "models/stand-in"},
        engine="none",
        thresholds={"cube": 0.5, "quasi_sphere": 0.4},
        settings={"scale": 1.0},
        nm_per_px=None,
        command=["nanotally", "detect", "a <b>.png"],
        folder=Path("/tmp"),
        started=datetime(2026, 3, 14, 15, 9, 26, tzinfo=timezone.utc),
    )
