"""What was found and measured in one image file, as rows and as plain values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from nanotally.detect import Found
from nanotally.detections import FLAG_BORDER
from nanotally.measure.measurement import Measurement
from nanotally.measure.quantities import SIZES, rounded
from nanotally.micrograph import Micrograph

COLUMNS = (
    "image", "particle", "class", "score", "x1_px", "y1_px", "x2_px", "y2_px", "at_border", "agglomerate",
    *(size.format("nm") for size in SIZES), *(size.format("px") for size in SIZES), "orientation_deg",
    "nm_per_px_x", "nm_per_px_y", "pixel_size_from",
)  # fmt: skip
"""Of the table of particles. Sizes are in nm where the pixel size is known and in px where it is not; what was not
measured is left out. `particle` counts from 1 in every image."""
FIGURES = ("examined_px", "density_per_um2", "agglomerates", "covered_share", "sharpness")
"""Of an image, as in `Measurement`."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """What is the same for all images of one analysis.

    Attributes:
        images: how many there are to look at.
        classes: names of the class ids.
        model: of the bundle: name, sha256 of its network and what else tells it from others.
        engine: what runs the network, in words.
        thresholds: score at which each class is kept.
        settings: how images are looked at, as in `DetectSettings`.
        nm_per_px: for images that do not tell it themselves, or None.
        command: words of the command line.
        folder: where it was given.
        started: wall clock.
    """

    images: int
    classes: tuple[str, ...]
    model: Mapping[str, Any]
    engine: str
    thresholds: Mapping[str, float]
    settings: Mapping[str, Any]
    nm_per_px: float | None
    command: Sequence[str]
    folder: Path
    started: datetime


@dataclass(frozen=True)
class Result:
    """What was found in one file.

    Attributes:
        name: by which the results call it, with / between folders.
        path: of the file.
        micrograph: what was read from it.
        found: the particles.
        measured: their sizes, and what was measured on the image as a whole.
    """

    name: str
    path: Path
    micrograph: Micrograph
    found: Found
    measured: Measurement


def rows(result: Result, classes: Sequence[str]) -> Iterator[dict[str, Any]]:
    """A row a particle, keys of `COLUMNS`; what was not measured is not in it."""
    micrograph = result.micrograph
    shared: dict[str, Any] = {}
    if micrograph.nm_per_px is not None:
        shared = dict(zip(("nm_per_px_x", "nm_per_px_y"), micrograph.nm_per_px, strict=True))
        shared["pixel_size_from"] = micrograph.pixel_size_from
    for particle, flags in zip(particles(result, classes), result.found.detections.flags, strict=True):
        box = dict(zip(("x1_px", "y1_px", "x2_px", "y2_px"), particle.pop("xyxy"), strict=True))
        row = {name: value for name, value in particle.items() if value is not None}
        yield {"image": result.name, **row, **box, "at_border": int(flags & FLAG_BORDER > 0), **shared}


def particles(result: Result, classes: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Each particle with its sizes; None where not measured."""
    found, columns = result.found.detections, result.measured.columns
    lists = {name: values.tolist() for name, values in columns.items()}
    for row, (box, score, class_id) in enumerate(zip(found.xyxy, found.score, found.class_id, strict=True)):
        measured = {name: rounded(values[row]) for name, values in lists.items()}
        xyxy = [round(float(v), 2) for v in box]
        known = {"particle": row + 1, "class": classes[class_id], "score": round(float(score), 4)}
        yield {**known, "xyxy": xyxy, **measured}


def facts(result: Result, classes: Sequence[str]) -> dict[str, Any]:
    """An image with its particles, as plain values for JSON."""
    micrograph = result.micrograph
    return {
        "image": result.name,
        "width": micrograph.image.shape[1],
        "height": micrograph.image.shape[0],
        "field": list(micrograph.field),
        "nm_per_px": micrograph.nm_per_px,
        "pixel_size_from": micrograph.pixel_size_from,
        "warnings": list(micrograph.warnings),
        "scale": result.found.scale,
        "counts": result.found.detections.counts(classes),
        "truncated": result.found.truncated,
        **{name: None if (v := getattr(result.measured, name)) is None else rounded(v) for name in FIGURES},
        "particles": list(particles(result, classes)),
    }
