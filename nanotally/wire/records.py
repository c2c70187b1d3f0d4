"""The payload of a detections message: packed little-endian records, whose columns the header names."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nanotally.detections import Detections
from nanotally.errors import WireError

UNCONFIRMED = -1
"""Value of the column `track` while a particle belongs to no track."""


class Column(NamedTuple):
    """One column of the records: its name, its NumPy type code (little-endian on the wire) and its unit."""

    name: str
    dtype: str
    unit: str


COLUMNS = (
    Column("x1", "f4", "px"),
    Column("y1", "f4", "px"),
    Column("x2", "f4", "px"),
    Column("y2", "f4", "px"),
    Column("score", "f4", ""),
    Column("class", "u2", ""),
    Column("track", "i8", ""),
    Column("flags", "u2", ""),
)
"""Columns that every detections message has. What was measured follows them."""

UNITS = ("nm", "nm2", "px", "px2", "deg")
"""With which the name of a measured column may end."""

TYPE_CODE = re.compile(r"[iu][1248]|f[248]")


def record_dtype(columns: Sequence[Column]) -> np.dtype[np.void]:
    """Packed little-endian type of one record.

    Raises:
        WireError: if a type code is none of i1 to i8, u1 to u8 and f2 to f8, or a name comes twice.
    """
    wrong = [column.dtype for column in columns if not TYPE_CODE.fullmatch(column.dtype)]
    if wrong:
        raise WireError(f"columns have the unknown type {wrong[0]!r}")
    try:
        return np.dtype([(column.name, "<" + column.dtype) for column in columns])
    except ValueError as error:
        raise WireError(f"columns: {error}") from error


def measured_column(name: str, values: NDArray[np.generic]) -> Column:
    """Column of what was measured: the type is that of the values, the unit the end of the name."""
    unit = name.rpartition("_")[2]
    return Column(name, values.dtype.str[1:], unit if unit in UNITS else "")


def columns_with(measured: Mapping[str, NDArray[np.generic]]) -> tuple[Column, ...]:
    """`COLUMNS`, and one for every measured quantity."""
    return (*COLUMNS, *(measured_column(name, values) for name, values in measured.items()))


def records_from(
    detections: Detections,
    tracks: NDArray[np.int64] | None = None,
    measured: Mapping[str, NDArray[np.generic]] | None = None,
) -> NDArray[np.void]:
    """(n,) records of particles.

    Args:
        detections: the particles.
        tracks: (n,) their identities; None: unconfirmed.
        measured: (n,) values by name, as `columns_with` has them behind `COLUMNS`.
    """
    measured = measured or {}
    records = np.empty(len(detections), record_dtype(columns_with(measured)))
    for index, name in enumerate(("x1", "y1", "x2", "y2")):
        records[name] = detections.xyxy[:, index]
    records["score"] = detections.score
    records["class"] = detections.class_id
    records["track"] = UNCONFIRMED if tracks is None else tracks
    records["flags"] = detections.flags
    for name, values in measured.items():
        records[name] = values
    return records


def read_columns(header: Mapping[str, Any]) -> tuple[Column, ...]:
    """Columns that a header names.

    Raises:
        WireError: if they are not [name, type, unit] each, or one of `COLUMNS` is not among them.
    """
    raw = header.get("columns")
    try:
        columns = tuple(Column(*map(str, column[:3])) for column in raw)  # type: ignore[union-attr]
    except TypeError as error:
        raise WireError(f"columns: {str(raw)[:80]!r} is not a list of [name, type, unit]") from error
    missing = {column.name for column in COLUMNS} - {column.name for column in columns}
    if missing:
        raise WireError(f"columns: no {', '.join(sorted(missing))}")
    return columns


def read_records(columns: Sequence[Column], payload: bytes) -> NDArray[np.void]:
    """(n,) records of a payload, read-only.

    Raises:
        WireError: if the payload is not a whole number of records.
    """
    dtype = record_dtype(columns)
    if len(payload) % dtype.itemsize:
        raise WireError(f"payload of {len(payload)} bytes is not a whole number of {dtype.itemsize}-byte records")
    return np.frombuffer(payload, dtype)
