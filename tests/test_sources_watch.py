import logging
import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from source_parts import following, number_of, picture, read_some, until

from nanotally.daemon.sources import open_source, seen, watch
from nanotally.frame import Frame, Source
from nanotally.opencv import cv2

SETTLE_S = 0.05


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "POLL_S", 0.01)
    monkeypatch.setattr(watch, "SETTLE_S", SETTLE_S)
    monkeypatch.delenv(seen.STATE_VARIABLE, raising=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "saved").mkdir()
    return tmp_path / "saved"


@pytest.fixture
def source(folder: Path) -> Iterator[Source]:
    with closing(open_source(f"watch:{folder}")) as opened:
        yield opened


def save(folder: Path, name: str, number: int) -> None:
    """As software does that is done at once."""
    (folder / name).write_bytes(cv2.imencode(Path(name).suffix, picture(number))[1].tobytes())


def encoded(number: int) -> bytes:
    return cv2.imencode(".tif", picture(number))[1].tobytes()


def silence(source: Source, for_s: float = 6 * SETTLE_S) -> bool:
    deadline_s = time.monotonic() + for_s
    while time.monotonic() < deadline_s:
        if source.read(0.02) is not None:
            return False
    return True


def test_what_lies_there_at_the_start_is_old(folder: Path) -> None:
    save(folder, "old.png", 1)
    with closing(open_source(f"watch:{folder}")) as source:
        assert silence(source)
        save(folder, "new.png", 2)
        assert [frame.name for frame in read_some(source, 1)] == ["new.png"]


def test_every_file_comes_once_in_the_order_of_writing(folder: Path, source: Source) -> None:
    for number, name in enumerate(["b.png", "a.tif", "c.bmp"]):
        save(folder, name, number)
        os.utime(folder / name, ns=(0, 10**18 + number))
    save(folder, ".hidden.png", 9)
    (folder / "notes.txt").write_text("no picture")
    (folder / "folder.tif").mkdir()
    frames = read_some(source, 3)
    assert [(frame.number, frame.name, number_of(frame.image)) for frame in frames] == [
        (0, "b.png", 0),
        (1, "a.tif", 1),
        (2, "c.bmp", 2),
    ]
    assert frames[0].wall_ns == 10**18
    assert silence(source)


