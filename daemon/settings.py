"""What can be changed while the daemon runs: some keys of the configuration, and how they are laid over the file's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from difflib import get_close_matches
from typing import Any

import msgspec

from nanotally.daemon.config import Config
from nanotally.errors import ConfigError

OF_SOURCE = ("roi", "masks", "nm_per_px")
"""Keys of a source that can be set over the file's."""


def nearest(word: str, known: Iterable[str]) -> str:
    """Advice for somebody who wrote a word that is not known."""
    near = get_close_matches(word, known := list(known), n=1)
    return f"did you mean {near[0]}?" if near else f"there are {', '.join(known) or 'none'}"


def settable(config: Config, classes: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Every key that can be set over what the file says, such as `detect.thresholds.cube`, with its path."""
    paths = [
        ("detect", "score"),
        *(("detect", "thresholds", name) for name in classes),
        *(("source", name, key) for name in config.source for key in OF_SOURCE),
    ]
    return {".".join(path): path for path in paths}


def overlaid(config: Config, overrides: Mapping[str, Any], classes: Sequence[str]) -> Config:
    """The configuration with other values of some keys.

    Args:
        config: to lay them over.
        overrides: values by key.
        classes: that the model knows.

    Raises:
        ConfigError: if there is no such key, or a value is of the wrong type or range. It names the key.
    """
    known = settable(config, classes)
    for key, value in overrides.items():
        if key not in known:
            raise ConfigError(f"{key[:80]} cannot be set; {nearest(key, known)}")
        table = asdict(config)
        *above, last = known[key]
        _table_of(table, above)[last] = value
        try:
            config = msgspec.convert(table, Config)
        except msgspec.ValidationError as error:
            raise ConfigError(f"{key}: {str(error).partition(' - at `$')[0]}") from error
    return config


def values(config: Config, classes: Sequence[str]) -> dict[str, Any]:
    """The values of all keys that can be set; None of a threshold that is that of `detect.score` or of the model."""
    table = asdict(config)
    return {key: _table_of(table, path[:-1]).get(path[-1]) for key, path in settable(config, classes).items()}


def taken_over(old: Config, new: Config) -> Config:
    """The configuration of a running daemon after another one was read: the rest needs a new start."""
    source = {
        name: replace(new.source[name], uri=own.uri) if name in new.source else own for name, own in old.source.items()
    }
    return replace(old, model=new.model, detect=new.detect, source=source)


def differences(old: Config, new: Config) -> list[str]:
    """Keys whose values differ, such as `detect.score`; `source.NAME` where only one of them has such a source."""
    before, after = dict(_flat(old)), dict(_flat(new))
    keys = {key for key in {*before, *after} if before.get(key) != after.get(key)}
    lonely = {f"source.{name}" for name in old.source.keys() ^ new.source.keys()}
    return sorted(lonely | {key for key in keys if not key.startswith(tuple(f"{name}." for name in lonely))})


def _table_of(table: dict[str, Any], path: Sequence[str]) -> dict[str, Any]:
    for name in path:
        table = table[name]
    return table


def _flat(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Values by dotted key."""
    for key, inner in (value if prefix else asdict(value)).items():
        if isinstance(inner, dict):
            yield from _flat(inner, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", inner
