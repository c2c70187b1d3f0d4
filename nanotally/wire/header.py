"""A frozen dataclass as a JSON header and back; keys that a class does not know are passed over."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import datetime, timezone
from functools import lru_cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from nanotally.errors import WireError

T = TypeVar("T")


def to_json(header: Mapping[str, Any]) -> bytes:
    """Header as it goes over the wire: compact JSON, NaN forbidden."""
    return json.dumps(header, separators=(",", ":"), allow_nan=False).encode()


def from_json(raw: bytes) -> dict[str, Any]:
    """Header as it came over the wire.

    Raises:
        WireError: if it is not a JSON object.
    """
    try:
        header = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise WireError(f"header is not JSON: {error}") from error
    if not isinstance(header, dict):
        raise WireError(f"header is a JSON {type(header).__name__}, not an object")
    return header


def dump(value: Any, *, without: Collection[str] = ()) -> dict[str, Any]:
    """Fields of a dataclass as JSON values.

    Keys that end in `_ns` become decimal strings: JavaScript's numbers, and many others', hold 53 bits only.
    """
    return {f.name: _plain(f.name, getattr(value, f.name)) for f in fields(value) if f.name not in without}


def _plain(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name.endswith("_ns"):
        return str(value)
    if isinstance(value, datetime):
        return value.astimezone(timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z")
    if is_dataclass(value):
        return dump(value)
    if isinstance(value, Mapping):
        return {key: dump(item) if is_dataclass(item) else item for key, item in value.items()}
    return value


def load(cls: type[T], header: Mapping[str, Any], **given: Any) -> T:
    """Build a dataclass `cls` from the keys of `header` that are its fields, and from `given` fields.

    Raises:
        WireError: if a key without default is missing or a value is not of the field's type.
    """
    hints = _hints(cls)  # type: ignore[arg-type] # a class is hashable
    values = dict(given)
    for f in fields(cls):  # type: ignore[arg-type]
        if f.name in values:
            continue
        if f.name in header:
            values[f.name] = _value(f.name, hints[f.name], header[f.name])
        elif not _has_default(f):
            raise WireError(f"header has no {f.name!r}")
    return cls(**values)


@lru_cache
def _hints(cls: type) -> dict[str, Any]:
    return get_type_hints(cls)


def _has_default(f: Field[Any]) -> bool:
    return f.default is not MISSING or f.default_factory is not MISSING


def _value(name: str, hint: Any, raw: Any) -> Any:
    """`raw` as the type `hint`, which may be a plain type, X | None, a tuple, a Mapping or a dataclass."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        hint = next(arm for arm in inner if arm is not NoneType)
        return None if raw is None else _value(name, hint, raw)
    try:
        if origin is tuple:
            return _tuple(name, inner, raw)
        if origin is not None:  # Mapping[str, X]
            return {str(key): _value(name, inner[1], item) for key, item in raw.items()}
        if is_dataclass(hint) and isinstance(raw, Mapping):
            return load(hint, raw)  # type: ignore[arg-type]
        return _scalar(name, hint, raw)
    except (TypeError, ValueError, AttributeError) as error:
        raise WireError(f"header has {name!r}: {str(raw)[:80]!r}, not {getattr(hint, '__name__', hint)}") from error


def _tuple(name: str, inner: tuple[Any, ...], raw: Any) -> tuple[Any, ...]:
    if not isinstance(raw, list):
        raise TypeError
    if inner[-1] is Ellipsis:
        return tuple(_value(name, inner[0], item) for item in raw)
    return tuple(_value(name, hint, item) for hint, item in zip(inner, raw, strict=True))


def _scalar(name: str, hint: type, raw: Any) -> Any:
    if hint is datetime:
        return _moment(raw)
    if name.endswith("_ns"):
        if not isinstance(raw, str):
            raise TypeError
        return int(raw)
    wanted = (int, float) if hint is float else hint
    if not isinstance(raw, wanted) or (hint is not bool and isinstance(raw, bool)):
        raise TypeError
    return hint(raw)


def _moment(raw: str) -> datetime:
    """RFC 3339 time in UTC; digits beyond the microsecond are dropped."""
    seconds, _, fraction = raw.removesuffix("Z").partition(".")
    moment = datetime.fromisoformat(f"{seconds}.{fraction[:6]:0<6}")
    return moment.replace(tzinfo=timezone.utc)
