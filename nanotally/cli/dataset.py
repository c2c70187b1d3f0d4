"""`nanotally dataset`: compose a training set of synthetic and real micrographs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from nanotally.cli import app
from nanotally.cli.progress import progress
from nanotally.errors import DatasetError


@app.command()
def dataset(
    *,
    out: Annotated[Path, typer.Option(help="Folder to write the training set into.")],
    synthetic: Annotated[list[Path] | None, typer.Option(help="Set of `nanotally generate`; may be repeated.")] = None,
    real: Annotated[
        list[Path] | None,
        typer.Option(help="Micrographs labelled as YOLO, VOC, COCO, CreateML or with masks; may be repeated."),
    ] = None,
    views: Annotated[int, typer.Option(min=1, help="Views of each real training picture.")] = 34,
    tile: Annotated[int, typer.Option(min=32, help="Side of a training tile, pixels.")] = 416,
    seed: Annotated[int, typer.Option(min=0, help="Of the split and of every draw.")] = 1,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave out pictures that something is wrong with, and list them.")
    ] = False,
) -> None:
    """Compose a training set of synthetic tiles and views of real micrographs, split by group."""
    from nanotally.trainer.compose import compose

    try:
        counts = compose(
            out, synthetic=synthetic or [], real=real or [], views=views, side_px=tile, seed=seed,
            skip_bad=skip_bad, show=progress, say=print,
        )  # fmt: skip
    except DatasetError as error:
        if error.faults != (str(error),):
            print(*error.faults, sep="\n", file=sys.stderr)
        raise
    for part, numbers in counts.items():
        print(f"{out}: {part}: " + ", ".join(f"{n} {name}" for name, n in numbers.items()))
    print(f"{out / 'report.html'}: counts, sizes, density, contact and some pictures to look at")
