"""Index of a set: what is known of its pictures beside their labels."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nanotally.errors import DatasetError
from nanotally.trainer.pictures import EMPS_INDEX

GROUPS = "groups.csv"
"""A line `file,group` a picture, beside `images`."""


@dataclass(frozen=True)
class Entry:
    """What is known of a picture; empty where nothing is.

    Attributes:
        group: article or sample, whose pictures are alike.
        modality: `SEM`, `TEM`.
        shape: of all its particles: `cube`, `quasi_sphere`, `other`.
        cut: boxes x1 y1 x2 y2 of the particles that the border of the picture cuts, in pixels, half-open.
    """

    group: str = ""
    modality: str = ""
    shape: str = ""
    cut: tuple[tuple[float, ...], ...] = ()


UNKNOWN = Entry()
OTHER = "other"
"""Shape of pictures that show neither cubes nor quasi-spheres."""


def read_index(folder: Path) -> dict[str, Entry]:
    """Entries by file name, from the EMPS index and from `groups.csv`, which has the last word on groups.

    Raises:
        DatasetError: if either is there and not what it should be.
    """
    entries = _emps(folder / EMPS_INDEX)
    for name, group in _groups(folder / GROUPS).items():
        entries[name] = replace(entries.get(name, UNKNOWN), group=group)
    return entries


def _emps(path: Path) -> dict[str, Entry]:
    if not path.is_file():
        return {}
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        return {row["file"]: Entry(row["doi"], row["modality"], row["shape"], _cut(row)) for row in rows}
    except (ValueError, TypeError, KeyError) as error:
        raise DatasetError(
            f"{path}: not an index of EMPS, a list with file, doi, modality, shape and instances"
        ) from error


def _cut(row: dict[str, Any]) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(own["box"]) for own in row["instances"] if own["border"])


def _groups(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    wrong = f"{path}: not a table with the columns file,group"
    try:
        table = csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines())
        if not {"file", "group"} <= set(table.fieldnames or ()):
            raise DatasetError(wrong)
        return {row["file"]: row["group"] or "" for row in table}
    except (ValueError, csv.Error) as error:
        raise DatasetError(wrong) from error
