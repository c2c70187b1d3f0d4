"""A simulation as a video with a truth file beside it."""

import json
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import av
import msgspec
import numpy as np
import pytest

from nanotally.daemon.sources.file import FileSource
from nanotally.errors import DatasetError, EndOfFeed, UsageError
from nanotally.frame import Frame
from nanotally.generator.stage import Stage, parse_sim
from nanotally.generator.video import FrameLine, line_of, truth_path, write_video

URI = (
    "sim:?width=97&height=65&particles=20&size_px=12&fps=12.5&zoom=2"
    "&blank_every=8&blank_frames=2&freeze_every=7&freeze_frames=3"
)


@pytest.fixture(scope="module")
def stage() -> Stage:
    return Stage(parse_sim(URI))


def frames_of(video: Path) -> list[Frame]:
    """The frames as the daemon reads them."""
    frames: list[Frame] = []
    with closing(FileSource(video)) as source, suppress(EndOfFeed):
        while (frame := source.read(1.0)) is not None:
            frames.append(frame)
    return frames


def test_the_daemon_reads_a_lossless_video_back_byte_for_byte(tmp_path: Path, stage: Stage) -> None:
    totals = write_video(stage, tmp_path / "v.mkv", range(20))
    frames = frames_of(tmp_path / "v.mkv")
    assert [frame.number for frame in frames] == list(range(20))
    assert all(frame.image.tobytes() == stage.image(frame.number).tobytes() for frame in frames)
    assert frames[5].name == "v.mkv#t=0.400"
    assert totals["live"] + totals["frozen"] + totals["blank"] == 20


@pytest.mark.parametrize("size", ["", "&width=96&height=64"])
def test_h264_is_true_to_a_grey_level(tmp_path: Path, size: str) -> None:
    stage = Stage(parse_sim(URI + size))
    write_video(stage, tmp_path / "v.mp4", range(10))
    frames = frames_of(tmp_path / "v.mp4")
    assert len(frames) == 10
    off = np.array([np.abs(frame.image.astype(int) - stage.image(frame.number)).mean() for frame in frames])
    assert off.max() < 1


def test_the_truth_beside_it_is_that_of_every_frame(tmp_path: Path, stage: Stage) -> None:
    totals = write_video(stage, tmp_path / "v.mkv", range(20))
    lines = truth_path(tmp_path / "v.mkv").read_text().splitlines()
    assert [msgspec.json.decode(line, type=FrameLine) for line in lines] == [
        line_of(stage.truth(number)) for number in range(20)
    ]
    first, blank = json.loads(lines[0]), json.loads(lines[7])
    truth = stage.truth(0)
    assert (first["frame"], first["state"], first["nm_per_px"]) == (0, "live", 3.0)
    assert [particle["box"] for particle in first["particles"]] == truth.detections.xyxy.tolist()
    assert {particle["class"] for particle in first["particles"]} <= {"cube", "quasi_sphere"}
    np.testing.assert_allclose([p["visible"] for p in first["particles"]], truth.visible, atol=1e-4)
    np.testing.assert_allclose([p["size_nm"] for p in first["particles"]], truth.size_nm, atol=0.01)
    assert (blank["state"], blank["particles"]) == ("blank", [])
    states = [json.loads(line)["state"] for line in lines]
    assert {state: states.count(state) for state in ("live", "frozen", "blank")} == {
        state: totals[state] for state in ("live", "frozen", "blank")
    }
    assert totals["frozen"] > 0
    assert totals["particles"] == len({p["identity"] for line in lines for p in json.loads(line)["particles"]})


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_the_same_simulation_is_the_same_file(tmp_path: Path, stage: Stage, suffix: str) -> None:
    for name in ("one", "two"):
        write_video(stage, tmp_path / f"{name}{suffix}", range(5))
    assert (tmp_path / f"one{suffix}").read_bytes() == (tmp_path / f"two{suffix}").read_bytes()
    assert (tmp_path / "one.jsonl").read_bytes() == (tmp_path / "two.jsonl").read_bytes()


@pytest.mark.parametrize(("fps", "rate"), [("12.5", 12.5), ("0", 25), ("0.0001", 0.001)])
def test_a_video_has_the_pace_of_its_simulation(tmp_path: Path, fps: str, rate: float) -> None:
    write_video(Stage(parse_sim(f"sim:?width=64&height=64&particles=1&fps={fps}")), tmp_path / "v.mkv", range(3))
    with av.open(str(tmp_path / "v.mkv")) as video:
        assert float(video.streams.video[0].average_rate or 0) == pytest.approx(rate, rel=1e-3)


@pytest.mark.parametrize("there", ["v.mkv", "v.jsonl"])
def test_nothing_is_overwritten(tmp_path: Path, stage: Stage, there: str) -> None:
    (tmp_path / there).write_text("mine")
    with pytest.raises(UsageError, match=f"{there}: exists already"):
        write_video(stage, tmp_path / "v.mkv", range(2))
    assert [path.name for path in tmp_path.iterdir()] == [there]
    assert (tmp_path / there).read_text() == "mine"


def test_what_cannot_be_written_is_told(tmp_path: Path, stage: Stage) -> None:
    with pytest.raises(UsageError, match=r"v\.avi: a video is written as \.mkv or \.mp4"):
        write_video(stage, tmp_path / "v.avi", range(2))
    for out in (tmp_path / "nowhere" / "v.mkv", Path("/dev/null/v.mkv")):
        with pytest.raises(DatasetError, match=r"v\.mkv: cannot be written: No"):
            write_video(stage, out, range(2))


def test_nothing_is_left_of_a_video_that_was_broken_off(tmp_path: Path, stage: Stage) -> None:
    def interrupted() -> Iterator[int]:
        yield 0
        assert [path.name for path in tmp_path.iterdir() if not path.name.startswith(".")] == []
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_video(stage, tmp_path / "v.mkv", interrupted())
    assert list(tmp_path.iterdir()) == []
