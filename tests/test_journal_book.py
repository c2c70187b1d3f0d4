import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from nanotally.daemon.journal import segment
from nanotally.daemon.journal.book import Book
from nanotally.daemon.journal.retention import Retention
from nanotally.daemon.journal.sync import Syncer

PARTS = [b"topic", b"{}", b"x" * 60]  # with its frame 97 bytes
AMPLE = Retention(age_s=1e9, size_bytes=10**9, segment_bytes=10**6)
SMALL = Retention(age_s=1e9, size_bytes=2000, segment_bytes=500)
Open = Callable[..., Book]


@pytest.fixture
def open_book(tmp_path: Path) -> Open:
    """Opens the same book again and again; the one before is left as a killed daemon leaves it."""

    def open_book(retention: Retention = AMPLE) -> Book:
        return Book(tmp_path / "main", retention=retention, syncer=Syncer(1.0))

    return open_book


def add(book: Book, many: int) -> list[int]:
    offsets = []
    for _ in range(many):
        offsets.append(book.next_offset)
        book.append([*PARTS, str(book.next_offset).encode()])
    return offsets


def all_of(book: Book, after: int | None = None, limit: int = 1000) -> list[int]:
    """Offsets of all records, asked for page by page."""
    offsets: list[int] = []
    while records := book.read(after, limit=limit, limit_bytes=10**9).records:
        offsets += [int(parts[-1]) for parts in records]
        after = offsets[-1]
    return offsets


def files(book: Book) -> list[str]:
    return sorted(path.name for path in book._folder.iterdir())


@pytest.mark.parametrize("limit", [1, 3, 1000])
def test_everything_is_read_page_by_page_over_all_segments(open_book: Open, limit: int) -> None:
    book = open_book(Retention(age_s=1e9, size_bytes=10**9, segment_bytes=500))
    written = add(book, 23)
    assert len(files(book)) > 3
    assert all_of(book, limit=limit) == written
    assert all_of(book, after=written[10], limit=limit) == written[11:]
    assert all_of(book, after=written[-1]) == []
    # Asked again from where it was asked before: the bookmark must not hide anything.
    assert all_of(book, after=written[3], limit=limit) == written[4:]


def test_a_page_ends_behind_the_record_that_fills_it(open_book: Open) -> None:
    book = open_book()
    add(book, 5)
    assert len(book.read(None, limit=1000, limit_bytes=1).records) == 1
    assert len(book.read(None, limit=1000, limit_bytes=150).records) == 2


def test_an_empty_book_says_so(open_book: Open) -> None:
    page = open_book().read(None, limit=10, limit_bytes=100)
    assert (page.base_offset, page.first_offset, page.last_offset, page.records) == (None, None, None, [])
    assert page.expired(5) is None


def test_after_a_kill_the_next_offset_follows(open_book: Open) -> None:
    written = []
    for _ in range(4):
        book = open_book()
        written += add(book, 3)
    assert written == list(range(written[0], written[0] + 12))
    assert all_of(open_book()) == written
    assert open_book().last_offset == written[-1]


def test_a_torn_record_is_cut_and_its_offset_given_again(open_book: Open) -> None:
    book = open_book()
    written = add(book, 3)
    path = book._folder / files(book)[-1]
    os.truncate(path, path.stat().st_size - 5)
    again = open_book()
    assert again.next_offset == written[2]
    add(again, 1)
    assert all_of(again) == written
    assert all_of(open_book()) == written


def test_a_first_record_that_was_torn_leaves_no_trace(open_book: Open) -> None:
    written = add(open_book(), 2)
    book = open_book()
    add(book, 1)
    path = book._folder / files(book)[-1]
    os.truncate(path, segment.HEADER.size + 5)
    again = open_book()
    assert add(again, 1) == [written[-1] + 1]
    assert len(files(again)) == 2


