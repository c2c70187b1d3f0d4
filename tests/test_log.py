import csv
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nanotally.cli import app
from nanotally.cli.log import write_log
from nanotally.daemon.publish import Publisher
from nanotally.errors import NanotallyError, UsageError
from nanotally.wire import CountsMessage, Gap, Model, Origin, StatusMessage, Topic

WAIT_S = 20.0
TOPIC = Topic("counts", "sem", "main")
FIRST = CountsMessage(
    origin=Origin("run1", "sem", "main", 1),
    frame=0,
    file="a.tif",
    grabbed_ns=0,
    wall=datetime(2026, 3, 14, 15, 9, 26, 535897, tzinfo=timezone.utc),
    age_ms=1.0,
    nm_per_px=(2.0, 2.5),
    state="live",
    counts={"cube": 3, "quasi_sphere": 0},
    truncated=False,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "counts.csv"


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def events(path: Path) -> list[str]:
    return [row["event"] for row in rows(path)]


def test_every_count_is_a_row(path: Path) -> None:
    second = replace(FIRST, counts={"cube": 4, "quasi_sphere": 1}, truncated=True, nm_per_px=None)
    assert write_log(iter([FIRST, second]), path, None) == 2
    assert rows(path)[0] == {
        "wall": "2026-03-14T15:09:26.535897Z",
        "event": "counts",
        "instance": "sem",
        "source": "main",
        "run_id": "run1",
        "seq": "1",
        "frame": "0",
        "file": "a.tif",
        "state": "live",
        "truncated": "0",
        "missed": "",
        "nm_per_px_x": "2.0",
        "nm_per_px_y": "2.5",
        "cube": "3",
        "quasi_sphere": "0",
    }
    told = rows(path)[1]
    assert (told["truncated"], told["nm_per_px_x"], told["cube"]) == ("1", "", "4")


def test_gaps_and_restarts_are_rows(path: Path) -> None:
    before, after = FIRST.origin, Origin("run2", "sem", "main", 3)
    gap = Gap(TOPIC, 3, False, before, replace(before, seq=5))
    restart = Gap(TOPIC, 2, True, before, after)
    elsewhere = Gap(replace(TOPIC, kind="status"), 9, False, before, before)
    write_log(iter([FIRST, gap, FIRST, elsewhere, restart, replace(FIRST, origin=after)]), path, None)
    assert events(path) == ["counts", "gap", "counts", "restart", "counts"]
    assert [(row["missed"], row["run_id"], row["cube"]) for row in rows(path) if row["missed"]] == [
        ("3", "run1", ""),
        ("2", "run2", ""),
    ]


def test_lost_counts_are_empty_and_not_zero(path: Path) -> None:
    blank = replace(FIRST, counts=None, state="blank")
    # The first tells nothing yet, not even which classes there are.
    assert write_log(iter([blank, FIRST, blank]), path, None) == 2
    assert [(row["state"], row["cube"]) for row in rows(path)] == [("live", "3"), ("blank", "")]


def test_it_ends_after_as_many_counts_as_were_asked_for(path: Path) -> None:
    assert write_log(iter([FIRST] * 5), path, 3) == 3
    assert len(rows(path)) == 3


def test_rows_are_flushed_one_by_one(path: Path) -> None:
    def items() -> Iterator[CountsMessage]:
        for n in range(3):
            assert not n or len(rows(path)) == n
            yield FIRST

    write_log(items(), path, None)


def test_rows_are_added_behind_those_of_a_killed_logger(path: Path) -> None:
    write_log(iter([FIRST]), path, None)
    with path.open("a") as file:
        file.write("2026-03-14T15:09:2")  # killed in the middle of a row
    write_log(iter([replace(FIRST, counts={"quasi_sphere": 5, "cube": 2})]), path, None)
    assert [(row["event"], row["cube"]) for row in rows(path)] == [("counts", "3"), (None, None), ("counts", "2")]


def test_other_classes_need_another_file(path: Path) -> None:
    with pytest.raises(NanotallyError, match="counts are of rod, its columns of cube, quasi_sphere; give another"):
        write_log(iter([FIRST, replace(FIRST, counts={"rod": 1})]), path, None)
    assert events(path) == ["counts"]


@pytest.mark.parametrize(
    ("words", "error", "complaint"),
    [
        (["--to", "{tmp}/there.csv"], NanotallyError, "there already, and not a log of counts"),
        (["--to", "{tmp}/nowhere/c.csv"], NanotallyError, "No such file or directory"),
        (["--to", "{tmp}/c.xlsx"], UsageError, "only .csv is written"),
        (["nonsense", "--to", "{tmp}/c.csv"], UsageError, "not an endpoint such as tcp://127.0.0.1:5757"),
    ],
)
def test_mistake_is_an_error_that_says_what(
    tmp_path: Path, words: list[str], error: type[NanotallyError], complaint: str
) -> None:
    (tmp_path / "there.csv").write_text("name,price\n")
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    result = CliRunner().invoke(app, ["log", *(word.format(tmp=tmp_path) for word in words)])
    assert type(result.exception) is error
    assert complaint in str(result.exception)
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


class Logger:
    """`nanotally log` in a process of its own, connected to a publisher."""

    def __init__(self, publisher: Publisher, to: Path, *options: str) -> None:
        self.publisher, self.to = publisher, to
        command = [sys.executable, "-m", "nanotally", "log", publisher.endpoint, "--to", str(to), *options]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        while publisher.subscriptions < 2:  # counts and status
            assert publisher._socket.poll(round(WAIT_S * 1000))
            publisher.answer_subscribers()

    def tell(self, counts: dict[str, int]) -> None:
        self.publisher.send(replace(FIRST, origin=self.publisher.next_origin("counts", "main"), counts=counts))

    def tell_the_end(self) -> None:
        self.publisher.send(
            StatusMessage(
                origin=self.publisher.next_origin("status", "main"),
                wall=FIRST.wall,
                uptime_s=1.0,
                version="0",
                model=Model("m", "", "e", "p"),
                source_state="ended",
                frame_state=None,
                frames_grabbed=0,
                frames_dropped=0,
                frames_processed=0,
                last_seq=0,
                stopping=True,
            )
        )

    def wait_for_rows(self, n: int) -> None:
        deadline = time.monotonic() + WAIT_S
        while not self.to.exists() or len(rows(self.to)) < n:
            assert time.monotonic() < deadline, f"fewer than {n} rows"
            time.sleep(0.01)

    def end(self) -> tuple[int, str]:
        """Exit code and last line."""
        _, said = self.process.communicate(timeout=WAIT_S)
        assert "Traceback" not in said
        return self.process.returncode, said.splitlines()[-1]

    def close(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=WAIT_S)


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    with closing(Publisher("tcp://127.0.0.1:*", instance="sem")) as made:
        yield made


def test_until_ended_ends_with_the_daemon(publisher: Publisher, path: Path) -> None:
    with closing(Logger(publisher, path, "--until-ended")) as logger:
        logger.tell({"cube": 1})
        logger.tell_the_end()
        assert logger.end() == (0, f"nanotally: 1 counts in {path}")
    assert events(path) == ["counts"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_the_log_and_keeps_every_row(publisher: Publisher, path: Path, number: signal.Signals) -> None:
    with closing(Logger(publisher, path)) as logger:
        logger.tell({"cube": 1})
        logger.wait_for_rows(1)
        logger.process.send_signal(number)
        assert logger.end()[0] == 0
    assert events(path) == ["counts"]


def test_full_disk_is_one_line_and_keeps_the_rows_before(publisher: Publisher, path: Path) -> None:
    with closing(Logger(publisher, path)) as logger:
        logger.tell({"cube": 1})
        logger.wait_for_rows(1)
        room = path.stat().st_size
        resource.prlimit(logger.process.pid, resource.RLIMIT_FSIZE, (room, room))
        logger.tell({"cube": 2})
        code, said = logger.end()
    assert (code, "counts.csv: File too large" in said) == (1, True)
    assert events(path) == ["counts"]
