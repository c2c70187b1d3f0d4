"""`nanotally engine`: the plan with which TensorRT runs a model on this machine's GPU."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from nanotally.cli import app
from nanotally.errors import EngineError


@app.command()
def engine(
    model: Annotated[
        str, typer.Argument(help="Bundle folder, or name of a bundle that ships with nanotally.")
    ] = "default",
    *,
    config: Annotated[
        Path | None, typer.Option(help="Build for the daemon of this TOML file; nothing to do if it has no use for it.")
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Build it even if there is one.")] = False,
) -> None:
    """Build the TensorRT plan of a model for this GPU, so that the daemon starts with it, and print where it lies.

    Takes from half a minute to many minutes. With engine = "auto" the daemon does it by itself while OpenVINO serves.
    """
    from nanotally.bundle import load_bundle
    from nanotally.daemon.config_file import read_config
    from nanotally.detect.engines import tensorrt

    logging.basicConfig(stream=sys.stderr, level=logging.ERROR, format="%(message)s")
    wanted = "tensorrt"
    if config is not None:
        settings = read_config(config).model
        model, wanted = settings.bundle or "default", settings.engine
    if wanted not in ("auto", "tensorrt"):
        print(f"{config}: engine is {wanted}, which needs no plan")
        return
    bundle = load_bundle(model)
    try:
        path = tensorrt.find_plan(bundle)
    except EngineError as error:
        if wanted != "auto":
            raise
        print(f"{error}; OpenVINO serves")
        return
    if path is None or again:
        console = Console(stderr=True)
        with Progress(console=console, transient=True, disable=not console.is_terminal) as bars:
            bar = bars.add_task("TensorRT", total=1.0)
            path = tensorrt.make_plan(bundle, lambda phase, share: bars.update(bar, description=phase, completed=share))
    print(path)
