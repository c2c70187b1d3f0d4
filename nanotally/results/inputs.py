"""Which image files an analysis is of, and by what names its results call them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from nanotally.errors import MicrographError, UsageError
from nanotally.micrograph.files import IMAGE_SUFFIXES, natural_order


@dataclass(frozen=True)
class Input:
    """An image file.

    Attributes:
        path: of it.
        name: below the folder that was named, with / between folders; no two inputs have the same.
    """

    path: Path
    name: str


def find_inputs(paths: Sequence[Path], *, besides: Path) -> list[Input]:
    """The files, and all images in the folders and in the folders below, in natural order, each once.

    Where two would have the same name, all are named from the deepest folder that holds them all. Hidden files and
    folders, sidecars and whatever else is no image are passed over.

    Args:
        paths: files, taken whatever their ending, and folders.
        besides: folder that is left out: the one that results are written into.

    Raises:
        MicrographError: if there is no such file or folder, or a folder holds no image.
    """
    found: dict[Path, Input] = {}
    for path in paths:
        for file in _files(path, besides.resolve()):
            name = file.relative_to(path).as_posix() if path.is_dir() else file.name
            found.setdefault(file.resolve(), Input(file, name))
    if len({each.name for each in found.values()}) == len(found):
        return list(found.values())
    root = Path(os.path.commonpath(found))
    return [Input(each.path, whole.relative_to(root).as_posix()) for whole, each in found.items()]


def check_stems(inputs: Sequence[Input]) -> None:
    """Whether every image can have a file of its own name with another ending.

    Raises:
        UsageError: if two differ by their ending only.
    """
    stems = Counter(_stem(each) for each in inputs)
    twice = [each for each in inputs if stems[_stem(each)] > 1]
    if twice:
        same = [str(each.path) for each in twice if _stem(each) == _stem(twice[0])]
        raise UsageError(
            f"{' and '.join(same[:2])} would both have their results in {_stem(twice[0])}.*; leave one out, or ask for "
            "csv, json, parquet, coco or html only"
        )


def _stem(each: Input) -> str:
    return str(Path(each.name).with_suffix(""))


def _files(path: Path, besides: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise MicrographError(f"{path}: no such file or folder")
    found = list(_below(path, besides))
    if not found:
        raise MicrographError(f"{path}: no micrograph in this folder; looked for {', '.join(sorted(IMAGE_SUFFIXES))}")
    return found


def _below(folder: Path, besides: Path) -> Iterator[Path]:
    entries = sorted((each for each in folder.iterdir() if not each.name.startswith(".")), key=natural_order)
    yield from (each for each in entries if each.suffix.lower() in IMAGE_SUFFIXES and each.is_file())
    for each in entries:
        # A link to a folder may lead back to where it lies.
        if each.is_dir() and not each.is_symlink() and each.resolve() != besides:
            yield from _below(each, besides)
