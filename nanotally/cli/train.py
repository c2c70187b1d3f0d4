"""`nanotally train`: train a tiny network and write its bundle."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from nanotally.cli import app
from nanotally.cli.export import told

RECIPE = """default; tune, to go on --from a base; smoke, to see whether training works here; nanotally-n, yolo11n,
yolo26n; m1 to m4, the paper's; m1-corrected to m4-corrected."""


@app.command()
def train(
    recipe: Annotated[str, typer.Argument(help=RECIPE)] = "default",
    *,
    data: Annotated[Path, typer.Option(help="Training set written by `nanotally dataset`.")],
    out: Annotated[Path, typer.Option(help="Folder of the run; an interrupted run goes on where it stopped.")],
    device: Annotated[str, typer.Option(help="cpu, 0, or 0,1 for several GPUs.")] = "cpu",
    hours: Annotated[float | None, typer.Option(min=0, help="Fit the training into this time.")] = None,
    images: Annotated[int | None, typer.Option(min=1, help="Images seen in all; else what the recipe says.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of weights and order.")] = 0,
    start: Annotated[
        Path | None, typer.Option("--from", help="Checkpoint of the same network to start from, with a new schedule.")
    ] = None,
) -> None:
    """Train a tiny network, offline, and write its bundle."""
    from nanotally.errors import UsageError
    from nanotally.trainer.export import export as write
    from nanotally.trainer.train import RECIPES, count_pictures
    from nanotally.trainer.train import train as run

    if recipe not in RECIPES:
        raise UsageError(f"recipe {recipe!r} is not known; there are {', '.join(RECIPES)}")
    chosen = replace(RECIPES[recipe], seed=seed, start=start)
    if images is not None:
        chosen = chosen.seeing(images, pictures=count_pictures(data))
    checkpoint = run(chosen, data, out, device=device, hours=hours)
    validation = data / "real-val"
    name = chosen.architecture if recipe == "default" else recipe
    bundle = write(
        checkpoint, out / "bundle", name=name, side_px=chosen.input_size_px, trained_on=str(data),
        validation=validation if validation.is_dir() else None,
    )  # fmt: skip
    print(told(bundle))
