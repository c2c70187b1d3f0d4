"""Tables that files are derived from: a row a frame, and a row a particle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal, Protocol

from nanotally.log.particles import FIGURES
from nanotally.log.schema import COLUMNS, MEASURED, OF_PARTICLE, OF_SESSION
from nanotally.log.store import Store

Row = dict[str, Any]
Kind = Literal["text", "whole", "real", "time"]

WHOLE = ("seq", "offset", "frame", "truncated", "missed")
REAL = ("nm_per_px_x", "nm_per_px_y")
UNIQUE = "unique_"
"""In front of the name of a class, in the column of its different particles."""
SIZED = {"n": "sized_", **{figure: f"{figure}_" for figure in FIGURES if figure != "n"}}
"""In front of the name of a class, in the columns of the sizes in a frame."""
OF_FRAME = (
    "wall",
    "instance",
    "source",
    "run_id",
    "offset",
    "frame",
    "file",
    "nm_per_px_x",
    "nm_per_px_y",
    "settings_sha256",
)
"""What stands before every particle of a frame, with the session behind it."""


class Table(Protocol):
    """Rows of the log, numbered from 1, that never change.

    Attributes:
        store: that they are in.
    """

    store: Store

    def last_row(self) -> int:
        """Number of the last row."""

    def columns(self, first: int, last: int) -> Mapping[str, Kind]:
        """Names of all columns that rows from one number to another have, and of what kind they are."""

    def rows(self, first: int, last: int) -> Iterator[Row]:
        """Rows from one number to another; a column of which a row knows nothing may be left out."""


class Frames:
    """A row a message, or a gap; what there is a class stands beside the other columns."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def last_row(self) -> int:
        """As `Table`."""
        return self.store.last_row()

    def columns(self, first: int, last: int) -> Mapping[str, Kind]:
        """As `Table`."""
        columns = _columns((*COLUMNS, *OF_SESSION))
        columns |= dict.fromkeys(self.store.classes("counts", first, last), "whole")
        columns |= {f"{UNIQUE}{name}": "whole" for name in self.store.classes("uniques", first, last)}
        for name in self.store.classes("sizes", first, last):
            columns |= {f"{prefix}{name}": "whole" if figure == "n" else "real" for figure, prefix in SIZED.items()}
        return columns

    def rows(self, first: int, last: int) -> Iterator[Row]:
        """As `Table`."""
        for row in self.store.rows(first, last):
            counts, uniques, sizes = row.pop("counts"), row.pop("uniques"), row.pop("sizes")
            row |= {**counts, **{f"{UNIQUE}{name}": many for name, many in uniques.items()}}
            for name, size in sizes.items():
                row |= {f"{prefix}{name}": size[figure] for figure, prefix in SIZED.items()}
            yield row


class Particles:
    """A row a particle."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def last_row(self) -> int:
        """As `Table`."""
        return self.store.last_particle()

    def columns(self, _first: int, _last: int) -> Mapping[str, Kind]:
        """As `Table`."""
        columns = _columns((*OF_FRAME, *OF_SESSION, *OF_PARTICLE))
        columns |= dict.fromkeys(("group", "track", "flags", "agglomerate"), "whole")
        return columns | dict.fromkeys(("score", "x1", "y1", "x2", "y2", *MEASURED), "real")

    def rows(self, first: int, last: int) -> Iterator[Row]:
        """As `Table`."""
        return self.store.particles(OF_FRAME, first, last)


def _columns(names: tuple[str, ...]) -> dict[str, Kind]:
    columns: dict[str, Kind] = dict.fromkeys(names, "text")
    columns |= {name: "whole" for name in WHOLE if name in columns}
    columns |= {name: "real" for name in REAL if name in columns}
    return columns | {"wall": "time"}
