"""`nanotally import-darknet`: a network trained with darknet becomes a model bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nanotally.cli import app


@app.command()
def import_darknet(
    cfg: Annotated[Path, typer.Argument(help="The network: a yolov3-tiny or yolov4-tiny .cfg.")],
    weights: Annotated[Path, typer.Argument(help="Its .weights.")],
    *,
    names: Annotated[Path, typer.Option(help="Class names, one a line, in the network's order.")],
    out: Annotated[Path, typer.Option(help="Bundle folder to write; it must be new or empty.")],
) -> None:
    """Write the model bundle of a network that darknet trained."""
    from nanotally.trainer.darknet.bundle import import_darknet as write

    bundle = write(cfg, weights, names=names, folder=out)
    manifest = bundle.manifest
    chosen = ", ".join(f"{name} {score:g}" for name, score in manifest.thresholds.items())
    size, side = bundle.onnx.stat().st_size / 1e6, manifest.input_size_px
    print(f"{bundle.path}: {manifest.name}, {side} x {side} px, {size:.1f} MB, thresholds: {chosen}")
