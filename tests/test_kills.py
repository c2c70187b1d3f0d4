"""Daemon and logger killed at random moments; every committed message is in the log exactly once.

Twelve times each; `NANOTALLY_KILLS=100` makes it a hundred.
"""

import os
import random
import resource
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
from killed import CONTEXT, run_daemon, run_logger
from waiting import WAIT_S, until

from nanotally.daemon.journal.segment import read_records
from nanotally.wire import DetectionsMessage, StatusMessage, Subscriber, decode

KILLS = int(os.environ.get("NANOTALLY_KILLS", "12"))
LIFE_S = 0.8
"""Longest time from one kill to the next, beside what a start takes on the machine at hand."""
CONFIG = """
[source.main]
uri = "sim:?width=96&height=64&particles=3&fps=50"
[publish]
endpoint = "ipc://{folder}/publish"
[replay]
endpoint = "ipc://{folder}/replay"
[control]
endpoint = "ipc://{folder}/control"
[journal]
directory = "{folder}/journal"
segment_mb = 0.02
retention_mb = {retention_mb}
[metrics]
enabled = false
"""


class Site:
    """A folder with everything that a daemon and a logger leave there, and the two processes."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.endpoint = folder, f"ipc://{folder}/publish"
        self.config, self.log = folder / "sem.toml", folder / "counts.sqlite"
        self.running: list[BaseProcess] = []

    def start_daemon(self, *, retention_mb: float = 100.0) -> BaseProcess:
        self.config.write_text(CONFIG.format(folder=self.folder, retention_mb=retention_mb))
        return self._start(run_daemon, self.config)

    def start_logger(self) -> BaseProcess:
        return self._start(run_logger, self.endpoint, self.log)

    def _start(self, target: Callable[..., None], *args: object) -> BaseProcess:
        process = CONTEXT.Process(target=target, args=args)
        process.start()
        self.running.append(process)
        return process

    def end(self, process: BaseProcess) -> None:
        """SIGTERM, which is no fault."""
        process.terminate()
        process.join(WAIT_S)
        assert process.exitcode == 0, self.said()

    def kill(self, process: BaseProcess) -> None:
        assert process.is_alive(), self.said()
        process.kill()
        process.join(WAIT_S)

    def said(self) -> str:
        return "\n".join(path.read_text() for path in (self.config.with_suffix(".log"), self.log.with_suffix(".txt")))

    def journal(self) -> dict[int, tuple[str, int]]:
        """Run and sequence number of every offset that the journal holds."""
        found = {}
        for path in sorted((self.folder / "journal" / "sem" / "main").glob("*.segment")):
            try:
                records = list(read_records(path))
            except FileNotFoundError:
                continue  # retention came first
            for record in records:
                message = decode(record.parts)
                assert isinstance(message, DetectionsMessage)
                assert record.offset == message.offset not in found
                found[record.offset] = message.origin.run_id, message.origin.seq
        return found

    def rows(self, event: str, *columns: str) -> list[tuple[object, ...]]:
        names = ", ".join(f'"{name}"' for name in columns)
        with closing(sqlite3.connect(self.log, timeout=WAIT_S)) as database:
            select = f"SELECT {names} FROM log WHERE event = ? ORDER BY row"
            return database.execute(select, (event,)).fetchall()

    def logged(self) -> list[int]:
        try:
            return [int(str(offset)) for (offset,) in self.rows("counts", "offset") if offset is not None]
        except sqlite3.OperationalError:  # killed before it had made its tables
            return []

    def wait_until_logged(self, offset: int) -> None:
        deadline = time.monotonic() + WAIT_S
        while self.logged()[-1:] < [offset]:
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.05)

    def close(self) -> None:
        for process in self.running:
            process.kill()
            process.join(WAIT_S)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with closing(Site(tmp_path)) as made:
        yield made


def test_whoever_is_killed_when_every_committed_message_is_logged_once(site: Site) -> None:
    chance = random.Random(KILLS)
    daemon, logger = site.start_daemon(), site.start_logger()
    site.wait_until_logged(0)
    site.kill(daemon)
    begun_s, last = time.monotonic(), site.logged()[-1]
    daemon = site.start_daemon()
    site.wait_until_logged(last + 1)
    longest_s = time.monotonic() - begun_s + LIFE_S
    left = {"daemon": KILLS, "logger": KILLS}
    while any(left.values()):
        who = chance.choice([name for name, many in left.items() if many])
        time.sleep(chance.uniform(0, longest_s))
        left[who] -= 1
        if who == "daemon":
            site.kill(daemon)
            daemon = site.start_daemon()
        else:
            site.kill(logger)
            logger = site.start_logger()
    with Subscriber(site.endpoint, kinds=["detections"]) as subscriber:
        until(subscriber, lambda item: isinstance(item, DetectionsMessage))
    site.kill(daemon)
    daemon = site.start_daemon()  # which serves what was committed up to the kill
    committed = site.journal()
    site.wait_until_logged(max(committed))
    site.end(daemon)
    site.end(logger)
    logged = {int(str(offset)): (run_id, seq) for offset, run_id, seq in site.rows("counts", "offset", "run_id", "seq")}
    assert {offset: logged.get(offset) for offset in committed} == committed
    assert site.logged() == list(range(min(committed), max(logged) + 1))
    assert site.rows("gap", "missed") + site.rows("restart", "missed") == []
    assert len({run_id for run_id, _ in committed.values()}) > KILLS / 4


def test_what_expired_while_nobody_logged_is_one_gap_row(site: Site) -> None:
    site.start_daemon(retention_mb=0.06)
    logger = site.start_logger()
    deadline = time.monotonic() + WAIT_S
    while not site.logged():
        assert time.monotonic() < deadline, site.said()
        time.sleep(0.05)
    site.kill(logger)
    last = site.logged()[-1]
    while min(site.journal()) <= last + 1:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    logger = site.start_logger()
    site.wait_until_logged(max(site.journal()))
    site.end(logger)
    after = next(offset for offset in site.logged() if offset > last)
    assert site.rows("gap", "offset", "missed") == [(last + 1, after - last - 1)]
    first = site.logged()[0]
    assert site.logged() == [*range(first, last + 1), *range(after, site.logged()[-1] + 1)]


def test_full_disk_stops_nothing_but_the_journal_and_says_so(site: Site) -> None:
    daemon = site.start_daemon()
    assert daemon.pid is not None
    no_limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    with Subscriber(site.endpoint, kinds=["detections", "status"]) as subscriber:
        logger = site.start_logger()
        until(subscriber, lambda item: isinstance(item, DetectionsMessage) and item.offset is not None)
        resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, (10, no_limit[1]))
        full = until(subscriber, lambda item: isinstance(item, StatusMessage) and item.journal_fault is not None)
        until(subscriber, lambda item: isinstance(item, StatusMessage))
        until(subscriber, lambda item: isinstance(item, DetectionsMessage) and item.offset is None)
        resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, no_limit)
        until(subscriber, lambda item: isinstance(item, StatusMessage) and item.journal_fault is None)
        last = until(subscriber, lambda item: isinstance(item, DetectionsMessage))[-1]
    assert "No space left on device" in full[-1].journal_fault  # type: ignore[union-attr, operator]
    assert isinstance(last, DetectionsMessage)
    assert last.offset is not None
    site.wait_until_logged(last.offset)
    site.end(daemon)
    site.end(logger)
    assert list(site.journal()) == list(range(min(site.journal()), max(site.journal()) + 1))
    seqs = [int(str(seq)) for (seq,) in site.rows("counts", "seq")]
    assert seqs == list(range(1, seqs[-1] + 1))
    assert (None,) in site.rows("counts", "offset")
    assert site.rows("gap", "missed") == []
