"""`nanotally run`: the daemon."""

from __future__ import annotations

import logging
import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from nanotally.cli import app
from nanotally.errors import UsageError


@app.command()
def run(
    config: Annotated[Path | None, typer.Option(help="TOML file; see docs/configuration.md.")] = None,
    source: Annotated[
        str | None, typer.Option(help="Feed: dir:FOLDER, file:VIDEO, sim:, or a plain path.", metavar="URI")
    ] = None,
    model: Annotated[
        Path | None, typer.Option(help="Model bundle, or `default-int8`; left out: the default.")
    ] = None,
    engine: Annotated[str | None, typer.Option(help="auto or openvino.", metavar="ENGINE")] = None,
    instance: Annotated[
        str | None, typer.Option(help="Name of the microscope in every message.", metavar="NAME")
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
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    Service(settings, reread=read).run()
