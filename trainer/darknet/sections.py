"""The sections of a darknet `.cfg`: `[name]` lines with `key=value` lines below them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from nanotally.errors import ConfigError

MOST = 10_000
"""The largest whole number that means something in these files; a larger one is a slip."""
ALIASES = {"network": "net", "conv": "convolutional", "max": "maxpool"}
"""Other names that darknet knows for some sections."""


@dataclass(frozen=True)
class Section:
    """One section, as it stands in the file.

    Attributes:
        where: `file:line` of its name.
        name: without brackets; one of several names that darknet has for it.
        values: text a key. Of a key that stands there twice darknet reads the first.
    """

    where: str
    name: str
    values: Mapping[str, str]

    def fault(self, text: str) -> ConfigError:
        """The error to raise, with its place."""
        return ConfigError(f"{self.where}: [{self.name}] {text}")

    def text(self, key: str) -> str:
        """The value of a key that must be there."""
        if key not in self.values:
            raise self.fault(f"has no {key}=")
        return self.values[key]

    def numbers(self, key: str) -> tuple[float, ...]:
        """The numbers, with commas between, of a key that must be there."""
        text = self.text(key)
        try:
            numbers = tuple(float(part) for part in text.rstrip(",").split(","))
        except ValueError:
            numbers = ()
        if not numbers or not all(map(math.isfinite, numbers)):
            raise self.fault(f"{key}={text}: expected numbers with commas between")
        return numbers

    def wholes(self, key: str) -> tuple[int, ...]:
        """The same, as whole numbers."""
        numbers = self.numbers(key)
        if not all(number.is_integer() for number in numbers):
            raise self.fault(f"{key}={self.values[key]}: expected whole numbers")
        return tuple(map(int, numbers))

    def number(self, key: str, default: float | None = None) -> float:
        """The one number of a key; without a default it must be there."""
        if default is not None and key not in self.values:
            return float(default)
        numbers = self.numbers(key)
        if len(numbers) != 1:
            raise self.fault(f"{key}={self.values[key]}: expected one number")
        return numbers[0]

    def whole(self, key: str, default: int | None = None, *, least: int = 0) -> int:
        """The same, as a whole number."""
        number = self.number(key, default)
        if not number.is_integer() or not least <= number <= MOST:
            raise self.fault(f"{key}={self.values[key]}: expected a whole number from {least} to {MOST:,}")
        return int(number)


def read_sections(path: Path) -> list[Section]:
    """The sections of a file in their order. Blanks do not matter; `#` and `;` begin a comment.

    Raises:
        ConfigError: if the file cannot be read, or a line is neither a section nor a key with a value.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from error
    sections: list[Section] = []
    values: dict[str, str] = {}
    for number, written in enumerate(lines, start=1):
        line = "".join(written.replace(";", "#").partition("#")[0].split())
        where = f"{path}:{number}"
        if line.startswith("[") and line.endswith("]"):
            values = {}
            sections.append(Section(where, ALIASES.get(line[1:-1], line[1:-1]), values))
        elif line:
            if not sections:
                raise ConfigError(f"{path}: does not begin with [net]; is this the .cfg of a darknet network?")
            key, equals, value = line.partition("=")
            if not (key and equals and value):
                raise ConfigError(f"{where}: {written.strip()[:40]!r} is neither [section] nor key=value")
            values.setdefault(key, value)
    return sections
