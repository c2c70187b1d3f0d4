import errno
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from told import detections

from nanotally.daemon.config import JournalConfig
from nanotally.daemon.journal import Journal
from nanotally.errors import ConfigError
from nanotally.wire import DetectionsMessage, decode


def journal(folder: Path) -> Journal:
    return Journal(JournalConfig(directory=str(folder)), instance="sem", sources=["main", "chamber"])


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Journal]:
    with closing(journal(tmp_path)) as made:
        yield made


def test_what_is_committed_is_what_is_sent(kept: Journal) -> None:
    first, parts = kept.commit(detections(1))
    second, _ = kept.commit(detections(2))
    assert first.offset is not None
    assert second.offset == first.offset + 1 == kept.last_offset("main")
    sent = decode(parts)
    assert isinstance(sent, DetectionsMessage)
    assert (sent.offset, sent.origin) == (first.offset, first.origin)
    page = kept.books["main"].read(None, limit=10, limit_bytes=10**6)
    assert page.records[0] == parts


def test_every_source_has_offsets_of_its_own(kept: Journal, tmp_path: Path) -> None:
    kept.commit(detections(1))
    assert kept.last_offset("chamber") is None
    kept.commit(detections(1, source="chamber"))
    assert sorted(path.name for path in (tmp_path / "sem").iterdir()) == ["chamber", "main"]


def test_a_second_run_goes_on(tmp_path: Path) -> None:
    with closing(journal(tmp_path)) as first:
        last, _ = first.commit(detections(1))
    with closing(journal(tmp_path)) as second:
        assert second.last_offset("main") == last.offset
        again, _ = second.commit(detections(1, run_id="run2"))
    assert (again.offset, last.offset) == ((last.offset or 0) + 1, last.offset)


def test_a_second_daemon_is_refused_until_the_first_has_ended(tmp_path: Path) -> None:
    with closing(journal(tmp_path)):
        with pytest.raises(ConfigError, match="another daemon writes there; stop it first"):
            journal(tmp_path)
        Journal(JournalConfig(directory=str(tmp_path)), instance="other", sources=["main"]).close()
    journal(tmp_path).close()


def test_without_a_directory_there_is_no_journal_and_it_says_so_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    with closing(Journal(JournalConfig(), instance="sem", sources=["main"])) as none:
        message = detections(1)
        told, parts = none.commit(message)
        assert told is message
        assert isinstance(decode(parts), DetectionsMessage)
        assert (none.books, none.last_offset("main"), none.fault("main")) == ({}, None, None)
    assert [record.message for record in caplog.records if "no journal is kept" in record.message] != []
    assert len(caplog.records) == 1


def test_full_disk_stops_nothing_but_the_journal(kept: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    first, _ = kept.commit(detections(1))
    with monkeypatch.context() as disk:
        disk.setattr(os, "writev", full)
        told, parts = kept.commit(detections(2))
        sent = decode(parts)
        assert isinstance(sent, DetectionsMessage)
        assert (told.offset, sent.offset, sent.origin.seq) == (None, None, 2)
        assert "No space left on device" in str(kept.fault("main"))
        assert kept.fault("chamber") is None
    after, _ = kept.commit(detections(3))
    assert after.offset == (first.offset or 0) + 1
    assert kept.fault("main") is None


def test_no_room_for_a_folder_costs_the_journal_and_not_the_daemon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "mkdir", full)
    with closing(journal(tmp_path)) as none:
        assert none.commit(detections(1))[0].offset is None
        assert "No space left on device" in str(none.fault("main"))


def test_a_directory_that_cannot_be_one_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"journal\.directory .*/file/sem: Not a directory"):
        journal(tmp_path / "file")


def test_nothing_is_left_open(tmp_path: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        with closing(journal(tmp_path)) as made:
            made.commit(detections(1))
    assert len(list(Path("/proc/self/fd").iterdir())) == before
