"""What is remembered over a restart, and what is not fatal."""

import json
import os
from datetime import datetime, timezone
from pathlib import Path

import pytest

from nanotally.daemon import state as state_module
from nanotally.daemon.state import CHANGES, CHANGES_KEPT, FILE, Memory, State, change_now
from nanotally.wire import Session

STATE = State(
    {"detect.score": 0.4, "source.main.roi": [0, 0, 9, 9]},
    {"main": Session("s1", "Au 12", "anna", "", datetime(2026, 3, 14, 15, 9, 26, 535897, timezone.utc))},
)


def test_the_state_is_as_it_was_left(tmp_path: Path) -> None:
    folder = tmp_path / "sem"
    assert Memory(folder).remember(STATE) == "over restarts"
    assert Memory(folder).recall() == STATE
    assert [path.name for path in folder.iterdir()] == [FILE]


def test_without_a_folder_or_a_file_there_is_none(tmp_path: Path) -> None:
    assert Memory(None).recall() == Memory(tmp_path).recall() == State()
    assert Memory(None).remember(STATE) == "until the daemon ends: no state directory"


@pytest.mark.parametrize(
    "content", [b"", b"\xff", b"[]", b'{"overrides": 3}', b'{"schema": 2}', b"[" * 9000, b'{"sessions": {"main": {}}}']
)
def test_a_file_that_cannot_be_read_is_set_aside(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / FILE).write_bytes(content)
    memory = Memory(tmp_path)
    assert memory.recall() == State()
    assert "cannot be read" in caplog.text
    (kept,) = tmp_path.iterdir()
    assert kept.name.startswith(f"{FILE}.bad-")
    assert kept.read_bytes() == content
    assert memory.remember(STATE) == "over restarts"


def test_a_disk_that_does_not_take_it_keeps_the_file_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    memory = Memory(tmp_path)
    memory.remember(STATE)

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert memory.remember(State()).startswith("until the daemon ends: ")
    memory.note(change_now("set", {}, None, {}))
    assert memory.recall() == STATE
    assert caplog.text.count("No space left on device") == 2


def test_every_change_is_a_line(tmp_path: Path) -> None:
    for number in range(3):
        Memory(tmp_path).note(change_now("set", {"detect.score": number / 10}, "SIGHUP", {"main": "ab"}))
    lines = [json.loads(line) for line in (tmp_path / CHANGES).read_text().splitlines()]
    assert [line["args"]["detect.score"] for line in lines] == [0.0, 0.1, 0.2]
    assert {line["who"] for line in lines} == {"SIGHUP"}
    assert lines[0].keys() == {"wall", "verb", "args", "who", "settings_sha256"}


def test_the_journal_of_changes_is_bounded_and_loses_only_its_oldest_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state_module, "CHANGES_BYTES", 1000)
    memory, most = Memory(tmp_path), 100
    for number in range(most):
        memory.note(change_now("set", {"number": number}, None, {}))
    names = [f"{CHANGES}.{number}" for number in range(CHANGES_KEPT, 0, -1)] + [CHANGES]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)
    lines = [line for name in names for line in (tmp_path / name).read_text().splitlines()]
    numbers = [json.loads(line)["args"]["number"] for line in lines]
    assert numbers == list(range(numbers[0], most))
    assert numbers[0] > 0
    assert all(1000 <= (tmp_path / name).stat().st_size < 1200 for name in names[:-1])
