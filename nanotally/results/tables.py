"""Tables of particles: CSV, Parquet, and the CSV that ImageJ opens as its Results."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanotally.labels.imagej import roi_name
from nanotally.measure.quantities import rounded
from nanotally.results.result import COLUMNS, Result, Run, rows

GROUP_ROWS = 10_000
"""Of a Parquet file that are in memory at a time."""
TEXTS = frozenset({"image", "class", "pixel_size_from"})
WHOLE = frozenset({"particle", "at_border", "agglomerate"})
IMAGEJ_COLUMNS = (
    " ", "Label", "Area", "X", "Y", "BX", "BY", "Width", "Height", "Angle", "Feret", "MinFeret",
    "ECD", "Edge", "Class", "Score", "Unit",
)  # fmt: skip
"""ImageJ's own names where it has one. The first, a blank, is the number of the row."""


class CsvTable:
    """`particles.csv`: a row a particle, see `COLUMNS`. A cell is empty where nothing was measured."""

    def __init__(self, out: Path, run: Run) -> None:
        self._classes = run.classes
        self._file = (out / "particles.csv").open("w", newline="", encoding="utf-8")
        self._table = csv.DictWriter(self._file, COLUMNS, restval="")
        self._table.writeheader()

    def add(self, result: Result) -> None:
        """Write the particles of an image."""
        self._table.writerows(rows(result, self._classes))

    def close(self, faults: Sequence[str]) -> None:
        """End the file."""
        self._file.close()


def particles_schema() -> Any:
    """The `pyarrow.Schema` of a table with `COLUMNS`."""
    import pyarrow as pa  # type: ignore[import-untyped]

    kinds = {**dict.fromkeys(TEXTS, pa.string()), **dict.fromkeys(WHOLE, pa.int32())}
    return pa.schema([(name, kinds.get(name, pa.float64())) for name in COLUMNS])


class ParquetTable:
    """`particles.parquet`: the same table, with types; null where nothing was measured."""

    def __init__(self, out: Path, run: Run) -> None:
        import pyarrow as pa
        from pyarrow import parquet

        self._schema = particles_schema()
        self._to_table = pa.Table.from_pylist
        self._classes = run.classes
        self._rows: list[dict[str, Any]] = []
        self._file = parquet.ParquetWriter(out / "particles.parquet", self._schema)

    def add(self, result: Result) -> None:
        """Write the particles of an image, or keep them until there are enough to write."""
        self._rows += rows(result, self._classes)
        if len(self._rows) >= GROUP_ROWS:
            self._write()

    def close(self, faults: Sequence[str]) -> None:
        """End the file."""
        self._write()
        self._file.close()

    def _write(self) -> None:
        self._file.write_table(self._to_table(self._rows, schema=self._schema))
        self._rows = []


class ImagejTable:
    """`Results.csv`: ImageJ opens a file of this name as its Results table.

    Lengths are in the unit of the row's `Unit`, nm or pixel, as ImageJ measures each image in its own; X Y is the
    centroid of the contour, or of the box where there is none; BX BY Width Height is the box. NaN: not measured.
    """

    def __init__(self, out: Path, run: Run) -> None:
        self._classes = run.classes
        self._row = 0
        # ImageJ splits lines at \n and would keep a \r in the last cell.
        self._file = (out / "Results.csv").open("w", newline="", encoding="utf-8")
        self._table = csv.writer(self._file, lineterminator="\n")
        self._table.writerow(IMAGEJ_COLUMNS)

    def add(self, result: Result) -> None:
        """Write the particles of an image."""
        for cells in _imagej_cells(result, self._classes):
            self._row += 1
            self._table.writerow([self._row, *cells])

    def close(self, faults: Sequence[str]) -> None:
        """End the file."""
        self._file.close()


def _imagej_cells(result: Result, classes: Sequence[str]) -> Iterator[list[object]]:
    """Cells under `IMAGEJ_COLUMNS` from the second one."""
    found, measured = result.found.detections, result.measured
    unit = "px" if result.micrograph.nm_per_px is None else "nm"
    scale = np.array(result.micrograph.nm_per_px or (1.0, 1.0))
    low, size, centre = found.xyxy[:, :2] * scale, found.size * scale, _centres(result) * scale
    columns = measured.columns
    angle = np.where(np.isnan(columns[f"edge_{unit}"]), columns["orientation_deg"], np.nan)
    numbers = np.column_stack([
        columns[f"area_{unit}2"], centre, low, size, angle, columns[f"feret_max_{unit}"],
        columns[f"feret_min_{unit}"], columns[f"ecd_{unit}"], columns[f"edge_{unit}"],
    ])  # fmt: skip
    for row, (class_id, score) in enumerate(zip(found.class_id.tolist(), found.score.tolist(), strict=True)):
        label = f"{result.name}:{roi_name(row, classes[class_id])}"
        values = ["NaN" if (v := rounded(value)) is None else v for value in numbers[row].tolist()]
        yield [label, *values, classes[class_id], round(score, 4), "pixel" if unit == "px" else unit]


def _centres(result: Result) -> NDArray[np.float64]:
    """(n, 2) centroids of the contours, or of the boxes where there is none, pixels."""
    found, contours = result.found.detections, result.measured.contours
    boxes = (found.xyxy[:, :2].astype(np.float64) + found.xyxy[:, 2:]) / 2
    if contours is None:
        return boxes
    points = contours.astype(np.float64) - boxes[:, None]
    following = np.roll(points, -1, axis=1)
    cross = points[..., 0] * following[..., 1] - following[..., 0] * points[..., 1]
    centroid = ((points + following) * cross[..., None]).sum(axis=1) / (3 * cross.sum(axis=1))[:, None]
    return np.where(np.isnan(centroid), 0, centroid) + boxes
