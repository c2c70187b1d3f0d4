"""Recordings: what is written is what is read, whatever ends the writer."""

import json
import multiprocessing
import re
import shutil
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from kept import frame_of, told_of
from recorded import BOXES, begin, facts, record
from source_parts import until

from nanotally.daemon.recording import recorder as recorder_module
from nanotally.daemon.recording.facts import FACTS, INDEX, PICTURES, read_facts
from nanotally.daemon.recording.reader import read_recording
from nanotally.errors import SourceError
from nanotally.micrograph import read_micrograph

CONTEXT = multiprocessing.get_context("forkserver")


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    states = ("live", "partial", "live", "blank")
    frames = [replace(frame_of(7 + 2 * i), state=state) for i, state in enumerate(states)]
    folder = record(tmp_path / "a", frames)
    read = list(read_recording(folder))
    assert len(read) == 4
    for frame, recorded in zip(frames, read, strict=True):
        told, sent = recorded.told, told_of(frame, BOXES, 0.9, [0, 1])
        for name in ("origin", "frame", "file", "grabbed_ns", "wall", "nm_per_px", "pixel_size_from", "state", "roi"):
            assert getattr(told, name) == getattr(sent, name)
        assert told.counts == sent.counts
        assert told.records.tobytes() == sent.records.tobytes()
        assert recorded.wall_ns == frame.wall_ns
        assert recorded.missed == 0
        picture = read_micrograph(recorded.picture)
        np.testing.assert_array_equal(picture.image, frame.image)
        assert picture.nm_per_px == pytest.approx(frame.nm_per_px)
    end = read_facts(folder).end
    assert end is not None
    assert (end.why, end.frames, end.missed) == ("asked to", 4, 0)
    assert replace_end(folder) == facts()


def replace_end(folder: Path) -> object:
    """The facts of a recording as they were at its start."""
    written = json.loads((folder / FACTS).read_text())
    (folder / FACTS).write_text(json.dumps(written | {"end": None}))
    return read_facts(folder)


@pytest.mark.parametrize(
    ("limits", "frames", "why"),
    [
        ({"most_s": 3.5}, 4, r"3.5 s long \(recording.most_s\)"),
        ({"most_mb": 0.03}, 2, r"0.03 MB large \(recording.most_mb\)"),
        ({"keep_free_mb": 1e12}, 0, r"less than 1e\+12 MB are free \(recording.keep_free_mb\)"),
    ],
)
def test_recording_ends_itself_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, limits: dict[str, float], frames: int, why: str
) -> None:
    caplog.set_level("INFO")
    recorder = begin(tmp_path / "a", **limits)
    for number in range(6):
        recorder.take(frame_of(number), told_of(frame_of(number)))
    assert until(lambda: recorder.ended is not None)
    recorder.close()
    end = read_facts(tmp_path / "a").end
    assert end is not None
    assert end.frames == len(list(read_recording(tmp_path / "a"))) == frames
    assert end.size_bytes <= 30_000 or "most_mb" not in limits
    assert caplog.messages[-1].startswith(f"recording {tmp_path / 'a'} ended: {frames} frames")
    assert re.search(why, end.why)


def test_slow_disk_costs_frames_that_are_counted_and_never_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on, write = threading.Event(), recorder_module.write_picture
    monkeypatch.setattr(recorder_module, "write_picture", lambda *to: (go_on.wait(10), write(*to)))
    recorder = begin(tmp_path / "a")
    recorder.take(frame_of(0), told_of(frame_of(0)))
    assert until(recorder._worker._jobs.empty)  # the first is being written
    for number in range(1, recorder_module.WAITING + 4):
        recorder.take(frame_of(number), told_of(frame_of(number)))
    assert recorder.missed == 3
    go_on.set()
    assert until(lambda: recorder.frames == recorder_module.WAITING + 1)
    late = frame_of(99)
    recorder.take(late, told_of(late))
    recorder.close()
    missed = {recorded.told.frame: recorded.missed for recorded in read_recording(tmp_path / "a")}
    assert missed == {**dict.fromkeys(range(recorder_module.WAITING + 1), 0), 99: 3}
    end = read_facts(tmp_path / "a").end
    assert end is not None
    assert end.missed == 3


def test_disk_that_fails_ends_the_recording_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    folder = tmp_path / "a"
    recorder = begin(folder)
    recorder.take(frame_of(0), told_of(frame_of(0)))
    assert until(lambda: recorder.frames == 1)
    shutil.rmtree(folder / PICTURES)
    recorder.take(frame_of(1), told_of(frame_of(1)))
    assert until(lambda: recorder.ended is not None)
    recorder.take(frame_of(2), told_of(frame_of(2)))
    recorder.close()
    assert "No such file or directory" in caplog.text
    assert [recorded.told.frame for recorded in read_recording(folder)] == [0]


def record_for_ever(folder: Path) -> None:
    recorder = begin(folder)
    number = 0
    while True:
        if number - recorder.frames < recorder_module.WAITING:
            recorder.take(frame_of(number, every_s=0.001), told_of(frame_of(number, every_s=0.001), BOXES))
            number += 1
        else:
            time.sleep(0.001)


def test_recording_survives_kill(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    process = CONTEXT.Process(target=record_for_ever, args=(folder,), daemon=True)
    process.start()
    index, deadline_s = folder / INDEX, time.monotonic() + 60  # a new process imports for a while
    while not (index.is_file() and index.stat().st_size > 10_000):
        assert time.monotonic() < deadline_s
        time.sleep(0.01)
    process.kill()
    process.join()
    read = list(read_recording(folder))
    assert [recorded.told.frame for recorded in read] == list(range(len(read)))
    assert len(read) >= len(list((folder / PICTURES).iterdir())) - 1
    for recorded in (read[0], read[-1]):
        np.testing.assert_array_equal(read_micrograph(recorded.picture).image, frame_of(recorded.told.frame).image)
    assert read_facts(folder).end is None


def test_torn_index_gives_what_is_whole(tmp_path: Path) -> None:
    index = record(tmp_path / "a") / INDEX
    whole = index.read_bytes()
    seen = set()
    for end in (*range(0, len(whole), 97), len(whole)):
        index.write_bytes(whole[:end])
        seen.add(len(list(read_recording(tmp_path / "a"))))
    assert seen == set(range(6))


@pytest.mark.parametrize(
    ("content", "complaint"),
    [(None, "no recording"), ("{", "damaged"), ("{}", "missing required field"), ('{"schema": 2}', "damaged")],
)
def test_what_is_no_recording_is_one_line(tmp_path: Path, content: str | None, complaint: str) -> None:
    if content is not None:
        (tmp_path / FACTS).write_text(content)
    with pytest.raises(SourceError, match=complaint) as caught:
        read_facts(tmp_path)
    assert "\n" not in str(caught.value)


def test_recording_of_a_later_schema_is_refused(tmp_path: Path) -> None:
    folder = record(tmp_path / "a")
    later = json.loads((folder / FACTS).read_text()) | {"schema": 2}
    (folder / FACTS).write_text(json.dumps(later))
    with pytest.raises(SourceError, match="schema 2, this reader knows 1; update nanotally"):
        read_facts(folder)


def test_nothing_is_recorded_over(tmp_path: Path) -> None:
    record(tmp_path / "a")
    with pytest.raises(FileExistsError):
        begin(tmp_path / "a")
