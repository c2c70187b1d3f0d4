"""`nanotally dataset`, `train` and `export`: from micrographs to a model bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nanotally.bundle import Bundle
from nanotally.cli import app


@app.command()
def dataset(
    *,
    out: Annotated[Path, typer.Option(help="Folder to write the training set into.")],
    synthetic: Annotated[list[Path] | None, typer.Option(help="Set of `nanotally generate`; may be repeated.")] = None,
    real: Annotated[list[Path] | None, typer.Option(help="Labelled set of micrographs; may be repeated.")] = None,
    views: Annotated[int, typer.Option(help="Views of each real training picture.")] = 34,
    tile: Annotated[int, typer.Option(help="Side of a training tile, pixels.")] = 416,
    seed: Annotated[int, typer.Option(help="Of the split and of every draw.")] = 1,
) -> None:
    """Compose a training set of synthetic tiles and views of real micrographs, split by group."""
    from nanotally.trainer.compose import compose

    counts = compose(out, synthetic=synthetic or [], real=real or [], views=views, side_px=tile, seed=seed)
    for part, numbers in counts.items():
        print(f"{out}: {part}: " + ", ".join(f"{n} {name}" for name, n in numbers.items()))


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
    print(_told(bundle))


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

    print(_told(write(model, out, name=name, side_px=tile, trained_on=trained_on, validation=validation)))


def _told(bundle: Bundle) -> str:
    chosen = ", ".join(f"{name} {score:g}" for name, score in bundle.manifest.thresholds.items())
    size = bundle.onnx.stat().st_size / 1e6
    return f"{bundle.path}: {bundle.manifest.name}, {size:.1f} MB, thresholds: {chosen}"
