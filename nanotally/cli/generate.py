"""`nanotally generate`: labelled synthetic micrographs."""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path
from typing import Annotated

import typer

from nanotally.cli import app
from nanotally.cli.progress import progress


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(","))


@app.command()
def generate(
    pattern: Annotated[Path | None, typer.Argument(help="Pattern file; leave out for procedural shapes.")] = None,
    *,
    out: Annotated[Path, typer.Option(help="Folder to write into; it must be new or empty.")],
    shapes: Annotated[str, typer.Option(help="Procedural shapes, with commas between.")] = "cube,quasi_sphere",
    mode: Annotated[
        str | None,
        typer.Option(
            help="paper: apart, on a flat canvas; sem: as varied as real ones, procedural shapes only. "
            "Left out: paper with a pattern file, sem without."
        ),
    ] = None,
    count: Annotated[int, typer.Option(help="Images to make.")] = 10,
    max_particles: Annotated[int, typer.Option(help="The most particles an image.")] = 60,
    size: Annotated[str, typer.Option(help="Width x height of procedural images, pixels.")] = "1280x960",
    seed: Annotated[int | None, typer.Option(help="The same seed gives the same bytes; left out: the clock.")] = None,
    labels: Annotated[str, typer.Option(help="Label formats, with commas between: yolo, voc, coco.")] = "yolo",
    as_json: Annotated[bool, typer.Option("--json", help="Print the totals as JSON.")] = False,
) -> None:
    """Make labelled synthetic micrographs from a pattern file or from procedural shapes."""
    from nanotally.errors import UsageError
    from nanotally.generator.dataset import Order, make_all, write_set

    found = re.fullmatch(r"(\d{1,5})x(\d{1,5})", size.lower())
    if not found:
        raise UsageError(f"--size {size}: expected width x height, as in 1280x960")
    order = Order(
        pattern=str(pattern) if pattern else None,
        classes=_names(shapes),
        mode=mode or ("paper" if pattern else "sem"),
        count=count,
        max_particles=max_particles,
        width=int(found[1]),
        height=int(found[2]),
        seed=time.time_ns() % 2**32 if seed is None else seed,
    )
    made = progress(make_all(order, workers=os.cpu_count() or 1), "micrographs", count)
    totals = write_set(order, made, out, _names(labels))
    if as_json:
        print(json.dumps({"out": str(out), "seed": order.seed, **totals}))
    else:
        particles = ", ".join(f"{n} {name}" for name, n in totals.items() if name != "images")
        print(f"{out}: {totals['images']} images, {particles}; seed {order.seed}")
