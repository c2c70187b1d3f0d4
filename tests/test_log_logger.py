import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from told import detections, status

from nanotally.daemon.config import JournalConfig
from nanotally.daemon.journal import Journal
from nanotally.daemon.publish import Publisher
from nanotally.daemon.replay import ReplayServer
from nanotally.log import Logger, Store
from nanotally.log import logger as logger_module
from nanotally.log.logger import KINDS
from nanotally.wire import Subscriber

WAIT_S = 20.0


class Daemon:
    """Publisher, journal and replay as in a daemon, which says what the test tells it to."""

    def __init__(self, folder: Path, *, endpoint: str = "tcp://127.0.0.1:*", segment_mb: float = 16.0) -> None:
        self.open = ExitStack()
        self.publisher = self.open.enter_context(closing(Publisher(endpoint, instance="sem")))
        config = JournalConfig(directory=str(folder), segment_mb=segment_mb, retention_mb=max(segment_mb, 2.5e-3))
        journal = Journal(config, instance="sem", sources=["main"])
        self.journal = self.open.enter_context(closing(journal))
        self.server = self.open.enter_context(closing(ReplayServer("tcp://127.0.0.1:*", self.journal, instance="sem")))
        self.server.start()
        self.replay: str | None = self.server.endpoint
        self.run_id = self.publisher.run_id
        self.told = self.beats = 0

    def tell(self, many: int = 1, *, arrives: bool = True, keeps: bool = True) -> None:
        """Send detections; which are lost on their way, or to the journal, as the test wants it."""
        for _ in range(many):
            self.told += 1
            message = detections(self.told, run_id=self.run_id)
            parts = None
            if keeps:
                message, parts = self.journal.commit(message)
            if arrives:
                self.publisher.send(message, parts)

    def beat(self, *, journal_fault: str | None = None, stopping: bool = False) -> None:
        self.beats += 1
        message = status(
            self.beats,
            last_seq=self.told,
            last_offset=self.journal.last_offset("main") if self.replay else None,
            replay=self.replay,
            journal_fault=journal_fault,
            stopping=stopping,
            run_id=self.run_id,
        )
        self.publisher.send(message)

    def meet(self) -> None:
        """Wait for a subscriber, which gets the last status again."""
        self.publisher._wanted.clear()
        while self.publisher.subscriptions < len(KINDS):
            assert self.publisher._socket.poll(round(1000 * WAIT_S))
            self.publisher.answer_subscribers()

    def close(self) -> None:
        self.open.close()


class Log:
    """A logger of a daemon, turned by hand."""

    def __init__(self, daemon: Daemon, path: Path, **options: str) -> None:
        self.open = ExitStack()
        self.said: list[str] = []
        self.daemon = daemon
        self.subscriber = self.open.enter_context(Subscriber(daemon.publisher.endpoint, kinds=KINDS))
        self.store = self.open.enter_context(closing(Store(path)))
        self.logger = Logger(self.subscriber, self.store, say=self.said.append, **options)
        self.open.enter_context(closing(self.logger))
        self._turns = self.logger.batches()
        daemon.meet()

    def until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + WAIT_S
        while not condition():
            assert time.monotonic() < deadline, self.rows()
            next(self._turns)

    def until_seq(self, seq: int) -> None:
        self.until(lambda: (self.store.place("sem", "main") or detections(0).origin).seq == seq)

    def rows(self) -> list[tuple[object, ...]]:
        return [
            (row["event"], row["missed"] if row["seq"] is None else row["seq"]) for row in self.store.rows(1, 10**6)
        ]

    def counts(self) -> list[int]:
        return [int(str(number)) for event, number in self.rows() if event == "counts"]

    def close(self) -> None:
        self.open.close()


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    with closing(Daemon(tmp_path / "journal")) as made:
        yield made


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "counts.sqlite"


@pytest.fixture
def log(daemon: Daemon, path: Path) -> Iterator[Log]:
    with closing(Log(daemon, path)) as made:
        yield made