def test_file_that_is_still_being_written_waits(folder: Path, source: Source) -> None:
    whole = encoded(5)
    with (folder / "slow.tif").open("wb") as file:
        for start in range(0, len(whole), len(whole) // 5 + 1):
            file.write(whole[start : start + len(whole) // 5 + 1])
            file.flush()
            assert silence(source, SETTLE_S / 2)
    assert number_of(read_some(source, 1)[0].image) == 5


def test_writer_that_pauses_in_the_middle_costs_no_picture(folder: Path, source: Source) -> None:
    whole = encoded(6)
    with (folder / "paused.tif").open("wb") as file:
        file.write(whole[:-40])
        file.flush()
        assert silence(source)  # it stands still and cannot be read
        file.write(whole[-40:])
    assert number_of(read_some(source, 1)[0].image) == 6
    assert source.damaged == 0


def test_file_that_stays_damaged_is_counted_once(
    folder: Path, source: Source, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(watch, "GIVE_UP_S", 3 * SETTLE_S)
    (folder / "damaged.tif").write_bytes(encoded(1)[:-40])
    assert until(lambda: source.read(0.02) is None and source.damaged == 1)
    assert silence(source)
    assert source.damaged == 1
    assert [line for line in caplog.messages if "damaged.tif" in line] == [caplog.messages[0]]
    save(folder, "good.png", 2)
    assert read_some(source, 1)[0].number == 1  # the damaged one left a gap


@pytest.mark.real
def test_pixel_size_and_databar_come_with_every_file(folder: Path, source: Source, shared_data: Path) -> None:
    shutil.copy(next((shared_data / "vendor" / "zeiss").glob("*.tif")), folder)
    save(folder, "plain.png", 1)
    by_name: dict[str, Frame] = {frame.name: frame for frame in read_some(source, 2)}
    assert by_name.pop("plain.png").nm_per_px is None
    assert next(iter(by_name.values())).nm_per_px is not None


def test_file_that_is_saved_again_is_not_read_twice(
    folder: Path, source: Source, caplog: pytest.LogCaptureFixture
) -> None:
    save(folder, "a.png", 1)
    read_some(source, 1)
    with caplog.at_level(logging.WARNING):
        save(folder, "a.png", 200)
        os.utime(folder / "a.png", ns=(1, 1))
        assert silence(source)
    assert ["saved again" in line for line in caplog.messages] == [True]


def test_deleted_name_may_be_used_again(folder: Path, source: Source) -> None:
    save(folder, "a.png", 1)
    read_some(source, 1)
    (folder / "a.png").unlink()
    assert silence(source)
    save(folder, "a.png", 2)
    os.utime(folder / "a.png", ns=(1, 1))
    assert number_of(read_some(source, 1)[0].image) == 2


def test_share_that_goes_away_and_comes_back_doubles_and_loses_nothing(
    folder: Path, source: Source, caplog: pytest.LogCaptureFixture
) -> None:
    save(folder, "before.png", 1)
    read_some(source, 1)
    away = folder.with_name("away")
    folder.rename(away)
    assert source.idle
    assert silence(source)
    assert not source.idle
    folder.mkdir()  # the empty mount point
    assert silence(source)
    assert source.idle
    folder.rmdir()
    save(away, "meanwhile.png", 2)
    away.rename(folder)
    assert [frame.name for frame in read_some(source, 1)] == ["meanwhile.png"]
    assert silence(source)
    assert sum("waiting until it is back" in line for line in caplog.messages) >= 1


def test_restart_reads_what_came_meanwhile_and_nothing_twice(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(seen.STATE_VARIABLE, str(tmp_path))
    uri = f"watch:{folder}"
    save(folder, "old.png", 0)
    with closing(open_source(uri)) as source:
        save(folder, "first \udce9.png", 1)
        assert read_some(source, 1)[0].name == r"first \xe9.png"  # as it can be printed and sent
    (record,) = tmp_path.glob("watch-*.jsonl")
    with record.open("a") as file:
        file.write('\n["cut off')  # by a loss of power
    save(folder, "meanwhile.png", 2)
    with closing(open_source(uri)) as source:
        assert [frame.name for frame in read_some(source, 1)] == ["meanwhile.png"]
        assert silence(source)
    with closing(open_source(uri)) as source:
        assert silence(source)


def test_state_that_cannot_be_written_is_said_and_stops_nothing(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(seen.STATE_VARIABLE, str(tmp_path / "nowhere"))
    with closing(open_source(f"watch:{folder}")) as source:
        save(folder, "a.png", 1)
        assert read_some(source, 1)
    assert "a restart will not know" in caplog.text


def test_close_ends_a_read(source: Source) -> None:
    threading.Timer(0.05, source.close).start()
    began_s = time.monotonic()
    with pytest.raises(Exception, match="was closed"):
        source.read(60)
    assert time.monotonic() - began_s < 5


def test_feed_looks_at_every_file_of_a_burst_and_outlives_the_share(folder: Path) -> None:
    with following(f"watch:{folder}") as feed:
        for number in range(12):
            save(folder, f"{number}.png", number)
        taken = [feed.mailbox.take(10) for _ in range(12)]
        assert sorted(frame.name for frame in taken if frame) == sorted(f"{number}.png" for number in range(12))
        away = folder.with_name("away")
        folder.rename(away)
        assert feed.mailbox.take(6 * SETTLE_S) is None
        save(away, "later.png", 3)
        away.rename(folder)
        frame = feed.mailbox.take(10)
        assert frame is not None
        assert (frame.name, frame.number, feed.fault, feed.mailbox.dropped) == ("later.png", 12, None, 0)