@pytest.mark.parametrize("closed", [True, False])
def test_after_a_reboot_no_offset_is_given_twice(
    open_book: Open, monkeypatch: pytest.MonkeyPatch, closed: bool
) -> None:
    book = open_book()
    written = add(book, 3)
    if closed:
        book.close()
    monkeypatch.setattr(segment, "boot_id", lambda: "0" * 36)
    before_us = time.time_ns() // 1000
    again = open_book()
    if closed:
        assert again.next_offset == written[-1] + 1
    else:  # a power failure: what was sent last may not be on the disk
        assert again.next_offset >= before_us > written[-1]
        first = add(again, 2)[0]
        page = again.read(written[-1], limit=10, limit_bytes=1000)
        assert (page.base_offset, len(page.records)) == (first, 2)
        assert page.expired(written[-1]) is None
        assert again.read(None, limit=10, limit_bytes=10**6).base_offset == written[0]
        assert len(all_of(again)) == 5


def test_a_clock_that_was_set_back_gives_no_offset_twice(open_book: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    written = add(open_book(), 3)
    monkeypatch.setattr(segment, "boot_id", lambda: "0" * 36)
    monkeypatch.setattr(time, "time_ns", lambda: 0)
    assert open_book().next_offset == written[-1] + 1


def test_a_new_folder_gives_no_offset_of_the_old_one(open_book: Open) -> None:
    book = open_book()
    written = add(book, 3)
    for name in files(book):
        (book._folder / name).unlink()
    assert open_book().next_offset > written[-1]


def test_retention_drops_whole_segments_and_says_what_is_gone(open_book: Open) -> None:
    book = open_book(SMALL)
    written = add(book, 100)
    assert sum(path.stat().st_size for path in book._folder.iterdir()) <= SMALL.size_bytes
    page = book.read(written[4], limit=1, limit_bytes=1)
    assert page.first_offset == all_of(book)[0] > written[50]
    assert page.expired(written[4]) == (written[5], page.first_offset - 1)
    assert page.expired(None) is None
    assert page.expired(page.first_offset - 1) is None


def test_a_segment_that_is_dropped_while_it_is_read_is_passed_over(open_book: Open) -> None:
    book = open_book(Retention(age_s=1e9, size_bytes=10**9, segment_bytes=500))
    written = add(book, 20)
    (book._folder / files(book)[0]).unlink()
    left = all_of(book)
    assert left == written[-len(left) :]
    assert 10 < len(left) < 20


def test_a_damaged_segment_costs_what_is_behind_the_damage_in_it(open_book: Open) -> None:
    book = open_book(Retention(age_s=1e9, size_bytes=10**9, segment_bytes=500))
    written = add(book, 20)
    path = book._folder / files(book)[1]
    raw = bytearray(path.read_bytes())
    raw[segment.HEADER.size + 150] ^= 1
    path.write_bytes(raw)
    left = all_of(book)
    assert 15 < len(left) < 20
    assert left[-1] == written[-1]


def test_a_full_disk_is_an_error_that_is_over_when_there_is_room(
    open_book: Open, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    book = open_book()
    written = add(book, 2)
    whole = os.writev
    with monkeypatch.context() as full:
        full.setattr(os, "writev", lambda fd, pieces: whole(fd, [b"".join(pieces)[:20]]))
        for _ in range(3):
            with pytest.raises(OSError, match="No space left"):
                add(book, 1)
            assert "No space left" in str(book.fault)
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    written += add(book, 2)
    assert book.fault is None
    assert written == list(range(written[0], written[0] + 4))
    assert all_of(book) == written
    assert all_of(open_book()) == written


def test_one_thread_reads_while_another_writes(open_book: Open) -> None:
    book = open_book(Retention(age_s=1e9, size_bytes=10**9, segment_bytes=2000))
    written: list[int] = []
    writer = threading.Thread(target=lambda: written.extend(add(book, 2000)))
    writer.start()
    seen: list[int] = []
    while writer.is_alive() or seen != written:
        seen += all_of(book, seen[-1] if seen else None, limit=50)
        assert seen == list(range(seen[0], seen[0] + len(seen))) if seen else True
        assert writer.is_alive() or len(seen) <= len(written)
    assert seen == written
