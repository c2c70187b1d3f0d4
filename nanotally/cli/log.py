"""`nanotally log`: counts into a file, a row a message, and a row for what is missing."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer
import zmq

from nanotally.cli import app
from nanotally.errors import NanotallyError, UsageError
from nanotally.signals import stopping_on_signals
from nanotally.wire import CountsMessage, Gap, Message, Origin, StatusMessage, Subscriber
from nanotally.wire.subscriber import ENDPOINT

COLUMNS = (
    "wall",
    "event",
    "instance",
    "source",
    "run_id",
    "seq",
    "frame",
    "file",
    "state",
    "truncated",
    "missed",
    "nm_per_px_x",
    "nm_per_px_y",
)
"""Of every log; a column for each class follows."""


@app.command()
def log(
    endpoint: Annotated[str, typer.Argument(help="Of the daemon; it need not run yet.")] = ENDPOINT,
    *,
    to: Annotated[Path, typer.Option(help="CSV file; rows are added to one that exists.")],
    frames: Annotated[int | None, typer.Option(help="End after this many counts.", min=1)] = None,
    until_ended: Annotated[bool, typer.Option("--until-ended", help="End when the daemon says that it stops.")] = False,
) -> None:
    """Log the counts of every frame; SIGINT (Ctrl-C) and SIGTERM end it.

    Where messages were lost, or the daemon was started again, a row says so: its event is `gap` or `restart`, and
    `missed` how many counts are missing at least.
    """
    if to.suffix.lower() != ".csv":
        raise UsageError(f"--to {to}: only .csv is written")
    try:
        subscriber = Subscriber(endpoint, kinds=("counts", "status"))
    except zmq.ZMQError as error:
        raise UsageError(f"{endpoint}: not an endpoint such as {ENDPOINT} ({error.strerror})") from error
    print(f"nanotally: counts of {endpoint} go to {to}; Ctrl-C ends", file=sys.stderr)
    with subscriber, stopping_on_signals(subscriber.close):
        items = _until_ended(subscriber) if until_ended else subscriber
        try:
            written = write_log(items, to, frames)
        except OSError as error:
            raise NanotallyError(f"{to}: {error.strerror}; the rows before are in the file") from error
    print(f"nanotally: {written} counts in {to}", file=sys.stderr)


def _until_ended(subscriber: Subscriber) -> Iterator[Message | Gap]:
    for item in subscriber:
        yield item
        if isinstance(item, StatusMessage) and item.stopping:
            return


def write_log(items: Iterator[Message | Gap], path: Path, most: int | None) -> int:
    """Add rows to `path` until `items` end or `most` counts were written; how many were."""
    written = 0
    with path.open("a+", newline="") as file:
        table = CountsTable(file)
        for item in items:
            if isinstance(item, Gap) and item.topic.kind == CountsMessage.kind:
                table.add_gap(item)
            elif isinstance(item, CountsMessage):
                written += table.add_counts(item)
            if written == most:
                break
    return written


class CountsTable:
    """A CSV file of counts, whose header is written when the classes are known."""

    def __init__(self, file: TextIO) -> None:
        """Go on behind what is in `file`.

        Raises:
            NanotallyError: if that is not a log of counts.
        """
        self._file = file
        file.seek(0)
        header = next(csv.reader(file), [])
        if header and tuple(header[: len(COLUMNS)]) != COLUMNS:
            raise NanotallyError(f"{file.name}: there already, and not a log of counts; give another file")
        self._classes = header[len(COLUMNS) :]
        self._rows = csv.DictWriter(file, header, restval="", lineterminator="\n")
        file.seek(0)
        if header and not file.read().endswith("\n"):
            file.write("\n")  # whoever wrote the last row was killed in the middle of it

    def add_counts(self, message: CountsMessage) -> bool:
        """Add a row; False if there is nothing to tell, not even which classes there are."""
        counts = message.counts or {}
        if not self._classes:
            if not counts:
                return False
            self._write_header(list(counts))
        if counts and set(counts) != set(self._classes):
            told, known = ", ".join(counts), ", ".join(self._classes)
            raise NanotallyError(f"{self._file.name}: counts are of {told}, its columns of {known}; give another file")
        x, y = message.nm_per_px or ("", "")
        facts = {"frame": message.frame, "file": message.file, "state": message.state}
        scale = {"truncated": int(message.truncated), "nm_per_px_x": x, "nm_per_px_y": y}
        self._add("counts", message.wall, message.origin, {**facts, **scale, **counts, "seq": message.origin.seq})
        return True

    def add_gap(self, gap: Gap) -> None:
        """Add a row for messages that never came."""
        event = "restart" if gap.restarted else "gap"
        self._add(event, datetime.now(timezone.utc), gap.after, {"missed": gap.missed})

    def _write_header(self, classes: list[str]) -> None:
        self._classes = classes
        self._rows.fieldnames = [*COLUMNS, *classes]
        self._rows.writeheader()

    def _add(self, event: str, wall: datetime, origin: Origin, cells: dict[str, Any]) -> None:
        who = {"instance": origin.instance, "source": origin.source, "run_id": origin.run_id}
        when = wall.isoformat(timespec="microseconds").replace("+00:00", "Z")
        self._rows.writerow({"wall": when, "event": event, **who, **cells})
        self._file.flush()  # what was written stays, whoever is killed next
