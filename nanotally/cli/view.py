"""`nanotally view`: the live picture in a window."""

from __future__ import annotations

from contextlib import closing
from typing import Annotated

import typer

from nanotally.cli import app
from nanotally.cli.keys import KeysOption, ServerKeyOption, client_keys
from nanotally.wire.subscriber import ENDPOINT


@app.command()
def view(
    endpoint: Annotated[str, typer.Argument(help="Of the daemon; it need not run yet.")] = ENDPOINT,
    *,
    instance: Annotated[str | None, typer.Option(help="Microscope; left out: the first that is heard.")] = None,
    source: Annotated[str | None, typer.Option(help="Feed; left out: the first that is heard.")] = None,
    full_screen: Annotated[bool, typer.Option("--full-screen", help="Over the whole display.")] = False,
    keys: KeysOption = None,
    server_key: ServerKeyOption = None,
) -> None:
    """Show the live picture with what was found in it on this machine's display.

    c: contours in place of boxes, and back. q or Esc ends it.
    """
    from nanotally.overlay.address import addresses
    from nanotally.overlay.sight import Sight
    from nanotally.overlay.window import Window

    given = client_keys(keys, server_key)
    (address,) = addresses([endpoint], keys=[given] if given else [])
    with closing(Sight(address, instance=instance, source=source)) as sight:
        Window(full_screen=full_screen).run(sight)
