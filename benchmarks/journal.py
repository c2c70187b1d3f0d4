"""One detections message committed to the journal, beside encoding it and beside SQLite, on the same messages.

The commit survives the end of the process, as SQLite's does in WAL mode; neither waits for the disk here. All ways must
give back what was sent.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from time import perf_counter

import numpy as np
from rich.console import Console
from rich.table import Table
from wire import HEADER, particles

from nanotally.daemon.config import JournalConfig
from nanotally.daemon.journal import Journal
from nanotally.wire import DetectionsMessage, encode, records_from

PARTICLES = (0, 300, 2000)
ROUNDS = 300
PERCENTILES = (50, 99)

Way = Callable[[DetectionsMessage], object]


def ways(folder: Path, to_close: ExitStack) -> dict[str, Way]:
    """What is compared: each takes a message and has it safe, or only encoded, when it returns."""
    journal = Journal(JournalConfig(directory=str(folder)), instance="sem", sources=[HEADER.origin.source])
    to_close.enter_context(closing(journal))
    database = to_close.enter_context(closing(sqlite3.connect(folder / "peer.sqlite", isolation_level=None)))
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = NORMAL")
    database.execute("CREATE TABLE log (row INTEGER PRIMARY KEY, topic, header, payload)")
    insert = "INSERT INTO log (topic, header, payload) VALUES (?, ?, ?)"
    return {
        "encode alone": encode,
        "journal": journal.commit,
        "sqlite": lambda message: database.execute(insert, encode(message)),
    }


def times_ms(message: DetectionsMessage, by_name: dict[str, Way]) -> dict[str, list[float]]:
    """Times of every way, the ways taking turns."""
    took: dict[str, list[float]] = {name: [] for name in by_name}
    for _ in range(ROUNDS):
        for name, way in by_name.items():
            start = perf_counter()
            way(message)
            took[name].append(1000 * (perf_counter() - start))
    return took


def kept(folder: Path) -> tuple[list[Sequence[bytes]], list[Sequence[bytes]]]:
    """Payloads that journal and SQLite hold, by a new reader."""
    source = HEADER.origin.source
    with closing(Journal(JournalConfig(directory=str(folder)), instance="sem", sources=[source])) as journal:
        page = journal.books[source].read(None, limit=10**9, limit_bytes=10**9)
    with closing(sqlite3.connect(folder / "peer.sqlite")) as database:
        return [record[2] for record in page.records], [row[0] for row in database.execute("SELECT payload FROM log")]


def main() -> None:
    """Print the table; exit code 1 if what was written is not what is read."""
    table = Table("particles", "way", *(f"p{p} ms" for p in PERCENTILES), "p50 / encode", "agree")
    agreed = True
    for n in PARTICLES:
        message = replace(HEADER, records=records_from(particles(n)))
        with tempfile.TemporaryDirectory() as place:
            with ExitStack() as to_close:
                took = times_ms(message, ways(Path(place), to_close))
            payloads = kept(Path(place))
        right = all(held == [encode(message)[2]] * ROUNDS for held in payloads)
        agreed &= right
        alone_ms = float(np.median(took["encode alone"]))
        for name, times in took.items():
            cells = [f"{np.percentile(times, p):.3f}" for p in PERCENTILES]
            table.add_row(str(n), name, *cells, f"{np.median(times) / alone_ms:.1f}", "yes" if right else "NO")
    Console(width=100).print(table)
    raise SystemExit(not agreed)


if __name__ == "__main__":
    main()
