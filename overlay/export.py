"""Downloads: what was found in the frames of a selection, as a file."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from importlib.util import find_spec
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

from nanotally.detections import FLAG_BORDER, FLAG_MASKED, Detections
from nanotally.errors import UsageError
from nanotally.labels import CocoWriter, LabelledImage
from nanotally.labels.imagej import rois_of, write_rois
from nanotally.measure.quantities import SIZES, rounded
from nanotally.wire import DetectionsMessage

Frames = Iterable[DetectionsMessage]
Row = dict[str, Any]

OF_FRAME = ("image", "offset", "run_id", "frame", "wall", "session", "sample", "operator", "group")
OF_PARTICLE = ("particle", "class", "score", "x1_px", "y1_px", "x2_px", "y2_px", "track", "at_border", "masked")
MEASURED = (
    "agglomerate", *(size.format("nm") for size in SIZES), *(size.format("px") for size in SIZES), "orientation_deg"
)  # fmt: skip
OF_SCALE = ("nm_per_px_x", "nm_per_px_y", "pixel_size_from")
COLUMNS = (*OF_FRAME, *OF_PARTICLE, *MEASURED, *OF_SCALE)
"""Of the tables: those of `nanotally detect`, and what a feed has besides."""

TEXTS = frozenset({"image", "run_id", "session", "sample", "operator", "class", "pixel_size_from"})
WHOLE = frozenset({"offset", "frame", "group", "particle", "track", "at_border", "masked", "agglomerate"})
GROUP_ROWS = 10_000
"""Of a Parquet file that are in memory at a time."""


class Format(NamedTuple):
    """A kind of file.

    Attributes:
        suffix: of its name.
        media_type: of the download.
        write: writes frames into it.
    """

    suffix: str
    media_type: str
    write: Callable[[Path, Frames], None]


def image_name(message: DetectionsMessage) -> str:
    """File that a frame came from; of a camera, the name that a recording or a snapshot of it has."""
    return message.file or f"{message.origin.source}-{message.wall:%Y%m%dT%H%M%S%fZ}-{message.frame:06d}.tif"


def rows(message: DetectionsMessage) -> Iterator[Row]:
    """A row a particle, keys of `COLUMNS`; what was not measured is not in it."""
    session = message.session
    shared: Row = {
        "image": image_name(message), "offset": message.offset, "run_id": message.origin.run_id,
        "frame": message.frame, "wall": message.wall, "group": message.group,
    }  # fmt: skip
    if session is not None:
        shared |= {"session": session.id, "sample": session.sample, "operator": session.operator}
    if message.nm_per_px is not None:
        x, y = message.nm_per_px
        shared |= {"nm_per_px_x": x, "nm_per_px_y": y, "pixel_size_from": message.pixel_size_from}
    names = [name for name in MEASURED if name in (message.records.dtype.names or ())]
    for number, record in enumerate(message.records, start=1):
        flags = int(record["flags"])
        corners = {f"{name}_px": round(float(record[name]), 2) for name in ("x1", "y1", "x2", "y2")}
        measured = {name: rounded(record[name].item()) for name in names}
        yield {
            **shared, "particle": number, "class": message.classes[record["class"]],
            "score": round(float(record["score"]), 4), **corners, "track": int(record["track"]),
            "at_border": int(flags & FLAG_BORDER > 0), "masked": int(flags & FLAG_MASKED > 0),
            **{name: value for name, value in measured.items() if value is not None},
        }  # fmt: skip


def _write_csv(path: Path, frames: Frames) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, COLUMNS, restval="")
        table.writeheader()
        for row in chain.from_iterable(map(rows, frames)):
            table.writerow(row | {"wall": row["wall"].strftime("%Y-%m-%dT%H:%M:%S.%fZ")})


def _write_parquet(path: Path, frames: Frames) -> None:
    if find_spec("pyarrow") is None:
        raise UsageError("Parquet needs pyarrow, which is not installed: pip install 'nanotally[log]'")
    import pyarrow as pa  # type: ignore[import-untyped]
    from pyarrow import parquet

    kinds = {**dict.fromkeys(TEXTS, pa.string()), **dict.fromkeys(WHOLE, pa.int64())}
    kinds["wall"] = pa.timestamp("us", tz="UTC")
    schema = pa.schema([(name, kinds.get(name, pa.float64())) for name in COLUMNS])
    every = chain.from_iterable(map(rows, frames))
    with parquet.ParquetWriter(path, schema) as file:
        while group := list(islice(every, GROUP_ROWS)):
            file.write_table(pa.Table.from_pylist(group, schema=schema))


def _counted(message: DetectionsMessage) -> Detections:
    found = message.detections
    return found[(found.flags & FLAG_MASKED) == 0]


def _write_imagej(path: Path, frames: Frames) -> None:
    """Regions of all frames, each with the name of its image; the position is the number of the frame in the file."""

    def regions() -> Iterator[Any]:
        for position, message in enumerate(frames, start=1):
            for roi in rois_of(_counted(message), classes=message.classes, position=position):
                roi.name = f"{image_name(message)}-{roi.name}"
                yield roi

    write_rois(path, regions())


def _write_coco(path: Path, frames: Frames) -> None:
    frames = iter(frames)
    first = next(frames, None)
    classes = first.classes if first is not None else ()
    with closing(CocoWriter(path, classes=classes)) as file:
        for message in chain([first] if first is not None else [], frames):
            found = _counted(message)
            cut = (found.flags & FLAG_BORDER) > 0
            file.add(
                LabelledImage(
                    image_name(message), message.width, message.height, found, truncated=cut, classes=message.classes
                )
            )


FORMATS = {
    "csv": Format("csv", "text/csv; charset=utf-8", _write_csv),
    "parquet": Format("parquet", "application/vnd.apache.parquet", _write_parquet),
    "imagej": Format("rois.zip", "application/zip", _write_imagej),
    "coco": Format("coco.json", "application/json", _write_coco),
}