def test_what_was_sent_before_is_asked_for(daemon: Daemon, path: Path) -> None:
    daemon.tell(30)
    daemon.beat()
    with closing(Log(daemon, path)) as log:
        log.until_seq(30)
        assert log.counts() == list(range(1, 31))
        assert not log.logger.is_behind


def test_what_comes_is_logged_and_nothing_asked_for(daemon: Daemon, log: Log) -> None:
    daemon.beat()
    daemon.tell(3)
    log.until_seq(3)
    daemon.replay = "tcp://127.0.0.1:9"  # where nobody answers
    daemon.beat()
    daemon.tell(3)
    log.until_seq(6)
    assert log.rows() == [("counts", seq) for seq in range(1, 7)]
    assert log.said == []


def test_what_was_lost_on_its_way_is_asked_for_and_in_order(daemon: Daemon, log: Log) -> None:
    daemon.beat()
    daemon.tell(2)
    daemon.tell(5, arrives=False)
    daemon.tell(2)
    log.until_seq(9)
    assert log.rows() == [("counts", seq) for seq in range(1, 10)]


def test_a_status_tells_of_what_was_lost_at_the_end(daemon: Daemon, log: Log) -> None:
    daemon.tell(2)
    daemon.tell(5, arrives=False)
    daemon.beat()
    log.until_seq(7)
    assert log.rows() == [("counts", seq) for seq in range(1, 8)]


def test_a_message_before_the_first_status_waits_for_it(daemon: Daemon, log: Log) -> None:
    daemon.tell(3)
    daemon.beat()
    log.until_seq(3)
    assert log.rows() == [("counts", 1), ("counts", 2), ("counts", 3)]


def test_the_next_logger_goes_on_where_the_last_one_ended(daemon: Daemon, path: Path) -> None:
    daemon.beat()
    for run in range(3):
        with closing(Log(daemon, path)) as log:
            daemon.tell(5)
            daemon.beat()
            log.until_seq(8 * run + 5)
            assert log.counts() == list(range(1, 8 * run + 6))
        daemon.tell(3)


def test_what_retention_has_dropped_is_one_gap_row(tmp_path: Path, path: Path) -> None:
    with closing(Daemon(tmp_path / "small", segment_mb=1.2e-3)) as daemon:
        daemon.beat()
        with closing(Log(daemon, path)) as log:
            daemon.tell(1)
            log.until_seq(1)
            daemon.tell(20, arrives=False)
            daemon.tell(1)
            log.until_seq(22)
            (first, gap, *rest) = log.rows()
            left = [seq for _, seq in rest]
            assert (first, gap) == (("counts", 1), ("gap", 22 - 1 - len(left)))
            assert left == list(range(left[0], 23))
            before, after = log.store.rows(1, 2)
            assert after["offset"] == before["offset"] + 1


def test_without_a_journal_what_came_is_logged_and_the_rest_is_a_gap(daemon: Daemon, log: Log) -> None:
    daemon.replay = None
    daemon.beat()
    daemon.tell(2, keeps=False)
    daemon.tell(3, keeps=False, arrives=False)
    daemon.tell(1, keeps=False)
    daemon.beat()
    log.until_seq(6)
    assert log.rows() == [("counts", 1), ("counts", 2), ("gap", 3), ("counts", 6)]
    assert log.said == ["sem/main: no journal is kept: what this logger misses is lost, and becomes a row `gap`"]
    daemon.run_id = "run2"
    daemon.tell(1, keeps=False)
    log.until_seq(7)
    assert log.rows()[-2:] == [("restart", 6), ("counts", 7)]


