"""What fewer bits gain and lose: `python benchmarks/precision.py SET [BUNDLE]`, on labelled pictures and this machine.

SET is for validation, not for the figures of a report: INT8 is calibrated on it. The table is for the model card.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

from nanotally.bundle import load_bundle
from nanotally.labels import read_dataset
from nanotally.trainer.evaluate import judge, pictures_of
from nanotally.trainer.export import written
from nanotally.trainer.precision.figures import faults, figures_of, race


def main() -> None:
    """Print the table."""
    folder = Path(sys.argv[1])
    whole = load_bundle(sys.argv[2] if len(sys.argv) > 2 else None)
    questions = list(pictures_of(read_dataset(folder)))
    with TemporaryDirectory() as scratch:
        bundles = [whole]
        for precision in ("fp16", "int8"):
            place = Path(scratch) / precision
            place.mkdir()
            bundles.append(written(whole, place, precision, folder))
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
    main()
