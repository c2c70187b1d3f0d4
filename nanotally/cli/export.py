"""`nanotally export`: a model bundle of a checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nanotally.bundle import Bundle
from nanotally.cli import app


@app.command()
def export(
    model: Annotated[Path, typer.Argument(help="Checkpoint of a run: train/weights/best.pt.")],
    *,
    out: Annotated[Path, typer.Option(help="Bundle folder to write.")],
    name: Annotated[str, typer.Option(help="Name of the bundle, published on the wire.")] = "custom",
    tile: Annotated[int, typer.Option(help="Side of the network's input, pixels.")] = 416,
    validation: Annotated[Path | None, typer.Option(help="Labelled set on which thresholds are chosen.")] = None,
    trained_on: Annotated[str, typer.Option(help="What the network saw, in one line, for the manifest.")] = "",
) -> None:
    """Write the model bundle of a checkpoint; thresholds are chosen on the validation set, or are 0.25 without one."""
    from nanotally.trainer.export import export as write

    print(told(write(model, out, name=name, side_px=tile, trained_on=trained_on, validation=validation)))


def told(bundle: Bundle) -> str:
    """What a bundle is, in one line."""
    chosen = ", ".join(f"{name} {score:g}" for name, score in bundle.manifest.thresholds.items())
    size = bundle.onnx.stat().st_size / 1e6
    return f"{bundle.path}: {bundle.manifest.name}, {size:.1f} MB, thresholds: {chosen}"
