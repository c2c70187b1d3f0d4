"""Manifest: from which files a training set was made, with the hash of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from nanotally import __version__
from nanotally.bundle import sha256
from nanotally.labels.layout import CLASSES_FILE, sidecars_of
from nanotally.trainer.entry import Entry
from nanotally.trainer.evaluation.index import GROUPS
from nanotally.trainer.intake import InputSet, Intake
from nanotally.trainer.pictures import EMPS_INDEX
from nanotally.trainer.training_set import unique_names

FOR_ALL = (CLASSES_FILE, f"labels/{CLASSES_FILE}", EMPS_INDEX, GROUPS)
"""Files of a set that say something of all its pictures."""


def manifest(taken: Intake, parts: Mapping[str, Sequence[Entry]]) -> dict[str, Any]:
    """What went into a set.

    Args:
        taken: the input.
        parts: real pictures by part.

    Returns:
        `real`: by part, the hash of each picture under the name that it has in `real-val` and `real-test`; `groups`:
        those of each part; `inputs`: each folder with the SHA-256 of every file that was read, by its path in there.
    """
    return {
        "nanotally": __version__,
        "synthetic": [str(each.folder) for each in taken.sets if each.synthetic],
        "real": {
            part: {name: sha256(e.path) for name, e in zip(unique_names([e.path for e in own]), own, strict=True)}
            for part, own in parts.items()
        },
        "groups": {part: sorted({entry.group for entry in own}) for part, own in parts.items()},
        "inputs": [_input(each, taken) for each in taken.sets],
        "databars": {path: {"rows_px": rows, "from": told} for path, (rows, told) in taken.databars.items()},
        "left_out": taken.faults,
    }


def _input(each: InputSet, taken: Intake) -> dict[str, Any]:
    own = [entry for entry in taken.entries if entry.folder == each.folder]
    files = sorted({*_files(own), *(each.folder / name for name in FOR_ALL)})
    return {
        "folder": str(each.folder),
        "synthetic": each.synthetic,
        "label_format": each.label_format,
        "beside": list(each.beside),
        "groups": each.grouped_by,
        "sha256": {str(file.relative_to(each.folder)): sha256(file) for file in files if file.is_file()},
    }


def _files(entries: Sequence[Entry]) -> Iterator[Path]:
    for entry in entries:
        yield entry.path
        yield from sidecars_of(entry.path)
        if entry.label_file is not None:
            yield entry.label_file


def notes_on(taken: Intake) -> list[str]:
    """What there is to say of the input, a sentence a folder, and of what was left out."""
    notes = []
    for each in taken.sets:
        own = [entry for entry in taken.entries if entry.folder == each.folder]
        beside = [name for name in each.beside if name != "masks"]
        agreeing = f" ({', '.join(beside)} beside it say the same)" if beside else ""
        bars = sum(str(entry.path) in taken.databars for entry in own)
        kept = "left on" if each.synthetic else "cut off"
        notes.append(
            f"{each.folder}: {len(own)} pictures, labels read as {each.label_format}{agreeing}; {each.grouped_by}; "
            f"{bars} databars {kept}"
        )
    if taken.faults:
        notes.append(f"left out for {len(taken.faults)} faults, which are in the manifest and in the report")
    return notes
