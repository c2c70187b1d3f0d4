"""`nanotally overlay`: the live page."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from nanotally.cli import app
from nanotally.cli.keys import KeysOption, client_keys
from nanotally.errors import UsageError

BIND = "127.0.0.1:8078"
"""Where the page is unless it is told otherwise."""

NEEDED = ("starlette", "uvicorn", "websockets")


@app.command()
def overlay(
    endpoints: Annotated[
        list[str] | None, typer.Argument(help="Of the daemons; they need not run yet.", metavar="[ENDPOINT]...")
    ] = None,
    *,
    bind: Annotated[str, typer.Option(help="Where the page is served.", metavar="HOST:PORT")] = BIND,
    password_file: Annotated[
        Path | None, typer.Option(help="Its first line is asked for; needed where other machines reach the page.")
    ] = None,
    control: Annotated[
        list[str] | None,
        typer.Option(help="Control endpoint, one a daemon; left out: two ports above.", metavar="ENDPOINT"),
    ] = None,
    replay: Annotated[
        list[str] | None,
        typer.Option(help="Endpoint of the journal, one a daemon; left out: as it says.", metavar="ENDPOINT"),
    ] = None,
    keys: KeysOption = None,
    server_key: Annotated[
        list[Path] | None, typer.Option(help="The daemon's .key file, with --keys; one, or one a daemon.")
    ] = None,
    until_eof: Annotated[
        bool, typer.Option("--until-eof", help="End also when standard input does: whoever started it is gone.")
    ] = False,
) -> None:
    """Serve the live page: the picture with what was found in it, counts, sizes, and control.

    A process of its own, so that nothing in it can slow or stop the detector. SIGTERM and SIGINT (Ctrl-C) end it.
    """
    check_extra()
    from nanotally.overlay.address import addresses
    from nanotally.overlay.bind import Bind
    from nanotally.overlay.login import read_password
    from nanotally.overlay.server import serve

    servers: Sequence[Path | None] = server_key or [None]
    pairs = [pair for server in servers if (pair := client_keys(keys, server)) is not None]
    found = addresses(endpoints or (), control=control or (), replay=replay or (), keys=pairs)
    password = None if password_file is None else read_password(password_file)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    serve(found, bind=Bind.parse(bind), password=password, until_eof=until_eof)


def check_extra() -> None:
    """Whether what the page needs is installed.

    Raises:
        UsageError: it is not.
    """
    if any(find_spec(name) is None for name in NEEDED):
        raise UsageError("the page needs the extra `overlay`, which is not installed: pip install 'nanotally[overlay]'")
