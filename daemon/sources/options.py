"""Options in the URI of a source, as in `v4l2:/dev/video0?size=1280x960&format=GREY`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from nanotally.errors import SourceError


def split_options(uri: str, known: Mapping[str, Callable[[str], Any]]) -> tuple[str, dict[str, Any]]:
    """What stands between the scheme and the `?`, and the options behind it.

    Args:
        uri: with its scheme.
        known: what makes a value of each option's text; it raises ValueError with what was expected.

    Raises:
        SourceError: an option is not known or has no sense.
    """
    place, _, query = uri.partition(":")[2].partition("?")
    options = {}
    for name, text in parse_qsl(query, keep_blank_values=True):
        if name not in known:
            raise SourceError(f"{uri}: option {name!r} is not known; there are {', '.join(known)}")
        try:
            options[name] = known[name](text)
        except ValueError as error:
            raise SourceError(f"{uri}: {name}={text!r}: {error}") from error
    return place, options
