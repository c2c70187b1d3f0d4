"""A JSON file with one long list, whose items are written as they come."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class ListedJson:
    """A JSON object; one of its keys has the list. It is written aside, and is there once it is whole."""

    def __init__(self, path: Path, head: Mapping[str, Any], key: str) -> None:
        """Begin a file.

        Args:
            path: of it; one that is there is taken away.
            head: what stands before the list.
            key: of the list.

        Raises:
            OSError: if it cannot be written.
        """
        self._path, self._aside = path, path.with_name(f".{path.name}.new")
        path.unlink(missing_ok=True)
        self._file = self._aside.open("w", encoding="utf-8")
        self._file.write("{\n" + "".join(f"{line},\n" for line in _lines(head)) + f" {_json(key)}: [")
        self._between = "\n"

    def add(self, item: object) -> None:
        """Write the next item of the list."""
        self._file.write(self._between + "  " + _json(item))
        self._between = ",\n"

    def close(self, tail: Mapping[str, Any]) -> None:
        """Write what stands behind the list, at least one key, and put the file in its place."""
        self._file.write("\n ],\n" + ",\n".join(_lines(tail)) + "\n}\n")
        self._file.close()
        self._aside.replace(self._path)


def _lines(facts: Mapping[str, Any]) -> list[str]:
    return [f" {_json(key)}: {_json(value)}" for key, value in facts.items()]


def _json(value: object) -> str:
    return json.dumps(value, allow_nan=False, ensure_ascii=False)
