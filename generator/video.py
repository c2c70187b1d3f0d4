"""A simulation as a video file, with a truth file beside it: one line of JSON a frame."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TextIO, cast

import av
import msgspec
from av.container import OutputContainer
from av.video.reformatter import ColorRange
from av.video.stream import VideoStream

from nanotally.detections import CLASSES
from nanotally.errors import DatasetError, UsageError
from nanotally.frame import FrameState
from nanotally.generator.stage import FrameTruth, Simulation, Stage


@dataclass(frozen=True)
class Coding:
    """How a video is written."""

    container: str
    codec: str
    options: dict[str, str]


CODINGS = {
    ".mkv": Coding("matroska", "ffv1", {}),
    ".mp4": Coding("mp4", "libx264", {"crf": "8"}),
}
"""By the suffix of the file. FFV1 loses nothing, H.264 with this factor half a grey level on average."""
PACE_FPS = 25
"""Frames a second of a video whose simulation has no pace of its own."""


class ParticleLine(msgspec.Struct, frozen=True, rename={"class_name": "class"}):
    """What a truth file says of a particle: its fields are those of `FrameTruth`."""

    identity: int
    class_name: str
    box: tuple[int, int, int, int]
    visible: float
    size_nm: float


class FrameLine(msgspec.Struct, frozen=True):
    """A line of a truth file: its fields are those of `Moment`, and the particles."""

    frame: int
    shown: int
    state: FrameState
    nm_per_px: float
    x_nm: float
    y_nm: float
    defocus_px: float
    charging: float
    particles: list[ParticleLine]


def truth_path(video: Path) -> Path:
    """The truth file beside a video."""
    return video.with_suffix(".jsonl")


def write_video(stage: Stage, out: Path, numbers: Iterable[int]) -> dict[str, int]:
    """Write frames as a grey video, and their truth beside it; both files appear when they are complete.

    Args:
        stage: what is filmed.
        out: the video, .mkv (FFV1, lossless) or .mp4 (H.264); the truth is beside it as .jsonl.
        numbers: of the frames, in their order.

    Returns:
        How many frames there are of each state, and how many different particles were seen.

    Raises:
        UsageError: if the suffix is another one, or one of the files exists.
        DatasetError: if they cannot be written.
    """
    coding = CODINGS.get(out.suffix.lower())
    if coding is None:
        raise UsageError(f"{out}: a video is written as {' or '.join(CODINGS)}")
    for path in (out, truth_path(out)):
        if path.exists():
            raise UsageError(f"{path}: exists already; choose another name")
    container_options = {"fflags": "+bitexact"}  # no random numbers of its own
    try:
        with TemporaryDirectory(dir=out.parent, prefix=".simulate-") as place:
            film, told = Path(place) / out.name, truth_path(Path(place) / out.name)
            with (
                told.open("w") as truths,
                av.open(str(film), "w", format=coding.container, container_options=container_options) as video,
            ):
                totals = _film(stage, numbers, video, _stream(video, coding, stage.simulation), truths)
            told.rename(truth_path(out))
            film.rename(out)
    except (OSError, av.error.FFmpegError) as error:
        raise DatasetError(f"{out}: cannot be written: {error.strerror}") from error
    return totals


def _stream(video: OutputContainer, coding: Coding, simulation: Simulation) -> VideoStream:
    pace = Fraction(simulation.fps or PACE_FPS).limit_denominator(1000)
    rate = max(pace, Fraction(1, 1000))
    stream = cast(VideoStream, video.add_stream(coding.codec, rate=rate, options=coding.options))
    stream.width, stream.height, stream.pix_fmt = simulation.width, simulation.height, "gray"
    stream.codec_context.color_range = ColorRange.JPEG  # black is 0, not 16
    return stream


def _film(
    stage: Stage, numbers: Iterable[int], video: OutputContainer, stream: VideoStream, truths: TextIO
) -> dict[str, int]:
    totals = {"live": 0, "frozen": 0, "blank": 0}
    seen: set[int] = set()
    for number in numbers:
        picture = av.VideoFrame.from_ndarray(stage.image(number), format="gray")
        picture.color_range = ColorRange.JPEG
        video.mux(stream.encode(picture))
        truth = stage.truth(number)
        truths.write(msgspec.json.encode(line_of(truth)).decode() + "\n")
        totals[truth.moment.state] += 1
        seen.update(truth.identity.tolist())
    video.mux(stream.encode())
    return {**totals, "particles": len(seen)}


def line_of(truth: FrameTruth) -> FrameLine:
    """What a truth file says of a frame."""
    rows = zip(
        truth.identity.tolist(),
        truth.detections.class_id.tolist(),
        truth.detections.xyxy.astype(int).tolist(),
        truth.visible.tolist(),
        truth.size_nm.tolist(),
        strict=True,
    )
    moment = truth.moment
    return FrameLine(
        frame=moment.number,
        shown=moment.shown,
        state=moment.state,
        nm_per_px=moment.nm_per_px,
        x_nm=round(moment.x_nm, 3),
        y_nm=round(moment.y_nm, 3),
        defocus_px=round(moment.defocus_px, 3),
        charging=moment.charging,
        particles=[
            ParticleLine(identity, CLASSES[class_id], tuple(box), round(visible, 4), round(size_nm, 2))
            for identity, class_id, box, visible, size_nm in rows
        ],
    )
