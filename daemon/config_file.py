"""The configuration file: TOML, every key of which is known."""

from __future__ import annotations

import dataclasses
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from nanotally.daemon.config import SOURCE, Config
from nanotally.errors import ConfigError

T = TypeVar("T")


def read_config(
    path: Path | None = None,
    *,
    uri: str | None = None,
    instance: str | None = None,
    bundle: str | None = None,
    engine: str | None = None,
) -> Config:
    """Read and check a configuration file; what else is given stands instead of what the file says.

    Args:
        path: of the TOML file. None: the defaults, which need a `uri`.
        uri: of the only source, under the name of the file's first but without its pixel size: another feed.
        instance: name of the microscope.
        bundle: folder of the model bundle.
        engine: what runs it.

    Raises:
        ConfigError: if the file cannot be read, has an unknown key, or a value of the wrong type or range.
    """
    where = str(path) if path else "command line"
    table = read_table(path, Config) if path else {}
    if uri is not None:
        name = next(iter(table.get("source", {})), SOURCE)
        table["source"] = {name: {"uri": uri}}
    if instance is not None:
        table["instance"] = instance
    for key, value in (("bundle", bundle), ("engine", engine)):
        if value is not None:
            table.setdefault("model", {})[key] = value
    return converted(table, Config, where)


def read_table(path: Path, cls: type) -> dict[str, Any]:
    """What a TOML file says, every key of which is one of `cls`, a dataclass, or of those below it.

    Raises:
        ConfigError: if it cannot be read, or has an unknown key.
    """
    try:
        table = dict(msgspec.toml.decode(path.read_bytes()))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; give the path of a TOML file") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not TOML: {error}") from error
    _check_keys(table, cls, str(path))
    return table


def converted(table: dict[str, Any], cls: type[T], where: str) -> T:
    """A table as the dataclass `cls`.

    Raises:
        ConfigError: if a value is of the wrong type or range.
    """
    try:
        return msgspec.convert(table, cls)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{where}: {_readable(str(error))}") from error


def _check_keys(table: Any, cls: type, where: str, prefix: str = "") -> None:
    """Refuse keys that `cls` does not have, in every table below too."""
    if not isinstance(table, dict):
        raise ConfigError(f"{where}: {prefix.rstrip('.')} must be a table, not {table!r}")
    hints = get_type_hints(cls)
    known = [f.name for f in dataclasses.fields(cls)]
    for key, value in table.items():
        if key not in known:
            near = get_close_matches(key, known, n=1)
            advice = f"did you mean {prefix}{near[0]}?" if near else f"there are {', '.join(known)}"
            raise ConfigError(f"{where}: unknown key {prefix}{key}; {advice}")
        if dataclasses.is_dataclass(hints[key]):
            _check_keys(value, hints[key], where, f"{prefix}{key}.")
        elif named := _named(hints[key]):
            if not isinstance(value, dict) or not all(isinstance(inner, dict) for inner in value.values()):
                raise ConfigError(f"{where}: {key} needs a name: write [{key}.NAME] above its keys")
            for name, inner in value.items():
                _check_keys(inner, named, where, f"{prefix}{key}.{name}.")


def _named(hint: Any) -> type | None:
    """The dataclass of tables that have names, as `source` has; None for whatever is not such a table."""
    inner = get_args(hint)[1:] if get_origin(hint) is dict else ()
    return next((cls for cls in inner if isinstance(cls, type) and dataclasses.is_dataclass(cls)), None)


def _readable(message: str) -> str:
    """Complaint of msgspec with the key in front: "metrics.port: Expected `int`, got `str`"."""
    what, _, place = message.partition(" - at `$")
    key = place.strip(".`").replace("[...]", ".NAME")
    return f"{key}: {what}" if key else what
