"""`nanotally keys`, and the whole path with keys: daemon, journal, logger, each a process of its own."""

import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from locked import Locks, make_locks
from source_parts import free_port
from typer.testing import CliRunner

from nanotally.cli.log import app
from nanotally.daemon.gate import Gate, SecurityConfig
from nanotally.errors import ConfigError, UsageError

SCRIPT = Path(__file__).with_name("stand_in_daemon.py")
WAIT_S = 150.0
NANOTALLY = [sys.executable, "-m", "nanotally"]


def test_verb_makes_what_it_says(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["keys", str(tmp_path / "new"), "--name", "sem1"])
    assert result.exit_code == 0
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["sem1.key", "sem1.key_secret"]
    assert (tmp_path / "new" / "sem1.key_secret").stat().st_mode & 0o777 == 0o600
    (named,) = re.findall(r'server_key = "(.*)"', result.stdout)
    assert Gate(SecurityConfig(server_key=named, allow=str(tmp_path))).is_locked
    again = CliRunner().invoke(app, ["keys", str(tmp_path / "new"), "--name", "sem1"])
    assert isinstance(again.exception, ConfigError)


@pytest.mark.parametrize(
    ("words", "error", "complaint"),
    [
        (["--keys", "{keys}/anna.key_secret"], UsageError, "belong together"),
        (["--server-key", "{keys}/sem.key"], UsageError, "belong together"),
        (["--keys", "{keys}/anna.key", "--server-key", "{keys}/sem.key"], ConfigError, "holds no secret key"),
        (["--keys", "{keys}/x", "--server-key", "{keys}/sem.key"], ConfigError, "x: No such file"),
    ],
)
def test_keys_that_cannot_be_used_are_told_before_anything_is_written(
    tmp_path: Path, words: list[str], error: type[Exception], complaint: str
) -> None:
    locks = make_locks(tmp_path / "keys")
    words = [word.format(keys=locks.folder) for word in words]
    result = CliRunner().invoke(app, ["log", "--to", str(tmp_path / "c.sqlite"), *words])
    assert type(result.exception) is error
    assert complaint in str(result.exception)
    assert not (tmp_path / "c.sqlite").exists()


@pytest.fixture
def locks(tmp_path: Path) -> Locks:
    return make_locks(tmp_path / "keys")


@pytest.fixture
def endpoint(tmp_path: Path, locks: Locks) -> Iterator[str]:
    """Of a daemon that all machines can reach and that keeps a journal; as seen from this one."""
    port = free_port()
    config = tmp_path / "sem.toml"
    config.write_text(
        '[source.main]\nuri = "sim:?width=96&height=64&particles=3&fps=50"\n'
        f'[publish]\nendpoint = "tcp://0.0.0.0:{port}"\n[replay]\nendpoint = "tcp://0.0.0.0:*"\n'
        f'[journal]\ndirectory = "{tmp_path}/journal"\n[metrics]\nenabled = false\n{locks.toml()}'
        '[control]\nendpoint = "tcp://127.0.0.1:*"\n'
    )
    with subprocess.Popen([sys.executable, str(SCRIPT), str(config)], stderr=subprocess.PIPE, text=True) as process:
        try:
            yield f"tcp://127.0.0.1:{port}"
            process.terminate()
            _, said = process.communicate(timeout=WAIT_S)
        finally:
            process.kill()
    assert process.returncode == 0, said


@contextmanager
def following(endpoint: str, to: Path, *options: str) -> Iterator["subprocess.Popen[str]"]:
    command = [*NANOTALLY, "log", endpoint, "--to", str(to), *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def test_log_with_keys_has_every_frame_and_with_strange_keys_says_why_it_has_none(
    tmp_path: Path, locks: Locks, endpoint: str
) -> None:
    with (
        following(endpoint, tmp_path / "anna.sqlite", *locks.options("anna"), "--frames", "50") as anna,
        following(endpoint, tmp_path / "bert.sqlite", *locks.options("bert"), "--frames", "1") as bert,
    ):
        _, said = anna.communicate(timeout=WAIT_S)
        assert anna.returncode == 0, said
        with closing(sqlite3.connect(tmp_path / "anna.sqlite")) as log:
            seqs = [row[0] for row in log.execute("SELECT seq FROM log ORDER BY offset")]
        assert seqs[:50] == list(range(1, 51))  # the first ones only the journal had

        assert bert.stderr is not None
        lines = [bert.stderr.readline(), bert.stderr.readline()]
        assert "refuses this connection" in lines[1]
        locks.admit("bert")
        _, said = bert.communicate(timeout=WAIT_S)
        assert bert.returncode == 0, said
