import logging
from collections.abc import Iterator
from contextlib import closing
from importlib.metadata import EntryPoint
from pathlib import Path

import av
import numpy as np
import pytest
from source_parts import NAMES, number_of, read_some, write_folder, write_video

from nanotally.daemon import sources
from nanotally.daemon.sources import open_source
from nanotally.errors import EndOfFeed, SourceError
from nanotally.frame import Source
from nanotally.opencv import cv2


@pytest.fixture(params=["dir", "file", "sim, live", "sim, replay"])
def finite(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Source]:
    """Every kind of source that has an end."""
    uris = {
        "dir": lambda: f"dir:{write_folder(tmp_path / 'folder')}",
        "file": lambda: f"file:{write_video(tmp_path / 'video.avi')}",
        "sim, live": lambda: "sim:?width=96&height=64&particles=3&frames=3&fps=50",
        "sim, replay": lambda: "sim:?width=96&height=64&particles=3&frames=3&fps=0",
    }
    with closing(open_source(uris[request.param]())) as opened:
        yield opened


def test_the_end_stays_the_end(finite: Source) -> None:
    read_some(finite)
    for _ in range(2):
        with pytest.raises(EndOfFeed):
            finite.read(0.5)


def test_folder_is_read_once_in_natural_order(tmp_path: Path) -> None:
    with closing(open_source(f"dir:{write_folder(tmp_path / 'a')}")) as source:
        assert [frame.name for frame in read_some(source)] == list(NAMES)


def test_window_of_an_image_is_told(tmp_path: Path) -> None:
    for name, dtype in (("a.png", np.uint8), ("b.png", np.uint16)):
        cv2.imwrite(str(tmp_path / name), np.arange(48 * 64).reshape(48, 64).astype(dtype))
    with closing(open_source(str(tmp_path))) as source:
        assert [frame.window for frame in read_some(source)] == [(0, 255), (0, 65535)]


def test_damaged_image_is_logged_counted_and_passed_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = write_folder(tmp_path / "a")
    (folder / "grid_3.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    (folder / "grid_99.tif").write_bytes(b"")
    with caplog.at_level(logging.WARNING), closing(open_source(str(folder))) as source:
        frames = read_some(source)
        assert [(frame.number, frame.name) for frame in frames] == [(0, NAMES[0]), (2, NAMES[1]), (3, NAMES[2])]
        assert source.damaged == 2
    assert [("grid_3.png" in m, "grid_99.tif" in m) for m in caplog.messages] == [(True, False), (False, True)]


def test_folder_of_damaged_images_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"no picture")
    with closing(open_source(str(tmp_path))) as source:
        assert source.read(0) is None
        with pytest.raises(SourceError, match="none of 1 images") as caught:
            source.read(0)
        assert not isinstance(caught.value, EndOfFeed)


@pytest.mark.real
def test_folder_of_real_micrographs_tells_pixel_sizes(shared_data: Path) -> None:
    with closing(open_source(f"dir:{shared_data / 'vendor' / 'zeiss'}")) as source:
        frame = read_some(source)[0]
    assert frame.nm_per_px is not None
    assert frame.pixel_size_from


def test_every_frame_of_a_video_comes_with_its_time(tmp_path: Path) -> None:
    with closing(open_source(str(write_video(tmp_path / "v.avi", frames=12)))) as source:
        frames = read_some(source)
    assert [frame.name for frame in frames[:3]] == ["v.avi#t=0.000", "v.avi#t=0.040", "v.avi#t=0.080"]
    assert [number_of(frame.image) for frame in frames] == list(range(12))


def test_wall_clock_of_a_video_is_that_of_its_recording(tmp_path: Path) -> None:
    began = "2026-03-14T15:09:26Z"
    video = write_video(tmp_path / "v.mp4", codec="mpeg4", creation_time=began)
    with closing(open_source(str(video))) as source:
        walls = [frame.wall_ns / 1e9 for frame in read_some(source)]
    assert walls[0] == 1773500966
    assert walls[2] - walls[0] == pytest.approx(0.08, abs=1e-3)


def test_damaged_frame_of_a_video_is_passed_over(tmp_path: Path) -> None:
    video = write_video(tmp_path / "v.avi", frames=10)
    with av.open(str(video)) as container:
        second = list(container.demux(video=0))[1]
    raw = bytearray(video.read_bytes())
    picture_at = raw.index(bytes(second))
    raw[picture_at : picture_at + second.size] = bytes(second.size)
    video.write_bytes(raw)
    with closing(open_source(str(video))) as source:
        numbers = [frame.number for frame in read_some(source)]
        assert numbers == [0, 2, 3, 4, 5, 6, 7, 8, 9]
        assert source.damaged == 1


def test_video_that_breaks_off_gives_what_it_has(tmp_path: Path) -> None:
    video = write_video(tmp_path / "v.avi", frames=10)
    raw = video.read_bytes()
    video.write_bytes(raw[: len(raw) * 2 // 3])
    with closing(open_source(str(video))) as source:
        assert 0 < len(read_some(source)) < 10


@pytest.mark.parametrize(
    ("uri", "complaint"),
    [
        ("dir:{tmp}/nowhere", "no such file or folder"),
        ("dir:{tmp}/empty", "no micrograph in this folder"),
        ("file:{tmp}/nowhere.mp4", "No such file"),
        ("{tmp}/nowhere", "No such file"),
        ("file:{tmp}/text.mp4", "cannot be opened as a video"),
        ("file:{tmp}/empty", "Is a directory"),
        ("v4l3:/dev/video0", "unknown kind of source v4l3:; there are dir:, file:, gst:"),
        ("sim:?colour=3", "option 'colour' is not known"),
    ],
)
def test_feed_that_cannot_be_opened_is_one_line(tmp_path: Path, uri: str, complaint: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(SourceError) as caught:
        open_source(uri.format(tmp=tmp_path))
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


def test_sound_is_not_a_video(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.wav"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        sound.rate = 8000
        container.mux(stream.encode(sound))
    with pytest.raises(SourceError, match="holds no video stream"):
        open_source(str(tmp_path / "a.wav"))


@pytest.mark.parametrize("form", ["{path}", "dir:{path}", "dir://{path}"])
def test_path_may_be_written_in_three_ways(tmp_path: Path, form: str) -> None:
    folder = write_folder(tmp_path / "a")
    with closing(open_source(form.format(path=folder))) as source:
        assert source.uri == f"dir:{folder}"


def test_single_image_is_a_folder_of_one(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "a")
    with closing(open_source(str(folder / NAMES[0]))) as source:
        assert [frame.name for frame in read_some(source)] == [NAMES[0]]


def test_package_whose_source_cannot_be_imported_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = EntryPoint("gige", "no_such_sdk.camera:open_gige", sources.GROUP)
    monkeypatch.setattr(sources, "entry_points", lambda group: [broken])
    with pytest.raises(SourceError, match=r"^gige:1: no_such_sdk\.camera:open_gige failed with ModuleNotFoundError"):
        open_source("gige:1")
    with pytest.raises(SourceError, match=r"there are dir:, file:, gige:, gst:"):
        open_source("usb:1")
