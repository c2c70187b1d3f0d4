"""CSV and Parquet files derived from the log: parts of so many rows each, written aside and renamed into place."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable
from datetime import datetime
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

from nanotally.errors import NanotallyError, UsageError
from nanotally.log.tables import Table

PART_ROWS = 100_000
"""Of a file. Writing one takes less than the time in which a subscriber loses messages, and a spreadsheet takes it."""

GROUP_ROWS = 10_000
"""Of a Parquet file that are in memory at a time."""

REST_S = 1.0
"""Between two updates at least, and fifty times what the last one took."""


def check(path: Path) -> None:
    """Whether a file of that name can be derived here.

    Raises:
        UsageError: if it is neither CSV nor Parquet, or Parquet without pyarrow.
    """
    if path.suffix.lower() not in WRITERS:
        raise UsageError(f"--to {path}: only .sqlite, .csv and .parquet are written")
    if path.suffix.lower() == ".parquet" and find_spec("pyarrow") is None:
        raise UsageError(f"--to {path}: Parquet needs pyarrow, which is not installed: pip install 'nanotally[log]'")


class Parts:
    """The files of one kind: `counts.csv`, `counts.2.csv`, ... All but the last never change again."""

    def __init__(self, table: Table, path: Path) -> None:
        """Go on with the parts that are there; the last of them is written again.

        Args:
            table: to derive from.
            path: of the first part.

        Raises:
            NanotallyError: if there is a file of that name and an empty table: it is not ours.
        """
        self._table, self._path = table, path
        if path.exists() and not table.last_row():
            raise NanotallyError(f"{path}: there already, and not of {table.store.path.name}; give another file")
        there = 0
        while self.part(there).exists():
            there += 1
        self._written = max(0, there - 1) * PART_ROWS
        self._due_s = 0.0

    def part(self, number: int) -> Path:
        """File of a part; they count from 0."""
        return self._path.with_name(f"{self._path.stem}.{number + 1}{self._path.suffix}") if number else self._path

    def update_if_due(self) -> None:
        """Bring the files up to date if the last time was long enough ago."""
        began_s = time.monotonic()
        if began_s >= self._due_s and self.update():
            took_s = time.monotonic() - began_s
            self._due_s = began_s + max(REST_S, 50 * took_s)

    def update(self) -> bool:
        """Bring the files up to date; False if they are.

        Raises:
            NanotallyError: the disk does not take them; those that are there are whole.
        """
        last = self._table.last_row()
        if self._written >= last:
            return False
        while self._written < last:
            number = self._written // PART_ROWS
            first, end = number * PART_ROWS + 1, min(last, (number + 1) * PART_ROWS)
            self._derive(self.part(number), first, end)
            self._written = end
        return True

    def _derive(self, path: Path, first: int, last: int) -> None:
        aside = path.with_name(f".{path.name}.new")
        try:
            WRITERS[path.suffix.lower()](aside, self._table, first, last)
            aside.replace(path)
        except OSError as error:
            aside.unlink(missing_ok=True)
            said = error.strerror or str(error)
            raise NanotallyError(f"{path}: {said}; every row is in {self._table.store.path}") from error


def _write_csv(path: Path, table: Table, first: int, last: int) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(table.columns(first, last)), restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(table.rows(first, last))


def _write_parquet(path: Path, table: Table, first: int, last: int) -> None:
    import pyarrow as pa  # type: ignore[import-untyped]
    from pyarrow import parquet

    kinds = {"text": pa.string(), "whole": pa.int64(), "real": pa.float64(), "time": pa.timestamp("us", tz="UTC")}
    schema = pa.schema([(name, kinds[kind]) for name, kind in table.columns(first, last).items()])
    with parquet.ParquetWriter(path, schema) as file:
        rows = table.rows(first, last)
        while group := list(islice(rows, GROUP_ROWS)):
            for row in group:
                row["wall"] = datetime.fromisoformat(row["wall"].replace("Z", "+00:00"))
            file.write_table(pa.Table.from_pylist(group, schema=schema))


WRITERS: dict[str, Callable[[Path, Table, int, int], None]] = {".csv": _write_csv, ".parquet": _write_parquet}
