"""`nanotally control`: asks a running daemon to do something."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import typer
import zmq

from nanotally.cli import app
from nanotally.cli.keys import KeysOption, ServerKeyOption, client_keys
from nanotally.errors import UsageError
from nanotally.wire.control import CONTROL_ENDPOINT, ControlClient


@app.command()
def control(
    verb: Annotated[str, typer.Argument(help="get, set, unset, session-start, ...: see docs/control.md.")],
    words: Annotated[
        list[str] | None, typer.Argument(help="Its arguments, KEY=VALUE; for unset, keys.", metavar="[KEY=VALUE]...")
    ] = None,
    *,
    endpoint: Annotated[str, typer.Option(help="Of the daemon's control socket.")] = CONTROL_ENDPOINT,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for the answer.", min=0.1)] = 10.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")] = False,
    keys: KeysOption = None,
    server_key: ServerKeyOption = None,
) -> None:
    """Change settings, sessions and more of a running daemon, without a new start.

    The value of a setting, whose key has a dot, is written as in JSON: source.main.roi=[0,0,640,480]. Others are text.
    """
    args = _args(words or [])
    try:
        client = ControlClient(endpoint, keys=client_keys(keys, server_key))
    except zmq.ZMQError as error:
        raise UsageError(f"{endpoint}: not an endpoint such as {CONTROL_ENDPOINT} ({error.strerror})") from error
    with client:
        answer = client.ask(verb, args, timeout_s=timeout)
    if as_json:
        print(json.dumps({**answer.ok, "settings_sha256": answer.settings_sha256}))
    else:
        print(*_lines(answer.ok), sep="\n")


def _args(words: Sequence[str]) -> dict[str, Any]:
    """Arguments by name; words that are no assignment are the list `keys`."""
    args: dict[str, Any] = {}
    for word in words:
        key, assigned, value = word.partition("=")
        if assigned:
            args[key] = _json(key, value) if "." in key else value
        else:
            args.setdefault("keys", []).append(word)
    return args


def _json(key: str, value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError as error:
        raise UsageError(f"{key}={value}: write the value as in JSON, such as 0.4, [0,0,640,480] or null") from error


def _lines(answer: Any, prefix: str = "") -> Iterator[str]:
    """A line for every value, with its place in front."""
    for key, value in answer.items():
        if isinstance(value, dict) and value:
            yield from _lines(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key} = {value if isinstance(value, str) else json.dumps(value)}"
