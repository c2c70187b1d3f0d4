import errno
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanotally.daemon.journal import segment
from nanotally.daemon.journal.segment import HEADER, Segment, SegmentWriter, boot_id, read_records, tail_of

RECORDS = [[b"topic", b"{}", b""], [b"t", b'{"a": 1}', b"x" * 100], [b"topic", b"{}", b"\x00" * 7]]


def write(path: Path, records: list[list[bytes]] = RECORDS, *, end: bool = False) -> list[int]:
    """Write a segment from offset 10 on; the positions behind header and records."""
    writer = SegmentWriter(path, base_offset=7)
    ends = [writer.size_bytes]
    for offset, parts in enumerate(records, 10):
        writer.append(offset, parts)
        ends.append(writer.size_bytes)
    if end:
        writer.end(10 + len(records) - 1)
    os.close(writer.descriptor)
    return ends


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / f"{10:020d}.segment"


@given(st.lists(st.lists(st.binary(max_size=50), min_size=1, max_size=4), min_size=1, max_size=5))
def test_what_was_written_is_read(tmp_path_factory: pytest.TempPathFactory, records: list[list[bytes]]) -> None:
    path = tmp_path_factory.mktemp("segments") / "10.segment"
    ends = write(path, records)
    read = list(read_records(path))
    assert [(record.offset, record.parts) for record in read] == list(enumerate(records, 10))
    assert [record.end for record in read] == ends[1:]
    assert path.stat().st_size == ends[-1]


def test_what_is_behind_an_offset_or_a_position_is_read(path: Path) -> None:
    ends = write(path)
    assert [record.offset for record in read_records(path, after_offset=10)] == [11, 12]
    assert [record.offset for record in read_records(path, position=ends[2])] == [12]
    assert list(read_records(path, after_offset=12)) == []


def test_a_segment_torn_anywhere_keeps_the_whole_records_before(path: Path) -> None:
    ends = write(path)
    whole = path.read_bytes()
    for length in range(HEADER.size, len(whole)):
        path.write_bytes(whole[:length])
        many = sum(end <= length for end in ends[1:])
        assert len(list(read_records(path))) == many
        assert (tail_of(path).end, tail_of(path).trusted) == ("open", True)
        assert tail_of(path).last_offset == (9 + many if many else None)


def test_a_byte_changed_anywhere_is_never_read_as_a_record(path: Path) -> None:
    ends = write(path)
    whole = path.read_bytes()
    for position in range(HEADER.size, len(whole)):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 0x10]) + whole[position + 1 :])
        before = sum(end <= position for end in ends[1:])
        assert [record.parts for record in read_records(path)] == RECORDS[:before]


def test_a_damaged_end_is_told_from_a_torn_one(path: Path) -> None:
    write(path)
    damaged = bytearray(path.read_bytes())
    damaged[-1] ^= 1
    path.write_bytes(damaged)
    assert (tail_of(path).end, tail_of(path).trusted, tail_of(path).last_offset) == ("damaged", False, 11)


def test_after_a_reboot_only_a_closed_segment_is_trusted(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = path.with_name("20.segment")
    write(path)
    write(other, end=True)
    monkeypatch.setattr(segment, "boot_id", lambda: "another")
    assert (tail_of(path).end, tail_of(path).trusted) == ("open", False)
    assert (tail_of(other).end, tail_of(other).trusted, tail_of(other).last_offset) == ("closed", True, 12)


def test_zeros_that_a_power_failure_leaves_are_no_end(path: Path) -> None:
    write(path)
    with path.open("ab") as file:
        file.write(bytes(100))
    assert tail_of(path).end != "closed"
    assert tail_of(path).last_offset == 12


def test_a_short_write_is_a_full_disk(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = SegmentWriter(path, base_offset=7)
    writer.append(10, RECORDS[0])
    whole = os.writev
    monkeypatch.setattr(os, "writev", lambda fd, pieces: whole(fd, [b"".join(pieces)[:30]]))
    with pytest.raises(OSError, match="No space left") as caught:
        writer.append(11, RECORDS[1])
    os.close(writer.descriptor)
    assert caught.value.errno == errno.ENOSPC
    assert [record.offset for record in read_records(path)] == [10]


def test_a_device_without_room_is_an_error_and_leaves_nothing_open() -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(OSError, match="No space left"):
        SegmentWriter(Path("/dev/full"), base_offset=0)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize("content", [b"", b"ntj1", b"PK" + bytes(100)])
def test_another_file_is_no_segment(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    assert Segment.at(path) is None


def test_a_segment_knows_its_first_and_its_base_offset(path: Path) -> None:
    ends = write(path)
    found = Segment.at(path)
    assert found is not None
    assert (found.first_offset, found.base_offset, found.size_bytes) == (10, 7, ends[-1])
    assert Segment.at(path.with_name("nowhere.segment")) is None


def test_boot_id_fits_the_header() -> None:
    assert len(boot_id()) == 36