def test_what_the_journal_could_not_take_is_logged_where_it_came(daemon: Daemon, log: Log) -> None:
    daemon.beat()
    daemon.tell(2)
    daemon.tell(2, keeps=False)
    daemon.beat(journal_fault="/var: No space left on device")
    daemon.tell(1, keeps=False, arrives=False)
    daemon.tell(2, arrives=False)
    daemon.tell(1)
    log.until_seq(8)
    assert log.rows() == [*[("counts", n) for n in (1, 2, 3, 4)], ("gap", 1), *[("counts", n) for n in (6, 7, 8)]]
    assert "the journal is not written (/var: No space left on device)" in log.said[0]


def test_rows_wait_for_a_journal_that_does_not_answer(
    daemon: Daemon, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logger_module, "ANSWER_S", 0.05)
    monkeypatch.setattr(logger_module, "ASK_AGAIN_S", 0.0)
    answering, daemon.replay = daemon.replay, "tcp://127.0.0.1:9"
    daemon.tell(2)
    daemon.beat()
    log.until(lambda: bool(log.said))
    assert log.said == [
        "sem/main: the journal at tcp://127.0.0.1:9 does not answer; give --replay if it is elsewhere. Rows wait for it"
    ]
    assert log.rows() == []
    assert log.logger.is_behind
    daemon.replay = answering
    daemon.tell(1)
    daemon.beat()
    log.until_seq(3)
    assert log.rows() == [("counts", 1), ("counts", 2), ("counts", 3)]
    assert len(log.said) == 1


def test_the_endpoint_of_the_journal_may_be_given(daemon: Daemon, path: Path) -> None:
    assert daemon.replay is not None
    with closing(Log(daemon, path, replay=daemon.replay)) as log:
        daemon.replay = "tcp://127.0.0.1:9"
        daemon.tell(4)
        daemon.beat()
        log.until_seq(4)


def test_the_journal_of_another_instance_is_not_believed(daemon: Daemon, log: Log, tmp_path: Path) -> None:
    with closing(ReplayServer("tcp://127.0.0.1:*", daemon.journal, instance="sem2")) as other:
        other.start()
        daemon.replay = other.endpoint
        daemon.tell(1)
        daemon.beat()
        log.until(lambda: bool(log.said))
    assert "is that of sem2; give --replay" in log.said[0]
    assert log.rows() == []


def test_a_daemon_that_was_started_again_leaves_no_gap(tmp_path: Path, path: Path) -> None:
    endpoint = f"ipc://{tmp_path}/publish"
    for run in (1, 2, 3):
        with closing(Daemon(tmp_path / "journal", endpoint=endpoint)) as daemon, closing(Log(daemon, path)) as log:
            daemon.tell(2)
            daemon.tell(2, arrives=False)
            daemon.beat()
            log.until(lambda run=run: len(log.counts()) == 4 * run)  # type: ignore[misc]
            assert log.rows() == [("counts", 1), ("counts", 2), ("counts", 3), ("counts", 4)] * run


def test_a_journal_that_was_deleted_costs_no_later_message(tmp_path: Path, path: Path) -> None:
    for folder in ("journal", "another"):
        with closing(Daemon(tmp_path / folder)) as daemon, closing(Log(daemon, path)) as log:
            daemon.tell(3)
            daemon.beat()
            log.until(lambda: log.rows()[-1:] == [("counts", 3)] and not log.logger.is_behind and log.store.counted > 0)
            rows = log.rows()
    assert rows == [("counts", 1), ("counts", 2), ("counts", 3), ("restart", 0), *[("counts", n) for n in (1, 2, 3)]]


def test_it_says_when_the_daemon_stops(daemon: Daemon, log: Log) -> None:
    daemon.beat(stopping=True)
    log.until(lambda: log.logger.ended)
    daemon.beat()
    log.until(lambda: not log.logger.ended)


def test_a_stop_ends_it_and_commits(daemon: Daemon, log: Log, path: Path) -> None:
    daemon.beat()
    daemon.tell(2)
    log.until_seq(2)
    log.logger.stop()
    assert list(log._turns) == []
    with closing(Store(path)) as store:
        assert store.last_row() == 2
