"""`nanotally keys`: a pair of keys, for a daemon or for somebody who connects to one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nanotally.cli import app
from nanotally.errors import UsageError
from nanotally.wire import ClientKeys
from nanotally.wire.curve import make_keys

KeysOption = Annotated[
    Path | None, typer.Option(help="Your .key_secret file, where the daemon wants keys.", metavar="FILE")
]
ServerKeyOption = Annotated[Path | None, typer.Option(help="The daemon's .key file, with --keys.", metavar="FILE")]
"""Options of every verb that connects."""

ADVICE = """made {secret}: secret, stays on this machine
made {public}: to be given away
For a daemon, write into its configuration:
    [security]
    server_key = "{resolved}"
    allow = "FOLDER"    # of the .key files of all who may connect
To connect to a daemon, copy {public.name} into that FOLDER, and say for example:
    nanotally log ENDPOINT --to counts.csv --keys {secret} --server-key DAEMON.key"""


@app.command()
def keys(
    folder: Annotated[Path, typer.Argument(help="Where to write the two files; made if it is not there.")],
    *,
    name: Annotated[str, typer.Option(help="Of the microscope or of who connects: 1 to 32 of a-z 0-9 _ -.")],
) -> None:
    """Make a pair of CURVE keys: NAME.key to be given away, NAME.key_secret to be kept.

    A daemon has a pair, and so has everybody who connects to it. Nothing is ever overwritten.
    """
    public, secret = make_keys(folder, name)
    print(ADVICE.format(public=public, secret=secret, resolved=secret.resolve()))


def client_keys(own: Path | None, server: Path | None) -> ClientKeys | None:
    """Keys that the options `--keys` and `--server-key` name; None without them.

    Raises:
        UsageError: only one of them is given.
        ConfigError: a file cannot be used.
    """
    if own is None and server is None:
        return None
    if own is None or server is None:
        raise UsageError("--keys FILE.key_secret (yours) and --server-key FILE.key (the daemon's) belong together")
    return ClientKeys.read(own, server)
