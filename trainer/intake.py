"""Intake: every labelled micrograph of all folders, and everything that is wrong with them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol, TypeVar

from nanotally.errors import MicrographError, NanotallyError
from nanotally.labels import Dataset, examine_dataset
from nanotally.labels.reading import same_labels
from nanotally.micrograph import Micrograph, read_micrograph
from nanotally.trainer.entry import Entry, entries_of
from nanotally.trainer.evaluation.index import GROUPS
from nanotally.trainer.pictures import EMPS_INDEX

T = TypeVar("T")


class Show(Protocol):
    """How long work is shown: `items`, handed on one by one."""

    def __call__(self, items: Iterable[T], what: str, total: int, /) -> Iterable[T]:
        """`items`, of which there are `total`; `what` is done with them."""


def quietly(items: Iterable[T], what: str, total: int, /) -> Iterable[T]:
    """`items`, with nothing shown."""
    return items


def silently(note: str) -> None:
    """Nothing is said."""


@dataclass(frozen=True)
class InputSet:
    """A folder that was taken in.

    Attributes:
        folder: where it is.
        synthetic: all of it is for training.
        label_format: in which its labels were read.
        beside: other formats that lie there.
        grouped_by: what its groups are, in words.
    """

    folder: Path
    synthetic: bool
    label_format: str
    beside: tuple[str, ...]
    grouped_by: str


@dataclass
class Intake:
    """What the folders hold together.

    Attributes:
        real: sound pictures that are split by group.
        synthetic: sound pictures for training.
        faults: everything that is wrong, a line each: file, what, what to do.
        sets: the folders that could be read.
        databars: rows of the databar of each picture that has one, and what told of it.
    """

    real: list[Entry] = field(default_factory=list)
    synthetic: list[Entry] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    sets: list[InputSet] = field(default_factory=list)
    databars: dict[str, tuple[int, str]] = field(default_factory=dict)

    @property
    def entries(self) -> list[Entry]:
        """All pictures."""
        return [*self.real, *self.synthetic]


def take_in(synthetic: Sequence[Path], real: Sequence[Path], *, show: Show = quietly) -> Intake:
    """Read all folders. What is wrong with a picture, or with a whole folder, is in `faults`, and it is left out.

    Of pictures with the same pixels, databars aside, the first is kept, real ones first, and their groups become one.
    """
    taken = Intake()
    every: list[Entry] = []
    for folder, made in [*((folder, False) for folder in real), *((folder, True) for folder in synthetic)]:
        every += _read_set(folder, made, taken)
    unique = list(_without_copies(show(every, "reading pictures", len(every)), taken))
    taken.real = [entry for entry in unique if not entry.synthetic]
    taken.synthetic = [entry for entry in unique if entry.synthetic]
    return taken


def _read_set(folder: Path, synthetic: bool, taken: Intake) -> list[Entry]:
    try:
        dataset = examine_dataset(folder)
        entries = entries_of(dataset, synthetic=synthetic)
    except NanotallyError as error:
        taken.faults += error.faults
        return []
    taken.faults += [line for fault in dataset.faults for line in _lines(fault.error)]
    known = {entry.path for entry in entries}
    taken.faults += [
        f"{path}: no labels; label it (an empty label file says that there is no particle), or move it away"
        for path in dataset.unlabelled
        if path not in known
    ]
    if (folder / GROUPS).is_file() and not synthetic:
        nowhere = [entry for entry in entries if entry.group == str(entry.path)]
        taken.faults += [f"{entry.path}: has no group in {folder / GROUPS}; add a line file,group" for entry in nowhere]
        entries = [entry for entry in entries if entry.group != str(entry.path)]
    taken.sets.append(
        InputSet(folder, synthetic, dataset.label_format, dataset.beside, _grouped_by(dataset, entries, synthetic))
    )
    return entries


def _lines(error: NanotallyError) -> list[str]:
    """What an error says; one about a file that cannot be read does not know what to do, here it is known."""
    remedy = "; save it again, or take it away" if isinstance(error, MicrographError) else ""
    return [line + remedy for line in error.faults]


def _grouped_by(dataset: Dataset, entries: Sequence[Entry], synthetic: bool) -> str:
    if synthetic:
        return "all are for training"
    number = len({entry.group for entry in entries})
    for index in (GROUPS, EMPS_INDEX):
        if (dataset.folder / index).is_file():
            return f"{number} groups by {index}"
    if number < len(entries):
        return f"{number} groups by folder"
    return f"each picture is a group of its own; name samples in {GROUPS} (file,group) if some belong together"


def _without_copies(entries: Iterable[Entry], taken: Intake) -> Iterator[Entry]:
    """Entries whose pictures can be read and were not seen before; the groups of copies are joined."""
    first: dict[str, Entry] = {}
    joined: dict[str, str] = {}
    for entry in entries:
        try:
            micrograph = read_micrograph(entry.path)
        except MicrographError as error:
            taken.faults += _lines(error)
            continue
        if micrograph.databar_from is not None:
            taken.databars[str(entry.path)] = _bar(micrograph)
        same = first.setdefault(digest(micrograph), entry)
        if same is not entry:
            otherwise = "" if same_labels(same.detections, entry.detections) else ", labelled otherwise"
            taken.faults.append(f"{entry.path}: the same picture as {same.path}{otherwise}; take one of the two away")
            if not entry.synthetic:
                _join(joined, same.group, entry.group)
    for entry in first.values():
        yield replace(entry, group=_leader(joined, entry.group))


def _bar(micrograph: Micrograph) -> tuple[int, str]:
    return micrograph.image.shape[0] - micrograph.field[3], str(micrograph.databar_from)


def digest(micrograph: Micrograph) -> str:
    """SHA-256 of the pixels of the specimen and their shape: the same for copies in another file format."""
    x1, y1, x2, y2 = micrograph.field
    field_of_view = micrograph.image[y1:y2, x1:x2]
    return hashlib.sha256(str(field_of_view.shape).encode() + field_of_view.tobytes()).hexdigest()


def _leader(joined: dict[str, str], group: str) -> str:
    while group in joined:
        group = joined[group]
    return group


def _join(joined: dict[str, str], one: str, other: str) -> None:
    one, other = _leader(joined, one), _leader(joined, other)
    if one != other:
        joined[other] = one
