"""`nanotally run`: the daemon."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from nanotally.cli import app
from nanotally.cli.overlay import BIND, check_extra
from nanotally.errors import UsageError
from nanotally.logs import set_up_logging

if TYPE_CHECKING:
    from nanotally.daemon.config import Config


OVERLAY = "--overlay"


class Command(TyperCommand):
    """`--overlay` may stand alone: then the page is where it always is."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Give the option the value that was left out."""
        alone = [
            word == OVERLAY and (here + 1 == len(args) or args[here + 1].startswith("-"))
            for here, word in enumerate(args)
        ]
        given = [f"{word}={BIND}" if left_out else word for word, left_out in zip(args, alone, strict=True)]
        return list(super().parse_args(ctx, given))


@app.command(cls=Command)
def run(
    config: Annotated[Path | None, typer.Option(help="TOML file; see docs/configuration.md.")] = None,
    source: Annotated[
        str | None, typer.Option(help="Feed: dir:FOLDER, file:VIDEO, sim:, or a plain path.", metavar="URI")
    ] = None,
    model: Annotated[Path | None, typer.Option(help="Model bundle, or `default-int8`; left out: the default.")] = None,
    engine: Annotated[str | None, typer.Option(help="auto, openvino or tensorrt.", metavar="ENGINE")] = None,
    instance: Annotated[
        str | None, typer.Option(help="Name of the microscope in every message.", metavar="NAME")
    ] = None,
    overlay: Annotated[
        str | None,
        typer.Option(OVERLAY, help=f"Also serve the live page, at {BIND} unless told.", metavar="[HOST:PORT]"),
    ] = None,
) -> None:
    """Follow a live feed and publish detections, counts and status over ZeroMQ.

    Options stand instead of what the configuration file says. SIGTERM and SIGINT (Ctrl-C) stop it
    cleanly, SIGHUP makes it read the file again.
    """
    from nanotally.daemon.config_file import read_config
    from nanotally.daemon.service import Service

    if config is None and source is None:
        raise UsageError("nothing to look at: give --source URI, such as sim:, or --config FILE")
    bundle = None if model is None else str(model)
    read = partial(read_config, config, uri=source, instance=instance, bundle=bundle, engine=engine)
    settings = read()
    set_up_logging()
    with nullcontext() if overlay is None else _page(settings, overlay):
        Service(settings, reread=read).run()


def _page(settings: Config, bind: str) -> AbstractContextManager[None]:
    """The live page beside the daemon."""
    from nanotally.overlay.beside import running_beside

    check_extra()
    if settings.security.is_given:
        raise UsageError("--overlay: the daemon wants keys: start `nanotally overlay --keys FILE` by itself")
    return running_beside(settings.publish.endpoint, settings.control.endpoint, bind=bind)
