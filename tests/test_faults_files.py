"""What may happen to files: each is a state that is published, a metric and a line in the log; see docs/faults.md."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest
from faulty import FAULTY, HEALTHY, config_of, running, said
from source_parts import free_port, header, sender, write_video

from nanotally.daemon.sources import watch
from nanotally.opencv import cv2

SHAPES = [(48, 64), (41, 63), (1, 1), (3, 2000), (700, 5), (48, 64, 3), (41, 63, 3)]
"""Even and odd, tiny and long, grey and coloured."""


@pytest.fixture(autouse=True)
def _log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """That is watched, without patience."""
    monkeypatch.setattr(watch, "POLL_S", 0.02)
    monkeypatch.setattr(watch, "SETTLE_S", 0.1)
    (tmp_path / "saved").mkdir()
    return tmp_path / "saved"


def grey(shape: tuple[int, ...], dtype: str = "uint8", seed: int = 0) -> np.ndarray:
    """Noise with three particles for the stand-in detector, 8 bits wide or 16."""
    image = np.random.default_rng(seed).integers(0, 255, shape, np.uint8)
    image[0, 0] = 3
    return image if dtype == "uint8" else image.astype(np.uint16) * 257


def encoded(image: np.ndarray) -> bytes:
    return bytes(cv2.imencode(".tif", image)[1])


def test_a_half_written_file_waits_and_is_counted_when_it_is_whole(tmp_path: Path, folder: Path) -> None:
    whole = encoded(grey((48, 64)))
    with running(config_of(tmp_path, f"watch:{folder}")) as daemon:
        with (folder / "slow.tif").open("wb") as file:
            file.write(whole[: len(whole) // 2])
            file.flush()
            for _ in range(3):
                daemon.goes_on()
            half = daemon.status(lambda told: True)
            assert (half.frames_grabbed, half.last_offset) == (0, None)
            file.write(whole[len(whole) // 2 :])
        told = daemon.frame()
        assert (told.file, told.state, sum((told.counts or {}).values())) == ("slow.tif", "live", 3)
        assert daemon.metric("frames_captured_total", source=FAULTY) == 1
        assert daemon.metric("frames_dropped_total", source=FAULTY, reason="damaged") == 0


def test_a_corrupt_file_is_damaged_and_the_next_is_counted(
    tmp_path: Path, folder: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "GIVE_UP_S", 0.3)
    with running(config_of(tmp_path, f"watch:{folder}")) as daemon:
        (folder / "corrupt.tif").write_bytes(encoded(grey((48, 64)))[:-500])
        damaged = daemon.status(lambda told: told.frames_dropped > 0)
        assert (damaged.frames_grabbed, damaged.frames_dropped, damaged.frames_processed) == (1, 1, 0)
        assert daemon.metric("frames_dropped_total", source=FAULTY, reason="damaged") == 1
        said(caplog, f"passed over: {folder}/corrupt.tif")
        daemon.goes_on()
        (folder / "good.tif").write_bytes(encoded(grey((48, 64))))
        assert daemon.frame().file == "good.tif"


def test_a_video_that_is_cut_off_ends_with_what_is_missing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    video = write_video(tmp_path / "cut.avi", frames=10)
    raw = video.read_bytes()
    video.write_bytes(raw[: len(raw) * 2 // 3])
    with running(config_of(tmp_path, f"file:{video}")) as daemon:
        ended = daemon.status(lambda told: told.source_state == "ended")
        assert 0 < ended.frames_grabbed - ended.frames_dropped < 10
        assert ended.frames_grabbed == 10
        assert daemon.metric("frames_dropped_total", source=FAULTY, reason="damaged") == ended.frames_dropped
        assert daemon.metric("source_up", source=FAULTY) == 0
        said(caplog, f"passed over: file:{video} breaks off: ")
        daemon.goes_on()


def test_files_of_every_depth_colour_and_size_are_counted(tmp_path: Path, folder: Path) -> None:
    with running(config_of(tmp_path, f"watch:{folder}")) as daemon:
        for number, (shape, dtype) in enumerate((shape, dtype) for dtype in ("uint8", "uint16") for shape in SHAPES):
            (folder / f"{number}.tif").write_bytes(encoded(grey(shape, dtype)))
            told = daemon.frame()
            assert (told.height, told.width, told.state) == (*shape[:2], "live")
            assert sum((told.counts or {}).values()) == 3
        daemon.goes_on()
        assert daemon.metric("frames_processed_total", source=FAULTY) == 2 * len(SHAPES)
        assert daemon.metric("frames_dropped_total", source=FAULTY, reason="damaged") == 0


def test_a_live_feed_may_change_depth_colour_and_size_from_frame_to_frame(tmp_path: Path) -> None:
    endpoint = f"tcp://127.0.0.1:{free_port()}"
    with running(config_of(tmp_path, f"zmq:{endpoint}")) as daemon, sender(endpoint) as send:
        for number, (shape, dtype) in enumerate((shape, dtype) for shape in SHAPES for dtype in ("uint8", "uint16")):
            image = grey(shape, dtype, seed=number)
            channels = 1 if image.ndim == 2 else 3
            assert send(header(image, dtype=dtype, channels=channels, name=str(number)), image.tobytes())
            told = daemon.frame()
            assert (told.height, told.width, told.file) == (*shape[:2], str(number))
        assert daemon.status(lambda told: True).frames_dropped == 0
        daemon.goes_on()


def test_a_full_disk_stops_nothing_but_the_journal(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stand-in for the disk, so that metric and log can be read here; test_kills has a daemon with real limits."""

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with running(config_of(tmp_path, "sim:?width=96&height=64&particles=3&fps=20")) as daemon:
        before = daemon.frame().offset
        with monkeypatch.context() as disk:
            disk.setattr(os, "writev", full)
            fault = daemon.status(lambda told: told.journal_fault is not None)
            assert "No space left on device" in str(fault.journal_fault)
            assert daemon.frame(lambda told: told.offset is None).counts is not None
            said(caplog, "journal not written: ")
            daemon.goes_on()
            assert daemon.metric("messages_not_journalled_total", source=FAULTY) > 0
            assert daemon.metric("messages_not_journalled_total", source=HEALTHY) > 0
        after = daemon.frame(lambda told: told.offset is not None).offset
        assert (before or 0) < (after or 0)
        said(caplog, "is written again")
        daemon.status(lambda told: told.journal_fault is None)
        daemon.goes_on()
