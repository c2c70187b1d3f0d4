"""What one control of a recipe is drawn from."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, isfinite, log
from typing import Any, Protocol

from numpy.random import Generator

from nanotally.errors import RecipeError


@dataclass(frozen=True)
class Control:
    """What a control of a recipe can be set to.

    Attributes:
        kind: float, int, bool or str.
        words: that a str may be.
        low: least number.
        high: greatest number.
    """

    kind: type
    words: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 1e4

    def __str__(self) -> str:
        if self.words:
            return f"one of {', '.join(self.words)}"
        if self.kind is bool:
            return "true or false"
        return f"a {'whole ' if self.kind is int else ''}number from {self.low:g} to {self.high:g}"

    def take(self, value: Any, where: str) -> Any:
        """The value, if the control can have it.

        Raises:
            RecipeError: if not.
        """
        fits = isinstance(value, self.kind) or (self.kind is float and isinstance(value, int))
        if isinstance(value, bool) and self.kind is not bool:
            fits = False
        if not fits or (self.words and value not in self.words):
            raise RecipeError(f"{where}: {value!r}: expected {self}")
        if self.kind in (float, int) and not self.low <= value <= self.high:
            raise RecipeError(f"{where}: {value!r}: expected {self}")
        return self.kind(value)


class Range(Protocol):
    """Something to draw a value from."""

    def draw(self, rng: Generator) -> Any:
        """A value."""


@dataclass(frozen=True)
class Constant:
    """Always the same."""

    value: Any

    def draw(self, rng: Generator) -> Any:
        """The value."""
        return self.value


@dataclass(frozen=True)
class Uniform:
    """From `low` to `high`, each value equally often; whole numbers where `whole`."""

    low: float
    high: float
    whole: bool = False

    def draw(self, rng: Generator) -> float | int:
        """A number."""
        return int(rng.integers(int(self.low), int(self.high) + 1)) if self.whole else rng.uniform(self.low, self.high)


@dataclass(frozen=True)
class LogUniform:
    """From `low` to `high`, each order of magnitude equally often."""

    low: float
    high: float

    def draw(self, rng: Generator) -> float:
        """A number."""
        return exp(rng.uniform(log(self.low), log(self.high)))


@dataclass(frozen=True)
class Choice:
    """One of `values`, with the probabilities `weights`."""

    values: tuple[Any, ...]
    weights: tuple[float, ...]

    def draw(self, rng: Generator) -> Any:
        """One of them."""
        return self.values[int(rng.choice(len(self.values), p=self.weights))]


@dataclass(frozen=True)
class Sometimes:
    """With the probability `share` from `of`, else `otherwise`."""

    share: float
    of: Range
    otherwise: Any

    def draw(self, rng: Generator) -> Any:
        """A value."""
        present, value = rng.random() < self.share, self.of.draw(rng)
        return value if present else self.otherwise


def parse_range(value: Any, control: Control, where: str) -> Range:
    """What `value` in a recipe means.

    Args:
        value: of TOML: a constant; `[low, high]`; `{log = [low, high]}`; `{choice = [...], weights = [...]}`;
            `{share = 0.3, of = ..., else = ...}`.
        control: what it is for.
        where: file and key, for the error.

    Raises:
        RecipeError: saying what was expected.
    """
    if isinstance(value, dict):
        return _parse_table(value, control, where)
    if isinstance(value, list):
        low, high = _pair(value, control, where)
        return Uniform(low, high, whole=control.kind is int)
    return Constant(control.take(value, where))


def _parse_table(table: dict[str, Any], control: Control, where: str) -> Range:
    keys = set(table)
    if keys == {"log"} and control.kind is float:
        low, high = _pair(table["log"], control, where)
        if low <= 0:
            raise RecipeError(f"{where}: log = [{low:g}, {high:g}]: expected numbers above 0")
        return LogUniform(low, high)
    if "choice" in keys and keys <= {"choice", "weights"}:
        values = table["choice"]
        if not isinstance(values, list) or not values:
            raise RecipeError(f"{where}: choice is {values!r}, expected a list")
        weights = table.get("weights", [1] * len(values))
        if not isinstance(weights, list) or len(weights) != len(values) or not all(map(_positive, weights)):
            raise RecipeError(f"{where}: weights is {weights!r}, expected {len(values)} numbers above 0")
        return Choice(
            tuple(control.take(each, where) for each in values), tuple(float(w / sum(weights)) for w in weights)
        )
    if {"share", "of"} <= keys <= {"share", "of", "else"}:
        share = table["share"]
        if not _positive(share) or share > 1:
            raise RecipeError(f"{where}: share is {share!r}, expected a number above 0 and at most 1")
        otherwise = control.take(table.get("else", control.kind()), f"{where}: else")
        return Sometimes(float(share), parse_range(table["of"], control, where), otherwise)
    raise RecipeError(
        f"{where}: {table!r} is no range; expected [low, high], {{log = [low, high]}}, "
        "{choice = [...]} or {share = ..., of = ...}"
    )


def _positive(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value) and value > 0


def _pair(value: Any, control: Control, where: str) -> tuple[float, float]:
    if control.kind not in (float, int) or not isinstance(value, list) or len(value) != 2:
        raise RecipeError(f"{where}: {value!r}: expected {control}, or a range of two where it is a number")
    low, high = (control.take(each, where) for each in value)
    if low > high:
        raise RecipeError(f"{where}: {value!r}: expected the smaller number first")
    return low, high
