"""`nanotally generate`: labelled synthetic micrographs."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nanotally.cli import app
from nanotally.cli.options import Dask
from nanotally.cli.progress import progress
from nanotally.errors import UsageError
from nanotally.spread import spread_over

if TYPE_CHECKING:
    from nanotally.generator.orders import Order, Picture

SHAPES, COUNT, MOST, SIZE, RECIPE = "cube,quasi_sphere", 10, 500, "1280x960", "sem"


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(","))


@app.command()
def generate(
    pattern: Annotated[Path | None, typer.Argument(help="Pattern file; leave out for procedural shapes.")] = None,
    *,
    out: Annotated[
        Path, typer.Option(help="Folder to write into: new, empty, or of the same command that was broken off.")
    ],
    shapes: Annotated[str, typer.Option(help="Procedural shapes, with commas between.")] = SHAPES,
    mode: Annotated[
        str | None,
        typer.Option(
            help="paper: apart, on a flat canvas; sem: as varied as real ones, after a recipe. "
            "Left out: paper with a pattern file, sem without."
        ),
    ] = None,
    recipe: Annotated[
        str, typer.Option(help="Recipe of mode sem: a TOML file, or the name of a shipped one.")
    ] = RECIPE,
    backgrounds: Annotated[
        Path | None, typer.Option(help="Folder with pictures of bare substrates to lay the particles on.")
    ] = None,
    count: Annotated[int, typer.Option(help="Images to make.")] = COUNT,
    max_particles: Annotated[int, typer.Option(help="The most particles an image.")] = MOST,
    size: Annotated[str, typer.Option(help="Width x height of procedural images, pixels.")] = SIZE,
    preset: Annotated[
        str | None, typer.Option(help="A or B: the paper's training sets, to their numbers of particles and images.")
    ] = None,
    real: Annotated[
        Path | None, typer.Option(help="Labelled set whose pictures of quasi-spheres become part of the preset.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="The same seed gives the same bytes; left out: the clock.")] = None,
    labels: Annotated[
        str, typer.Option(help="Label formats, with commas between: yolo, voc, coco, createml, masks.")
    ] = "yolo",
    preview: Annotated[bool, typer.Option(help="Also write preview.png, a contact sheet with boxes.")] = False,
    workers: Annotated[int | None, typer.Option(help="Processes; left out: one a core. Never changes a byte.")] = None,
    dask: Dask = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the totals as JSON.")] = False,
) -> None:
    """Make labelled synthetic micrographs from a pattern file or from procedural shapes.

    The same command again goes on with a set that was broken off.
    """
    from nanotally.generator.dataset import write_set
    from nanotally.generator.orders import Order

    seed = time.time_ns() % 2**32 if seed is None else seed
    if preset is not None:
        plain = (shapes, count, max_particles, size, recipe) == (SHAPES, COUNT, MOST, SIZE, RECIPE)
        alone = plain and not (pattern or mode or backgrounds or dask)
        facts, pictures, count = _preset(preset, seed, real, alone=alone)
        totals = write_set(facts, progress(pictures, "micrographs", count), out, _names(labels), preview=preview)
    elif real is not None:
        raise UsageError("--real goes with --preset A or --preset B")
    else:
        width, height = _size(size)
        order = Order(
            pattern=str(pattern) if pattern else None, classes=_names(shapes), recipe=recipe,
            mode=mode or ("paper" if pattern else "sem"), backgrounds=str(backgrounds) if backgrounds else None,
            count=count, max_particles=max_particles, width=width, height=height, seed=seed,
        )  # fmt: skip
        totals = _write(order, out, labels, preview=preview, workers=workers, dask=dask)
    print(json.dumps({"out": str(out), "seed": seed, **totals}) if as_json else _told(out, seed, totals))


def _told(out: Path, seed: int, totals: dict[str, int]) -> str:
    """What was made, in a line."""
    particles = ", ".join(f"{n} {name}" for name, n in totals.items() if name != "images")
    return f"{out}: {totals['images']} images, {particles}; seed {seed}"


def _write(
    order: Order, out: Path, labels: str, *, preview: bool, workers: int | None, dask: str | None
) -> dict[str, int]:
    """Write the set, or what is missing of it; answers its totals."""
    from nanotally.generator.dataset import begun, write_set
    from nanotally.generator.orders import make_with

    facts, formats = asdict(order), _names(labels)
    first = begun(facts, out, formats, preview=preview)
    workers = (os.cpu_count() or 1) if workers is None else workers
    with spread_over(dask, workers=min(workers, max(order.count - first, 1))) as spread:
        made = progress(make_with(spread, order, first=first), "micrographs", order.count - first)
        return write_set(facts, made, out, formats, preview=preview, first=first)


def _size(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d{1,5})x(\d{1,5})", text.lower())
    if not found:
        raise UsageError(f"--size {text}: expected width x height, as in 1280x960")
    return int(found[1]), int(found[2])


def _preset(
    name: str, seed: int, real: Path | None, *, alone: bool
) -> tuple[dict[str, object], Iterable[Picture], int]:
    """The order as the manifest tells it, the pictures and their number; `alone`: nothing else was ordered."""
    from nanotally.generator.presets import find_preset, make_preset

    if not alone:
        raise UsageError(f"--preset {name} is a whole order; only --real, --seed, --labels and --preview go with it")
    wanted = find_preset(name)
    facts = {"preset": name.upper(), "seed": seed, "real": str(real) if real else None}
    return facts, make_preset(wanted, seed=seed, real=real), wanted.images
