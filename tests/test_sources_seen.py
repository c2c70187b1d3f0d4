"""What is known of a watched folder is bounded, and no file is read twice for that."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanotally.daemon.sources import seen as seen_module
from nanotally.daemon.sources.seen import FileStamp, SeenFiles

MOST_GONE, SPARE_LINES = 10, 4


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(seen_module.STATE_VARIABLE, raising=False)
    monkeypatch.setattr(seen_module, "MOST_GONE", MOST_GONE)
    monkeypatch.setattr(seen_module, "SPARE_LINES", SPARE_LINES)


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a daemon keeps its record."""
    monkeypatch.setenv(seen_module.STATE_VARIABLE, str(tmp_path))
    return tmp_path


def files(*numbers: int) -> dict[str, FileStamp]:
    """Pictures of which the higher number is the newer one."""
    return {f"{number}.tif": FileStamp(100, 1000 + number) for number in numbers}


def read(seen: SeenFiles, there: dict[str, FileStamp]) -> list[str]:
    """Names that are new, which then are read."""
    new = seen.new_among(there)
    for name, stamp in new.items():
        seen.add(name, stamp)
    return list(new)


def test_a_folder_that_is_tidied_for_months_is_remembered_within_bounds(state: Path) -> None:
    seen = SeenFiles.of(Path("saved"), {})
    for number in range(300):  # every picture is moved away when the next but one has come
        assert read(seen, files(*range(max(0, number - 1), number + 1))) == [f"{number}.tif"]
    assert len(seen._stamps) <= MOST_GONE + 3
    (record,) = state.glob("watch-*.jsonl")
    assert len(record.read_text().splitlines()) <= 3 * MOST_GONE + SPARE_LINES


@pytest.mark.parametrize("restarted", [False, True])
def test_what_was_forgotten_is_not_read_when_it_comes_back(
    state: Path, caplog: pytest.LogCaptureFixture, restarted: bool
) -> None:
    seen = SeenFiles.of(Path("saved"), {})
    for number in range(40):
        read(seen, files(number))
    assert "0.tif" not in seen._stamps
    if restarted:
        seen = SeenFiles.of(Path("saved"), {})
    assert read(seen, files(0, 1, 38, 39, 40)) == ["40.tif"]
    assert [line.partition(":")[0] for line in caplog.messages] == ["0.tif and 1 more"]
    assert seen.new_among(files(0, 1)) == {}
    assert len(caplog.messages) == 1
    assert read(seen, {"0 once more.tif": FileStamp(100, 2000)}) == ["0 once more.tif"]


def test_an_empty_mount_point_makes_nothing_forgotten(caplog: pytest.LogCaptureFixture) -> None:
    many = files(*range(5 * MOST_GONE))
    seen = SeenFiles.of(Path("saved"), many)
    assert seen.new_among({}) == {}
    assert read(seen, {**many, **files(999)}) == ["999.tif"]
    assert caplog.messages == []


def test_a_name_that_is_used_again_and_again_does_not_make_the_record_grow(state: Path) -> None:
    seen = SeenFiles.of(Path("saved"), {})
    for number in range(200):
        assert read(seen, {"scan.tif": FileStamp(100, number)}) == ["scan.tif"]
        assert seen.new_among({}) == {}
    (record,) = state.glob("watch-*.jsonl")
    assert len(record.read_text().splitlines()) <= SPARE_LINES + 5
    known = SeenFiles.of(Path("saved"), {})
    assert known.new_among({"scan.tif": FileStamp(100, 199)}) == {}


def test_a_record_that_cannot_be_written_anew_is_said(
    state: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    seen = SeenFiles.of(Path("saved"), {})
    monkeypatch.setattr(seen_module.os, "fsync", full)
    for number in range(40):
        assert read(seen, files(number)) == [f"{number}.tif"]
    assert "the record goes on growing" in caplog.text
    assert SeenFiles.of(Path("saved"), {}).new_among(files(39)) == {}


@given(st.lists(st.sets(st.integers(0, 60), max_size=12), max_size=40))
def test_whatever_comes_and_goes_nothing_is_read_twice(folders: list[set[int]]) -> None:
    seen, already = SeenFiles.of(Path("saved"), {}), set()
    for numbers in folders:
        names = set(read(seen, files(*sorted(numbers))))
        assert not names & already
        already |= names
        assert len(seen._stamps) <= MOST_GONE + 12
