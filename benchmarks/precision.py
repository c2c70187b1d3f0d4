"""What fewer bits gain and lose: `python benchmarks/precision.py SET... --calibrate SET`, on this machine.

The table is for the model card. INT8 is calibrated on labelled pictures that are not judged.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from nanotally.bundle import load_bundle
from nanotally.labels import read_dataset
from nanotally.trainer.evaluate import judge, pictures_of
from nanotally.trainer.export import written
from nanotally.trainer.precision.figures import faults, figures_of, race


def main(
    sets: Annotated[list[Path], typer.Argument(metavar="SET...", help="Labelled sets to judge on, together.")],
    calibrate: Annotated[Path, typer.Option(help="Labelled set that INT8 is calibrated on.")],
    model: Annotated[str | None, typer.Option(help="Bundle in FP32; left out: the default.")] = None,
) -> None:
    """Print the table."""
    whole = load_bundle(model)
    questions = [question for folder in sets for question in pictures_of(read_dataset(folder))]
    with TemporaryDirectory() as scratch:
        bundles = [whole]
        for precision in ("fp16", "int8"):
            place = Path(scratch) / precision
            place.mkdir()
            bundles.append(written(whole, place, precision, calibrate))
        times = race(bundles)
        rows = [figures_of(b, judge(b, questions), ms) for b, ms in zip(bundles, times, strict=True)]
    first = rows[0]
    table = Table("precision", "MB", "times as fast", "AP50 %", "points", "particles", "%", "passes the gate")
    for row in rows:
        change = 100 * (row.count / first.count - 1) if first.count else float("nan")
        table.add_row(
            row.precision,
            f"{row.size_mb:.1f}",
            f"{first.tile_ms / row.tile_ms:.2f}",
            f"{row.ap50:.2f}",
            f"{row.ap50 - first.ap50:+.2f}",
            str(row.count),
            f"{change:+.2f}",
            ", ".join(faults(first, row)) or "yes",
        )
    Console(width=120).print(table)


if __name__ == "__main__":
    typer.run(main)
