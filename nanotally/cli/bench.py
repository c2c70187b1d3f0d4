"""`nanotally bench`: how fast the daemon is on this machine, beside its engine alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nanotally.cli import app

if TYPE_CHECKING:
    from nanotally.daemon.bench.course import Result
    from nanotally.daemon.bench.figures import Run

FRAMES = 48
SIMULATED = "sim:?width=1280&height=960&fields=2&fps=0&frames={frames}&particles={particles}&size_px={size_px:.1f}"
SIZE_PX, AT_MOST = 34.0, 0.5
"""Size of a simulated particle: so many pixels, or this share of the room that each one has."""


@app.command()
def bench(
    source: Annotated[
        str | None, typer.Argument(help="Frames to show: a recording, folder, video or sim:.", metavar="[URI]")
    ] = None,
    *,
    particles: Annotated[int, typer.Option(min=1, help="A frame, where frames are simulated.")] = 300,
    model: Annotated[Path | None, typer.Option(help="Bundle folder; left out: the default model.")] = None,
    engine: Annotated[str, typer.Option(help="auto, openvino or tensorrt.", metavar="ENGINE")] = "auto",
    seconds: Annotated[float, typer.Option(min=2, help="How long each of two runs of the daemon is.")] = 10.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print all figures as JSON.")] = False,
) -> None:
    """Measure the daemon on this machine: frames a second, age, and what each stage takes.

    The first frames of the source are read beforehand; another process pushes them to a daemon that sizes and tracks,
    a third listens. The engine alone is measured before, between and after.
    """
    import msgspec

    from nanotally.daemon.bench.course import bench as measure
    from nanotally.daemon.bench.footage import preload

    footage = preload(source or simulated(particles), most=FRAMES)
    result = measure(footage, bundle=str(model or ""), engine=engine, seconds=seconds)
    if as_json:
        print(json.dumps(msgspec.to_builtins(result)))
    else:
        _print(result)


def simulated(particles: int) -> str:
    """A simulated stage that shows about so many particles in each frame."""
    room_px = (1280 * 960 / particles) ** 0.5
    return SIMULATED.format(frames=FRAMES, particles=4 * particles, size_px=min(SIZE_PX, AT_MOST * room_px))


def _print(result: Result) -> None:
    print(f"{result.model} with {result.engine}, {result.cores} cores")
    print(f"frames of {result.width}x{result.height} px, {result.tiles} tiles; sizes and tracks of all particles\n")
    _print_run("as fast as it can", result.flat_out)
    print(f"\n{result.flat_out.of_engine:.2f} of the engine alone, {1000 / result.flat_out.engine_ms:.2f} frames/s\n")
    _print_run("at ease", result.at_ease)
    print(f"\nage p99 is {result.at_ease.age_in_engine_times:.2f} times what the engine alone takes for a frame")


def _print_run(name: str, run: Run) -> None:
    print(
        f"{name}: {run.fps:.2f} frames/s of {run.asked_fps:.2f}, {run.particles} particles a frame, "
        f"{run.frames} frames told, {run.dropped} dropped, {run.missed} missed"
    )
    print(f"{'ms':<12}{'p50':>9}{'p95':>9}{'p99':>9}")
    for stage, percentiles in {**run.stages_ms, "age": run.age_ms, "engine alone": (run.engine_ms,)}.items():
        print(f"{stage:<12}" + "".join(f"{value:>9.2f}" for value in percentiles))
