"""The log of counts as a SQLite file, keyed by (instance, source, offset)."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from nanotally.errors import NanotallyError
from nanotally.log.particles import particles_of, sizes_of
from nanotally.log.place import Missing, Place, missing_before
from nanotally.log.schema import APPLICATION_ID, COLUMNS, OF_PARTICLE, OF_SESSION, SCHEMA, steps_from
from nanotally.wire import DetectionsMessage, Origin, Session

NAMED = ", ".join(f'"{name}"' for name in (*COLUMNS, "session", "counts", "uniques", "sizes"))
ADD_ROW = f"INSERT OR IGNORE INTO log ({NAMED}) VALUES ({', '.join(['?'] * (len(COLUMNS) + 4))})"
ADD_SESSION = "INSERT OR IGNORE INTO session VALUES (?, ?, ?, ?, ?)"
SELECT_ROWS = f"""
SELECT {", ".join([f'log."{name}"' for name in COLUMNS] + [f"session.{name}" for name in OF_SESSION.values()])},
    counts, uniques, sizes
FROM log LEFT JOIN session ON session.id = log.session WHERE row BETWEEN ? AND ? ORDER BY row
"""
OF_EACH = ", ".join(f'"{name}"' for name in ("row", *OF_PARTICLE))
ADD_PARTICLE = f"INSERT INTO particle ({OF_EACH}) VALUES ({', '.join(['?'] * (1 + len(OF_PARTICLE)))})"
ADD_PLACE = "INSERT OR REPLACE INTO place VALUES (?, ?, ?, ?, ?)"


class Store:
    """The log of one or more sources.

    A row is a message, or says that messages are missing; where the log of each source stands is changed in the same
    transaction, so whoever is killed when, the next logger goes on behind the last row.

    Attributes:
        path: of the SQLite file.
        pending: messages and gaps added since the last commit.
        counted: messages committed since the store was opened.
    """

    def __init__(self, path: Path, *, particles: bool = False) -> None:
        """Open the file, or make it.

        Args:
            path: of the SQLite file.
            particles: also take down every particle of the messages to come.

        Raises:
            NanotallyError: if it is something else, or cannot be written.
        """
        self.path, self.pending, self.counted = path, 0, 0
        self._added, self._with_particles = 0, particles
        if not path.parent.is_dir():
            raise NanotallyError(f"{path.parent}: no such folder; make it first")
        with self._errors("give another file"):
            # Transactions are begun and ended by us; another program that reads meanwhile never waits, nor do we.
            self._database = sqlite3.connect(path, isolation_level=None, timeout=30)
            self._check()
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = NORMAL")
        self._places = {
            (instance, source): Place(run_id, seq, offset)
            for instance, source, run_id, seq, offset in self._database.execute("SELECT * FROM place")
        }

    def _check(self) -> None:
        """Make the tables of a new file, add to those of an older one; refuse the file of another program.

        Raises:
            NanotallyError: if it is that, or of another schema.
        """
        facts = [self._database.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")]
        if facts == [APPLICATION_ID, SCHEMA]:
            return
        if facts[0] == APPLICATION_ID and 1 <= facts[1] < SCHEMA:
            self._database.executescript(steps_from(facts[1]))
            return
        if facts[0] == APPLICATION_ID:
            raise NanotallyError(
                f"{self.path}: a log of schema {facts[1]}, this version knows {SCHEMA}: update nanotally"
            )
        empty = self._database.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
        if facts != [0, 0] or not empty:
            raise NanotallyError(f"{self.path}: there already, and not a log of counts; give another file")
        self._database.executescript(steps_from(0))

    def place(self, instance: str, source: str) -> Place | None:
        """Where the log of a source stands; None before its first message."""
        return self._places.get((instance, source))

    def add(self, message: DetectionsMessage, *, base_offset: int | None = None) -> None:
        """Add a message, and before it a row for what is missing now and for ever.

        Args:
            message: that is not in the log, and none behind it.
            base_offset: as in `nanotally.wire.PageFacts`; None where no journal was asked.

        Raises:
            NanotallyError: the disk does not take it.
        """
        origin = message.origin
        who = origin.instance, origin.source
        place = self._places.get(who)
        missing = None if place is None else missing_before(message, place, base_offset)
        moved = (place or Place(origin.run_id, 0, None)).moved_to(message)
        with self._errors():
            if not self.pending:
                self._database.execute("BEGIN IMMEDIATE")
            self.pending += 1
            if missing is not None:
                self._database.execute(ADD_ROW, _gap_row(missing, origin))
            if message.session is not None:
                self._database.execute(ADD_SESSION, _session_row(message.session))
            added = self._database.execute(ADD_ROW, _counts_row(message))
            self._added += added.rowcount
            if added.rowcount and self._with_particles:
                self._database.executemany(ADD_PARTICLE, ((added.lastrowid, *each) for each in particles_of(message)))
            self._database.execute(ADD_PLACE, (*who, moved.run_id, moved.seq, moved.offset))
        self._places[who] = moved

    def commit(self) -> None:
        """Make sure of what was added.

        Raises:
            NanotallyError: the disk does not take it.
        """
        if self.pending:
            with self._errors():
                self._database.execute("COMMIT")
            self.counted += self._added
            self.pending = self._added = 0

    def last_row(self) -> int:
        """Number of the last row; they count from 1."""
        return int(self._database.execute("SELECT coalesce(max(row), 0) FROM log").fetchone()[0])

    def rows(self, first: int, last: int) -> Iterator[dict[str, Any]]:
        """Rows from one number to another.

        Each has `COLUMNS`, those of its session (`OF_SESSION`), and `counts`, `uniques` and `sizes` as dictionaries,
        empty if unknown.
        """
        for *cells, counts, uniques, sizes in self._database.execute(SELECT_ROWS, (first, last)):
            row = dict(zip((*COLUMNS, *OF_SESSION), cells, strict=True))
            tallies = {"counts": counts, "uniques": uniques, "sizes": sizes}
            yield row | {name: json.loads(tally or "{}") for name, tally in tallies.items()}

    def last_particle(self) -> int:
        """Number of the last particle; they count from 1."""
        return int(self._database.execute("SELECT coalesce(max(number), 0) FROM particle").fetchone()[0])

    def particles(self, of_frame: Sequence[str], first: int, last: int) -> Iterator[dict[str, Any]]:
        """Particles from one number to another: these columns of their frame's row, its session, and `OF_PARTICLE`."""
        names = *of_frame, *OF_SESSION, *OF_PARTICLE
        session = [f"session.{name}" for name in OF_SESSION.values()]
        columns = [f'log."{name}"' for name in of_frame] + session + [f'particle."{name}"' for name in OF_PARTICLE]
        select = f"""
            SELECT {", ".join(columns)} FROM particle JOIN log USING (row) LEFT JOIN session ON session.id = log.session
            WHERE number BETWEEN ? AND ? ORDER BY number
        """
        for cells in self._database.execute(select, (first, last)):
            yield dict(zip(names, cells, strict=True))

    def classes(self, tally: str, first: int, last: int) -> list[str]:
        """Names in `counts`, `uniques` or `sizes` of the rows from one number to another, in order of appearance."""
        select = f"""
            SELECT key FROM log, json_each(log.{tally}) AS tally WHERE row BETWEEN ? AND ?
            GROUP BY key ORDER BY min(row), min(tally.id)
        """
        return [name for (name,) in self._database.execute(select, (first, last))]

    def close(self) -> None:
        """Let go of the file; what was not committed is not in it."""
        self._database.close()

    @contextmanager
    def _errors(self, advice: str = "what was logged before is in it") -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise NanotallyError(f"{self.path}: {error}; {advice}") from error


def _counts_row(message: DetectionsMessage) -> tuple[Any, ...]:
    x, y = message.nm_per_px or (None, None)
    origin = message.origin
    who = origin.instance, origin.source, origin.run_id, origin.seq, message.offset
    what = message.frame, message.file, message.state, int(message.truncated), None, x, y, message.settings_sha256
    session = None if message.session is None else message.session.id
    tallies = map(_json, (message.counts, message.unique, sizes_of(message)))
    return (_told(message.wall), "counts", *who, *what, session, *tallies)


def _session_row(session: Session) -> tuple[Any, ...]:
    return session.id, session.sample, session.operator, session.notes, _told(session.started)


def _gap_row(missing: Missing, after: Origin) -> tuple[Any, ...]:
    who = after.instance, after.source, after.run_id, None, missing.offset
    what = None, None, None, None, missing.missed, None, None, None
    return (_told(datetime.now(timezone.utc)), missing.event, *who, *what, None, None, None, None)


def _told(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _json(tally: Any) -> str | None:
    return None if tally is None else json.dumps(dict(tally))
