"""What was found and measured in image files, as a table and as JSON."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nanotally.detect import Found
from nanotally.detections import FLAG_BORDER
from nanotally.measure.measurement import Measurement, quantity_of
from nanotally.measure.statistics import size_distribution
from nanotally.micrograph import Micrograph

SIZES = ("area_{}2", "ecd_{}", "feret_max_{}", "feret_min_{}", "edge_{}")
"""Columns of sizes, without their unit."""
COLUMNS = (
    "image", "class", "score", "x1_px", "y1_px", "x2_px", "y2_px", "at_border", "agglomerate",
    *(size.format("nm") for size in SIZES), *(size.format("px") for size in SIZES), "orientation_deg",
    "nm_per_px_x", "nm_per_px_y", "pixel_size_from",
)  # fmt: skip
"""Of the table of particles. Sizes are in nm where the pixel size is known and in px where it is not; a cell is empty
where nothing was measured."""
FIGURES = ("examined_px", "density_per_um2", "agglomerates", "covered_share", "sharpness")
"""Of an image, as in `Measurement`."""


@dataclass(frozen=True)
class Result:
    """What was found in one file.

    Attributes:
        path: of the file.
        micrograph: what was read from it.
        found: the particles.
        measured: their sizes, and what was measured on the image as a whole.
    """

    path: Path
    micrograph: Micrograph
    found: Found
    measured: Measurement


def write_csv(path: Path, results: Sequence[Result], *, classes: Sequence[str]) -> None:
    """Write a table with a row a particle, see `COLUMNS`."""
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, COLUMNS, restval="")
        table.writeheader()
        table.writerows(row for result in results for row in _rows(result, classes))


def write_json(path: Path, results: Sequence[Result], *, classes: Sequence[str], model: str) -> None:
    """Write every image with its particles, and the size distribution over all images, each a field of its own."""
    facts = {
        "model": model,
        "sizes": _sizes(results, classes),
        "images": [_facts(result, classes) for result in results],
    }
    path.write_text(json.dumps(facts, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def _rows(result: Result, classes: Sequence[str]) -> Iterator[dict[str, Any]]:
    nm_per_px = result.micrograph.nm_per_px
    x, y = nm_per_px or ("", "")
    shared = {"nm_per_px_x": x, "nm_per_px_y": y, "pixel_size_from": result.micrograph.pixel_size_from or ""}
    for particle, flags in zip(_particles(result, classes), result.found.detections.flags, strict=True):
        box = dict(zip(("x1_px", "y1_px", "x2_px", "y2_px"), particle.pop("xyxy"), strict=True))
        row = {name: value for name, value in particle.items() if value is not None}
        yield {"image": result.path.name, **row, **box, "at_border": int(flags & FLAG_BORDER > 0), **shared}


def _particles(result: Result, classes: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Each particle with its sizes; None where not measured."""
    found, columns = result.found.detections, result.measured.columns
    lists = {name: values.tolist() for name, values in columns.items()}
    for row, (box, score, class_id) in enumerate(zip(found.xyxy, found.score, found.class_id, strict=True)):
        measured = {name: _rounded(values[row]) for name, values in lists.items()}
        xyxy = [round(float(v), 2) for v in box]
        yield {"class": classes[class_id], "score": round(float(score), 4), "xyxy": xyxy, **measured}


def _rounded(value: float) -> float | int | None:
    if isinstance(value, int):
        return value
    return None if np.isnan(value) else float(f"{value:.5g}")


def _facts(result: Result, classes: Sequence[str]) -> dict[str, Any]:
    micrograph = result.micrograph
    return {
        "image": result.path.name,
        "width": micrograph.image.shape[1],
        "height": micrograph.image.shape[0],
        "field": list(micrograph.field),
        "nm_per_px": micrograph.nm_per_px,
        "pixel_size_from": micrograph.pixel_size_from,
        "warnings": list(micrograph.warnings),
        "counts": result.found.detections.counts(classes),
        "truncated": result.found.truncated,
        **{name: None if (v := getattr(result.measured, name)) is None else _rounded(v) for name in FIGURES},
        "particles": list(_particles(result, classes)),
    }


def _sizes(results: Sequence[Result], classes: Sequence[str]) -> dict[str, Any]:
    """Size distribution of each class, over the images whose pixel size is known."""
    sized = [(r.found.detections.class_id, r.measured.size_nm) for r in results if r.measured.size_nm is not None]
    sizes = {}
    for number, name in enumerate(classes):
        parts = [size_nm[class_id == number] for class_id, size_nm in sized]
        if parts:
            sizes[name] = asdict(size_distribution(np.concatenate(parts), quantity=quantity_of(name)))
    return sizes
