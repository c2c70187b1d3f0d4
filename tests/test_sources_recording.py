"""`recording:`: what only this feed does. What every feed does is in `test_sources_contract.py`."""

import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from kept import frame_of
from recorded import begin, record
from source_parts import following, read_some, until

from nanotally.daemon.config import SourceConfig
from nanotally.daemon.preparation import Preparation
from nanotally.daemon.recording.facts import FACTS, INDEX
from nanotally.daemon.sources import open_source
from nanotally.errors import EndOfFeed, SourceError
from nanotally.frame import Frame


def same_frame(one: Frame, other: Frame) -> bool:
    """Whether two frames are the same but for the moment of their grab."""
    facts = [replace(frame, grabbed_ns=0, image=np.zeros(0, np.uint8)) for frame in (one, other)]
    return str(facts[0]) == str(facts[1]) and bool(np.array_equal(one.image, other.image))


@pytest.mark.parametrize("stills", [False, True])
def test_frames_come_back_as_they_were(tmp_path: Path, stills: bool) -> None:
    frames = [
        frame_of(3),
        replace(frame_of(5), state="frozen"),
        replace(frame_of(6), nm_per_px=None, pixel_size_from=None, window=(0.0, 4095.0)),
    ]
    folder = record(tmp_path / "a", frames, stills=stills)
    with closing(open_source(f"recording:{folder}")) as source:
        assert (source.live, source.stills) == (False, stills)
        read = read_some(source)
        with pytest.raises(EndOfFeed, match="all 3 frames were read, 0 of them damaged"):
            source.read(0.1)
    assert len(read) == 3
    assert all(map(same_frame, read, frames))


def test_what_was_prepared_is_not_prepared_again(tmp_path: Path) -> None:
    uri = f"recording:{record(tmp_path / 'a')}"
    prepare = Preparation(SourceConfig(uri=uri, average="block", average_frames=5))
    with closing(open_source(uri)) as source:
        for frame in read_some(source):
            again = prepare.take(replace(frame, image=frame_of(0).image), stills=False)  # it looks frozen
            assert again is not None
            assert again.state == "live"


def test_real_speed_keeps_the_pace_and_is_live(tmp_path: Path) -> None:
    folder = record(tmp_path / "a", [frame_of(number, every_s=0.2) for number in (0, 1, 4)])
    with closing(open_source(f"recording:{folder}?speed=real")) as source:
        assert source.live
        began_s = time.monotonic()
        assert source.read(0.5) is not None
        assert source.read(0.01) is None
        assert len(read_some(source)) == 2
        assert time.monotonic() - began_s >= 0.79


def test_close_ends_the_wait_for_a_frame(tmp_path: Path) -> None:
    folder = record(tmp_path / "a", [frame_of(0), frame_of(1, every_s=500)])
    with following(f"recording:{folder}?speed=real") as feed:
        assert until(lambda: feed.mailbox.holds)  # and leaving the block stops it


def test_damaged_picture_is_passed_over_and_leaves_a_gap(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = record(tmp_path / "a")
    (folder / "pictures" / "000001.tif").write_bytes(b"II*\0")
    (folder / "pictures" / "000002.tif").unlink()
    with closing(open_source(f"recording:{folder}")) as source:
        assert [frame.number for frame in read_some(source)] == [0, 3, 4]
        assert source.damaged == 2
    assert caplog.text.count("passed over") == 2


def test_what_cannot_be_played_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    begin(tmp_path / "none").close()
    record(tmp_path / "a")
    torn = record(tmp_path / "torn")
    (torn / INDEX).unlink()
    complaints = {
        "recording:{tmp}/nowhere": FACTS,
        "recording:{tmp}/empty": FACTS,
        "recording:{tmp}/none": "holds no frame",
        "recording:{tmp}/torn": "No such file",
        "recording:{tmp}/a?speed=fast": "expected full or real",
        "recording:{tmp}/a?pace=real": "option 'pace' is not known; there are speed",
    }
    for uri, complaint in complaints.items():
        with pytest.raises(SourceError, match=complaint.replace("?", r"\?")) as caught:
            open_source(uri.format(tmp=tmp_path))
        assert str(caught.value).startswith(uri.format(tmp=tmp_path))
        assert "\n" not in str(caught.value)
