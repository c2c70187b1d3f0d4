"""An image file as rows of two tables, one of images and one of particles, made where the image is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nanotally.bundle import sha256
from nanotally.measure.quantities import rounded
from nanotally.results.inputs import Input
from nanotally.results.look import Look
from nanotally.results.result import FIGURES, Result, Run, rows
from nanotally.results.tables import particles_schema
from nanotally.spread import Failure

COUNT = "count_"
"""In front of the name of a class, in the column of its particles."""


@dataclass(frozen=True)
class Row:
    """What the parts have of an image.

    Attributes:
        image: its row in `images/`.
        particles: its rows in `particles/`, a `pyarrow.Table`.
    """

    image: Mapping[str, Any]
    particles: Any


@dataclass(frozen=True)
class Tabulate:
    """Looks at image files and answers rows, so that no pixels travel.

    Attributes:
        look: at an image.
    """

    look: Look

    def __call__(self, each: Input) -> Row:
        """Rows of an image; raises as `Look`."""
        classes = self.look.portable.detector.bundle.manifest.classes
        return row_of(self.look(each), self.look.folder / each.path, classes)


def row_of(result: Result, file: Path, classes: Sequence[str]) -> Row:
    """Rows of what was found in an image file."""
    import pyarrow as pa  # type: ignore[import-untyped]

    particles = pa.Table.from_pylist(list(rows(result, classes)), schema=particles_schema())
    return Row({**_image(result, classes), "sha256": sha256(file)}, particles)


def _image(result: Result, classes: Sequence[str]) -> dict[str, Any]:
    micrograph = result.micrograph
    nm_per_px = micrograph.nm_per_px or (None, None)
    return {
        "image": result.name, "path": str(result.path),
        "width": micrograph.image.shape[1], "height": micrograph.image.shape[0], "field": list(micrograph.field),
        "nm_per_px_x": nm_per_px[0], "nm_per_px_y": nm_per_px[1], "pixel_size_from": micrograph.pixel_size_from,
        **{COUNT + name: n for name, n in result.found.detections.counts(classes).items()},
        "truncated": result.found.truncated, "scale": result.found.scale,
        **{name: None if (v := getattr(result.measured, name)) is None else rounded(v) for name in FIGURES},
        "warnings": list(micrograph.warnings),
    }  # fmt: skip


def images_table(answers: Sequence[Row | Failure], run: Run) -> Any:
    """A `pyarrow.Table` with a row an image; of one that could not be looked at it has the fault."""
    import pyarrow as pa

    whole, real, text = pa.int64(), pa.float64(), pa.string()
    kinds = {"image": text, "path": text, "sha256": text, "width": whole, "height": whole,
             "field": pa.list_(whole), "nm_per_px_x": real, "nm_per_px_y": real, "pixel_size_from": text,
             **{COUNT + name: whole for name in run.classes}, "truncated": pa.bool_(), "scale": real,
             **dict.fromkeys(FIGURES, real), "warnings": pa.list_(text), "fault": text}  # fmt: skip
    listed = [_failed(answer, run) if isinstance(answer, Failure) else answer.image for answer in answers]
    return pa.Table.from_pylist(listed, schema=pa.schema(list(kinds.items())))


def _failed(failure: Failure, run: Run) -> dict[str, Any]:
    each: Input = failure.item
    return {"image": each.name, "path": str(each.path), "fault": failure.of(run.folder / each.path)}
