"""`nanotally control`, against a daemon."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from control_desk import WAIT_S, Rig, config_of, rig
from typer.testing import CliRunner, Result

from nanotally.cli.control import app
from nanotally.errors import NanotallyError, UsageError, WireError


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Rig]:
    with rig(config_of(tmp_path), monkeypatch) as running:
        loop = threading.Thread(target=running.service.main_loop)
        loop.start()
        yield running
        running.service.stop()
        loop.join(WAIT_S)


def control(made: Rig, *words: str) -> Result:
    return CliRunner().invoke(app, ["control", *words, "--endpoint", made.service.desk.control.endpoint])


def test_settings_are_written_as_json_and_all_else_as_text(made: Rig) -> None:
    words = ["source.main.roi=[0, 0, 40, 40]", "detect.score=0.4"]
    assert control(made, "set", *words).stdout.splitlines() == [
        "set.source.main.roi = [0, 0, 40, 40]",
        "set.detect.score = 0.4",
        "remembered = over restarts",
    ]
    assert "session.sample = 12" in control(made, "session-start", "sample=12", "notes=a = b").stdout
    assert control(made, "unset", "detect.score", "source").stdout.splitlines() == [
        "set = {}",
        "remembered = over restarts",
    ]
    session = made.service.channels["main"].session
    assert session is not None
    assert session.notes == "a = b"


def test_an_answer_can_be_read_by_programs(made: Rig) -> None:
    answer = json.loads(control(made, "get", "--json").stdout)
    assert answer["settings_sha256"] == made.service.desk.settings_sha256
    assert answer["instance"] == "sem"


@pytest.mark.parametrize(
    ("words", "error", "complaint"),
    [
        (["st"], WireError, "control: unknown verb 'st'; did you mean set?"),
        (["set", "detect.scor=0.4"], WireError, "did you mean detect.score?"),
        (["set", "detect.score=high"], UsageError, "write the value as in JSON"),
        (["session-start", "detect"], WireError, "unknown argument 'keys'"),
    ],
)
def test_a_mistake_is_one_line(made: Rig, words: list[str], error: type[NanotallyError], complaint: str) -> None:
    result = control(made, *words)
    assert type(result.exception) is error
    assert complaint in str(result.exception)


def test_a_daemon_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    words = ["control", "get", "--endpoint", f"ipc://{tmp_path}/nobody", "--timeout", "0.2"]
    assert "no answer from ipc://" in str(CliRunner().invoke(app, words).exception)
    assert type(CliRunner().invoke(app, [*words[:3], "nonsense"]).exception) is UsageError
