"""Images a second against the number of Dask workers, and what the cluster costs for each image.

`asking` is the processor time of the process that asks, scheduler included (a cluster of this machine's own has it
there), an item. Where nothing is done it is the price of a task, and its inverse the most images a second that one
asking process can have done. An image that another machine looks at for 0.1 s is played by sleeping, so that workers do
not take the cores from one another. That answers are the same is tested in tests/test_dask.py.

    dask_scaling.py [--images N] [--workers 1,2,4]
"""

from __future__ import annotations

import argparse
import os
import pickle
import tempfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from time import perf_counter, process_time, sleep
from typing import Any

from rich.console import Console
from rich.table import Table

from nanotally.bundle import load_bundle
from nanotally.detect import Detector, load_engine
from nanotally.detect.portable import Portable
from nanotally.generator.dataset import write_set
from nanotally.generator.orders import Order, make_all, maker
from nanotally.results import find_inputs
from nanotally.results.look import Look
from nanotally.results.row import Tabulate
from nanotally.spread import Spread, spread_over

ORDER = Order(mode="paper", count=1, max_particles=300, width=1280, height=960, seed=1)
NOTHINGS = 500
ELSEWHERE_S = 0.1
ELSEWHERES = 80

Place = Callable[[], AbstractContextManager[Spread]]


@dataclass(frozen=True)
class Kind:
    """A kind of work and its items."""

    name: str
    work: Callable[[Any], Any]
    items: Sequence[Any]


@dataclass(frozen=True)
class Trial:
    """What it took: seconds, processor seconds of the asking process, bytes of an answer."""

    took_s: float
    asking_s: float
    answer_bytes: int


def kinds(folder: Path, images: int) -> list[Kind]:
    bare = [
        Kind("nothing", abs, range(NOTHINGS)),
        Kind("0.1 s elsewhere", sleep, [ELSEWHERE_S] * ELSEWHERES),
    ]
    if not images:
        return bare
    order = Order(**{**asdict(ORDER), "count": images})
    write_set(asdict(order), make_all(order, workers=os.cpu_count() or 1), folder, ("yolo",))
    bundle = load_bundle()
    look = Look(Portable(Detector(bundle, load_engine("auto", bundle)), "auto"), Path.cwd(), None)
    inputs = find_inputs([folder / "images"], besides=folder / "out")
    return [
        *bare,
        Kind("detect: rows (--to parts)", Tabulate(look), inputs),
        Kind("detect: all (--to csv,json)", look, inputs),
        Kind("generate", maker(order), range(images)),
    ]


def tried(spread: Spread, kind: Kind, workers: int) -> Trial:
    """One trial, after each worker has loaded what it needs."""
    for _ in spread.map(kind.work, [kind.items[0]] * (2 * workers)):
        pass
    began_s, busy_s = perf_counter(), process_time()
    last = _last(spread.map(kind.work, kind.items))
    return Trial(perf_counter() - began_s, process_time() - busy_s, len(pickle.dumps(last)))


def _last(answers: Iterable[Any]) -> Any:
    for answer in answers:
        last = answer
    return last


def told(kind: Kind, by_place: dict[str, Trial]) -> Table:
    table = Table(
        "where", "images/s", "ratio", "asking, ms", "answer, kB", title=f"{kind.name}, {len(kind.items)} items"
    )
    first = next(iter(by_place.values()))
    for name, trial in by_place.items():
        table.add_row(
            name, f"{len(kind.items) / trial.took_s:.1f}", f"{first.took_s / trial.took_s:.2f}",
            f"{1000 * trial.asking_s / len(kind.items):.2f}", f"{trial.answer_bytes / 1000:.0f}",
        )  # fmt: skip
    return table


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--images", type=int, default=24, help="of 1280 x 960; 0: only what needs none")
    words.add_argument("--workers", default="1,2", help="numbers of workers, with commas between")
    asked = words.parse_args()
    places: dict[str, tuple[Place, int]] = {"this process": (spread_over, 1)}
    for many in map(int, asked.workers.split(",")):
        places[f"Dask, {many} workers"] = (partial(spread_over, "local", workers=many), many)
    with tempfile.TemporaryDirectory() as folder:
        trials: dict[str, dict[str, Trial]] = {}
        offered = kinds(Path(folder) / "set", asked.images)
        for name, (place, many) in places.items():
            with place() as spread:
                for kind in offered:
                    trials.setdefault(kind.name, {})[name] = tried(spread, kind, many)
    console = Console()
    console.print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    for kind in offered:
        console.print(told(kind, trials[kind.name]))


if __name__ == "__main__":
    main()
