"""`nanotally demo`: the whole path on this machine, with a picture at the end.

A simulated microscope goes through a real daemon in a process of its own; a real logger in another writes the counts;
this process subscribes too, and since it knows the simulation it can say what the daemon found, missed and invented.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from nanotally.cli import app
from nanotally.detections import CLASSES
from nanotally.errors import NanotallyError
from nanotally.measure.matching import match
from nanotally.wire import DetectionsMessage, FrameMessage, StatusMessage, Subscriber

if TYPE_CHECKING:
    from nanotally.generator.stage import Stage

PATIENCE_S = 60.0
"""How long the demo waits for the next word of the daemon before it gives up."""
SEEN_SHARE = 0.5
"""A particle of which less than this lies in the field is neither asked for nor held against the detector."""
CONFIG = """
instance = "demo"
[source.stage]
uri = "{source}"
[model]
bundle = "{model}"
[detect]
levels = 1
[publish]
endpoint = "{endpoint}"
[control]
endpoint = "{endpoint}-control"
[metrics]
port = 0
"""
Tally = NDArray[np.int64]


def _none() -> Tally:
    return np.zeros(len(CLASSES), np.int64)


@dataclass
class Score:
    """What the daemon found, missed and invented, a class.

    Attributes:
        true, found, false: (classes,) int64, summed over frames.
        frames: how many were compared.
        dropped: how many the daemon dropped because a newer one was there.
        ages_ms: age of each result when it was made.
        first_ns, last_ns: when the first and the last frame compared were grabbed.
    """

    true: Tally = field(default_factory=_none)
    found: Tally = field(default_factory=_none)
    false: Tally = field(default_factory=_none)
    frames: int = 0
    dropped: int = 0
    ages_ms: list[float] = field(default_factory=list)
    first_ns: int = 0
    last_ns: int = 0

    def add(self, message: DetectionsMessage, stage: Stage) -> None:
        """Compare one frame with the truth of the simulation."""
        true = stage.truth(message.frame)
        truth, found = true.detections, message.detections
        matches = match(found, truth)
        asked = true.visible >= SEEN_SHARE
        many = len(CLASSES)
        self.true += np.bincount(truth.class_id[asked], minlength=many)
        self.found += np.bincount(truth.class_id[asked & matches.found], minlength=many)
        self.false += np.bincount(found.class_id[matches.truth_of < 0], minlength=many)
        self.frames += 1
        self.ages_ms.append(message.age_ms)
        self.first_ns = self.first_ns or message.grabbed_ns
        self.last_ns = message.grabbed_ns


@app.command()
def demo(
    *,
    out: Annotated[Path, typer.Option(help="Folder for overlay.png and counts.csv.")] = Path("demo"),
    model: Annotated[Path | None, typer.Option(help="Bundle folder; left out: the default model.")] = None,
    frames: Annotated[int, typer.Option(min=2, help="Frames to show.")] = 40,
    fps: Annotated[float, typer.Option(min=0.1, help="Frames a second of the simulated microscope.")] = 5.0,
    seed: Annotated[int, typer.Option(min=0, help="Of the simulation.")] = 1,
) -> None:
    """Count simulated nanoparticles: microscope, daemon and subscriber on this machine, under half a minute."""
    from nanotally.generator.stage import Stage, parse_sim

    source = f"sim:?frames={frames}&fps={fps:g}&seed={seed}"
    stage = Stage(parse_sim(source))
    out.mkdir(parents=True, exist_ok=True)
    counts = out / "counts.csv"
    counts.unlink(missing_ok=True)
    print(f"a simulated stage ({source}) goes through the daemon for {frames / fps:.0f} s ...", flush=True)
    with tempfile.TemporaryDirectory() as place:
        endpoint = f"ipc://{place}/publish"
        config = Path(place) / "demo.toml"
        config.write_text(CONFIG.format(source=source, model=model.resolve() if model else "", endpoint=endpoint))
        logger = ["log", endpoint, "--to", str(counts), "--until-ended"]
        with (
            Subscriber(endpoint, kinds=("detections", "frames", "status")) as subscriber,
            _child(logger, Path(place) / "log.txt"),
            _child(["run", "--config", str(config)], Path(place) / "daemon.txt") as daemon,
        ):
            score = _follow(subscriber, daemon, stage, out / "overlay.png", Path(place) / "daemon.txt")
    _print(score, stage)
    print(f"\npicture: {out / 'overlay.png'}\ncounts:  {counts}")


@contextmanager
def _child(verb: list[str], output: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A nanotally process of its own: it may end by itself, or is ended after a few seconds."""
    with output.open("wb") as file:
        process = subprocess.Popen([sys.executable, "-m", "nanotally", *verb], stdout=file, stderr=file)
    try:
        yield process
        process.wait(5)
    except subprocess.TimeoutExpired:
        pass
    finally:
        process.terminate()
        process.wait(10)


def _follow(
    subscriber: Subscriber, daemon: subprocess.Popen[bytes], stage: Stage, picture: Path, output: Path
) -> Score:
    """Compare frame by frame until the daemon says that the feed has ended; the last frame becomes `picture`."""
    score, last = Score(), None
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        item = subscriber.receive(0.5)
        if item is None and daemon.poll() is not None:
            break
        if isinstance(item, DetectionsMessage):
            score.add(item, stage)
            last, deadline = item, time.monotonic() + PATIENCE_S
        elif isinstance(item, FrameMessage) and last is not None and item.frame == last.frame:
            _draw(item, last, picture)
        elif isinstance(item, StatusMessage):
            score.dropped = item.frames_dropped
            if item.stopping:
                return score
    words = output.read_text(errors="replace").strip().splitlines() or ["it said nothing"]
    raise NanotallyError(f"the daemon went silent after {score.frames} frames; its last words: {words[-1]}")


def _draw(frame: FrameMessage, told: DetectionsMessage, picture: Path) -> None:
    from nanotally.draw import overlay
    from nanotally.opencv import cv2

    image = np.asarray(cv2.imdecode(np.frombuffer(frame.image, np.uint8), cv2.IMREAD_GRAYSCALE), np.uint8)
    nm_per_px = told.nm_per_px[0] if told.nm_per_px else None
    cv2.imwrite(str(picture), overlay(image, told.detections, classes=told.classes, nm_per_px=nm_per_px))


def _print(score: Score, stage: Stage) -> None:
    seconds = (score.last_ns - score.first_ns) / 1e9
    age50, age99 = np.percentile(score.ages_ms, [50, 99])
    size = f"{stage.simulation.width}x{stage.simulation.height}"
    print(
        f"\n{score.frames} frames of {size} px, {score.dropped} dropped, "
        f"{(score.frames - 1) / seconds:.1f} frames a second"
    )
    print(f"age of a result: p50 {age50:.0f} ms, p99 {age99:.0f} ms\n")
    print(f"{'class':<14}{'in the field':>13}{'found':>8}{'missed':>8}{'false':>8}{'found %':>9}")
    for i, name in enumerate(CLASSES):
        true, found = int(score.true[i]), int(score.found[i])
        share = f"{100 * found / true:.1f}" if true else "-"
        print(f"{name:<14}{true:>13}{found:>8}{true - found:>8}{int(score.false[i]):>8}{share:>9}")
