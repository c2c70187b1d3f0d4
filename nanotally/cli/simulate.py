"""`nanotally simulate`: a simulated microscope as a video file with its truth beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from nanotally.cli import app
from nanotally.cli.progress import progress
from nanotally.errors import UsageError


@app.command()
def simulate(
    uri: Annotated[str, typer.Argument(metavar="URI", help="Simulation, as in 'sim:?frames=200&zoom=2'.")],
    *,
    out: Annotated[Path, typer.Option(help="Video, .mkv (lossless) or .mp4; the truth is beside it as .jsonl.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the totals as JSON.")] = False,
) -> None:
    """Write a simulated microscope as a video, with the truth of every frame beside it."""
    from nanotally.generator.simulation import parse_sim
    from nanotally.generator.stage import Stage
    from nanotally.generator.video import truth_path, write_video

    if not uri.startswith("sim:"):
        raise UsageError(f"{uri}: expected a simulation, as in 'sim:?frames=200'")
    simulation = parse_sim(uri)
    if not simulation.frames:
        raise UsageError(f"{uri}: has no end; say how many frames, as in 'sim:?frames=200'")
    totals = write_video(Stage(simulation), out, progress(range(simulation.frames), "frames", simulation.frames))
    if as_json:
        print(json.dumps({"out": str(out), "truth": str(truth_path(out)), **totals}))
    else:
        told = ", ".join(f"{n} {name}" for name, n in totals.items() if n or name == "particles")
        print(f"{out}: {simulation.frames} frames, {told}; truth in {truth_path(out)}")
