"""`nanotally dataset`: compose a training set of synthetic and real micrographs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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
