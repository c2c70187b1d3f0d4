import csv
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from told import detections, status
from typer.testing import CliRunner

from nanotally.cli.log import app
from nanotally.daemon.publish import Publisher
from nanotally.errors import NanotallyError, UsageError

WAIT_S = 60.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "counts.csv"


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    ("words", "error", "complaint"),
    [
        (["--to", "{tmp}/there.csv"], NanotallyError, "there already, and not of there.sqlite"),
        (["--to", "{tmp}/text.sqlite"], NanotallyError, "text.sqlite: file is not a database; give another file"),
        (["--to", "{tmp}/nowhere/c.csv"], NanotallyError, "nowhere: no such folder; make it first"),
        (["--to", "{tmp}/c.xlsx"], UsageError, "only .sqlite, .csv and .parquet are written"),
        (["nonsense", "--to", "{tmp}/c.csv"], UsageError, "not an endpoint such as tcp://127.0.0.1:5757"),
        (["--replay", "nonsense", "--to", "{tmp}/c.csv"], UsageError, "--replay nonsense: not an endpoint such as"),
    ],
)
def test_mistake_is_an_error_that_says_what(
    tmp_path: Path, words: list[str], error: type[NanotallyError], complaint: str
) -> None:
    (tmp_path / "there.csv").write_text("name,price\n")
    (tmp_path / "text.sqlite").write_text("name,price\n" * 100)
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    result = CliRunner().invoke(app, ["log", *(word.format(tmp=tmp_path) for word in words)])
    assert type(result.exception) is error
    assert complaint in str(result.exception)
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


class Logger:
    """`nanotally log` in a process of its own, connected to a publisher that keeps no journal."""

    def __init__(self, publisher: Publisher, to: Path, *options: str) -> None:
        self.publisher, self.to = publisher, to
        command = [sys.executable, "-m", "nanotally", "log", publisher.endpoint, "--to", str(to), *options]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        while publisher.subscriptions < 2:  # detections and status
            assert publisher._socket.poll(round(WAIT_S * 1000))
            publisher.answer_subscribers()

    def tell(self, cubes: int) -> None:
        message = detections(particles=cubes)
        self.publisher.send(replace(message, origin=self.publisher.next_origin("detections", "main")))

    def tell_the_end(self) -> None:
        message = status(stopping=True)
        self.publisher.send(replace(message, origin=self.publisher.next_origin("status", "main")))

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


@pytest.mark.parametrize("suffix", [".csv", ".sqlite", ".parquet"])
def test_until_ended_ends_with_the_daemon(publisher: Publisher, path: Path, suffix: str) -> None:
    if suffix == ".parquet":
        pytest.importorskip("pyarrow")
    to = path.with_suffix(suffix)
    with closing(Logger(publisher, to, "--until-ended")) as logger:
        logger.tell(1)
        logger.tell(4)
        logger.tell_the_end()
        assert logger.end() == (0, f"nanotally: 2 counts in {to}")
    assert to.exists()
    with closing(sqlite3.connect(path.with_suffix(".sqlite"))) as database:
        assert database.execute("SELECT counts FROM log").fetchall()[1] == ('{"cube": 4, "quasi_sphere": 0}',)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_the_log_and_keeps_every_row(publisher: Publisher, path: Path, number: signal.Signals) -> None:
    with closing(Logger(publisher, path)) as logger:
        logger.tell(1)
        logger.wait_for_rows(1)
        logger.tell(2)
        logger.process.send_signal(number)
        assert logger.end()[0] == 0
    assert rows(path)[0]["cube"] == "1"


def test_particles_have_files_of_their_own(publisher: Publisher, path: Path) -> None:
    with closing(Logger(publisher, path, "--particles", "--frames", "2")) as logger:
        logger.tell(1)
        logger.tell(2)
        assert logger.end()[0] == 0
    found = rows(path.with_name("counts.particles.csv"))
    assert [(row["frame"], row["class"], row["x2"]) for row in found] == [("0", "cube", "9.0")] * 3


def test_it_ends_when_as_many_counts_as_were_asked_for_are_there(publisher: Publisher, path: Path) -> None:
    with closing(Logger(publisher, path, "--frames", "2")) as logger:
        logger.tell(1)
        logger.tell(2)
        assert logger.end()[0] == 0
    assert [row["cube"] for row in rows(path)] == ["1", "2"]


def test_full_disk_is_one_line_and_the_next_logger_goes_on(publisher: Publisher, path: Path) -> None:
    with closing(Logger(publisher, path)) as logger:
        logger.tell(1)
        logger.wait_for_rows(1)
        resource.prlimit(logger.process.pid, resource.RLIMIT_FSIZE, (100, 100))
        logger.tell(2)
        code, said = logger.end()
    assert (code, "counts.sqlite: " in said, "what was logged before is in it" in said) == (1, True, True)
    assert [row["cube"] for row in rows(path)] == ["1"]
    publisher._wanted.clear()
    with closing(Logger(publisher, path, "--frames", "1")) as logger:
        logger.tell(3)
        assert logger.end()[0] == 0
    assert [(row["event"], row["missed"], row["cube"]) for row in rows(path)] == [
        ("counts", "", "1"), ("gap", "1", ""), ("counts", "", "3"),
    ]  # fmt: skip
