"""`nanotally overlay`: the live page."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from nanotally.cli import app
from nanotally.cli.keys import KeysOption, client_keys
from nanotally.errors import UsageError
from nanotally.logs import set_up_logging

BIND = "127.0.0.1:8078"
"""Where the page is unless it is told otherwise."""

NEEDED = ("starlette", "uvicorn", "websockets")


@app.command()
def overlay(
    endpoints: Annotated[
        list[str] | None,
        typer.Argument(help="Of the daemons, or of a forwarder; they need not run yet.", metavar="[ENDPOINT]..."),
    ] = None,
    *,
    bind: Annotated[str, typer.Option(help="Where the page is served.", metavar="HOST:PORT")] = BIND,
    password_file: Annotated[
        Path | None, typer.Option(help="Its first line is asked for; needed where other machines reach the page.")
    ] = None,
    control: Annotated[
        list[str] | None,
        typer.Option(
            help="Control endpoint, one a daemon; left out: two ports above. INSTANCE=ENDPOINT: of a daemon behind a "
            "forwarder.",
            metavar="ENDPOINT",
        ),
    ] = None,
    replay: Annotated[
        list[str] | None,
        typer.Option(help="Endpoint of the journal, one a daemon; left out: as it says.", metavar="ENDPOINT"),
    ] = None,
    keys: KeysOption = None,
    server_key: Annotated[
        list[str] | None,
        typer.Option(
            help="The daemon's .key file, with --keys; one, or one a daemon. INSTANCE=FILE: for its --control.",
            metavar="FILE",
        ),
    ] = None,
    until_eof: Annotated[
        bool, typer.Option("--until-eof", help="End also when standard input does: whoever started it is gone.")
    ] = False,
) -> None:
    """Serve the live page: the picture with what was found in it, counts, sizes, and control.

    A process of its own, so that nothing in it can slow or stop the detector. SIGTERM and SIGINT (Ctrl-C) end it.
    """
    check_extra()
    from nanotally.overlay.address import addresses, by_instance, control_addresses
    from nanotally.overlay.bind import Bind
    from nanotally.overlay.login import read_password
    from nanotally.overlay.server import serve

    in_order, named = by_instance(control or ())
    files, named_files = by_instance(server_key or ())
    servers: Sequence[Path | None] = [Path(file) for file in files] or [None]
    pairs = [pair for server in servers if (pair := client_keys(keys, server)) is not None]
    own = {name: pair for name, file in named_files.items() if (pair := client_keys(keys, Path(file))) is not None}
    found = addresses(endpoints or (), control=in_order, replay=replay or (), keys=pairs)
    controls = control_addresses(named, keys=own)
    password = None if password_file is None else read_password(password_file)
    set_up_logging()
    serve(found, controls, bind=Bind.parse(bind), password=password, until_eof=until_eof)


def check_extra() -> None:
    """Whether what the page needs is installed.

    Raises:
        UsageError: it is not.
    """
    if any(find_spec(name) is None for name in NEEDED):
        raise UsageError("the page needs the extra `overlay`, which is not installed: pip install 'nanotally[overlay]'")
