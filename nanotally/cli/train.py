"""`nanotally train`: train a tiny network and write its bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nanotally.cli import app
from nanotally.cli.export import told


@app.command()
def train(
    recipe: Annotated[str, typer.Argument(help="default, or smoke to see whether training works here.")] = "default",
    *,
    data: Annotated[Path, typer.Option(help="Training set written by `nanotally dataset`.")],
    out: Annotated[Path, typer.Option(help="Folder of the run; an interrupted run goes on where it stopped.")],
    device: Annotated[str, typer.Option(help="cpu, 0, or 0,1 for several GPUs.")] = "cpu",
    hours: Annotated[float | None, typer.Option(help="Fit the training into this time.")] = None,
) -> None:
    """Train a tiny network, offline, and write its bundle."""
    from nanotally.errors import UsageError
    from nanotally.trainer.export import export as write
    from nanotally.trainer.train import RECIPES
    from nanotally.trainer.train import train as run

    if recipe not in RECIPES:
        raise UsageError(f"recipe {recipe!r} is not known; there are {', '.join(RECIPES)}")
    chosen = RECIPES[recipe]
    checkpoint = run(chosen, data, out, device=device, hours=hours)
    validation = data / "real-val"
    bundle = write(
        checkpoint, out / "bundle", name=chosen.architecture, side_px=chosen.input_size_px, trained_on=str(data),
        validation=validation if validation.is_dir() else None,
    )  # fmt: skip
    print(told(bundle))
