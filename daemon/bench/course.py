"""The course of a measurement: the engine alone, the daemon as fast as it can, the engine again, the daemon at ease.

A machine is busy with other things at one moment and not at the next, so what is compared is measured in turns.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from nanotally.daemon.bench.figures import Run, figures
from nanotally.daemon.bench.footage import Footage
from nanotally.daemon.bench.listener import Heard
from nanotally.daemon.config import (
    Config,
    ControlConfig,
    JournalConfig,
    MetricsConfig,
    ModelConfig,
    PublishConfig,
    ReplayConfig,
    SourceConfig,
)
from nanotally.daemon.loading import load_detector
from nanotally.daemon.looking import Looking
from nanotally.daemon.service import Service
from nanotally.detect import Detector, DetectSettings, Engine
from nanotally.detect.batches import Look
from nanotally.detect.pipeline import Pipeline, Sight
from nanotally.errors import NanotallyError

WARM_S = 1.0
"""Of each run, what does not count."""
AHEAD = 1.1
"""So much faster than the engine alone frames are pushed to find the highest rate: one is always there, and few are
read in vain."""
EASE = 0.8
"""Share of the highest rate at which the age is measured."""
PATIENCE_S = 30.0
"""How long the listener may take to tell what it heard."""


@dataclass(frozen=True)
class Result:
    """What was measured.

    Attributes:
        engine: what ran the network, and on which processor.
        cores: that this process may use.
        model: name of the bundle.
        width, height: of a frame, pixels.
        tiles: of a frame.
        flat_out: the daemon when there is always a frame waiting.
        at_ease: the daemon at `EASE` of that rate.
    """

    engine: str
    cores: int
    model: str
    width: int
    height: int
    tiles: int
    flat_out: Run
    at_ease: Run


class Lent:
    """An engine that outlives the daemons it is lent to, and remembers the last batch of each size.

    It stays in the thread that loaded it.
    """

    def __init__(self, engine: Engine, thread: Looking) -> None:
        self.name, self.precision, self.description = engine.name, engine.precision, engine.description
        self._engine, self._thread = engine, thread
        self._batches: dict[tuple[int, ...], NDArray[np.float32]] = {}

    def infer(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """As the engine does."""
        self._batches[batch.shape[2:]] = batch
        return self._thread.do(partial(self._engine.infer, batch))

    def again_ms(self, for_s: float) -> float:
        """Median milliseconds of the last frame, again and again."""
        return self._thread.do(partial(self._again_ms, for_s))

    def _again_ms(self, for_s: float) -> float:
        took: list[float] = []
        until_s = time.monotonic() + for_s
        while not took or time.monotonic() < until_s:
            begun = time.monotonic_ns()
            self._once()
            took.append((time.monotonic_ns() - begun) / 1e6)
        return float(np.median(took))

    def _once(self) -> None:
        for batch in self._batches.values():
            self._engine.infer(batch)

    def close(self) -> None:
        """Not yet."""


class LentPipeline(Lent):
    """The same of an engine that keeps its tiles to itself: what is repeated is its last look, from field to box."""

    def __init__(self, engine: Engine, pipeline: Pipeline, thread: Looking) -> None:
        super().__init__(engine, thread)
        self._pipeline = pipeline
        self._last: tuple[Sequence[Look], NDArray[np.float32]] = (), np.zeros(0, np.float32)

    def look(self, looks: Sequence[Look], thresholds: NDArray[np.float32]) -> Sight:
        """As the engine does."""
        self._last = looks, thresholds
        return self._thread.do(partial(self._pipeline.look, looks, thresholds))

    def _once(self) -> None:
        self._pipeline.look(*self._last)


def lend(engine: Engine, thread: Looking) -> Lent:
    """Lend an engine, with its pipeline if it has one."""
    return LentPipeline(engine, engine, thread) if isinstance(engine, Pipeline) else Lent(engine, thread)


def bench(footage: Footage, *, bundle: str = "", engine: str = "auto", seconds: float = 10.0) -> Result:
    """Measure.

    Args:
        footage: frames that are shown.
        bundle: folder of the model bundle; "": the one that ships with nanotally.
        engine: what runs it.
        seconds: how long each of the two runs of the daemon is; the engine alone has half of that four times,
            the first to settle.

    Raises:
        NanotallyError: the daemon could not start, or nothing came of it.
    """
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        footage.save(folder / "footage.npz")
        config = _config(folder, ModelConfig(bundle=bundle, engine=engine))
        thread = Looking()
        loaded = thread.do(partial(load_detector, config))
        lent = lend(loaded.engine, thread)
        detector = Detector(loaded.bundle, lent, config.detect)
        height, width = footage.images.shape[1:]
        tiles = detector.detect(footage.images[0, : height - footage.databar_px]).tiles
        lent.again_ms(seconds / 2)  # an engine may settle on sizes that come again and again
        alone_ms = [lent.again_ms(seconds / 2)]
        runs: list[Run] = []
        for _ in range(2):
            fps = EASE * runs[0].fps if runs else AHEAD * 1000 / alone_ms[0]
            heard = _shown(folder, config, detector, fps=fps, seconds=seconds)
            alone_ms.append(lent.again_ms(seconds / 2))
            engine_ms = (alone_ms[-2] + alone_ms[-1]) / 2
            run = figures(heard, asked_fps=fps, engine_ms=engine_ms, warm_s=WARM_S)
            if run is None:
                raise NanotallyError(f"{len(heard.told)} frames in {seconds:g} s are too few; give it more seconds")
            runs.append(run)
        thread.do(loaded.engine.close)
        thread.close()
    model, cores = loaded.bundle.manifest.name, len(os.sched_getaffinity(0))
    return Result(lent.description, cores, model, width, height, tiles, *runs)


def _config(folder: Path, model: ModelConfig) -> Config:
    """A daemon with journal, whose sockets are files in `folder`."""
    return Config(
        instance="bench",
        source={"main": SourceConfig(uri=f"zmq:ipc://{folder}/frames")},
        model=model,
        detect=DetectSettings(scale=1.0),  # else frames may differ in what they ask of the engine
        publish=PublishConfig(endpoint=f"ipc://{folder}/publish"),
        control=ControlConfig(endpoint=f"ipc://{folder}/control"),
        replay=ReplayConfig(endpoint=f"ipc://{folder}/replay"),
        metrics=MetricsConfig(enabled=False),
    )


def _shown(folder: Path, config: Config, detector: Detector, *, fps: float, seconds: float) -> Heard:
    """Let a daemon look at the footage at `fps` for some seconds; what a subscriber heard."""
    with tempfile.TemporaryDirectory(dir=folder) as journal:
        service = Service(replace(config, journal=JournalConfig(directory=journal)), lambda _: detector)
        end = threading.Timer(seconds + WARM_S, service.stop)
        with (
            _child("listener", config.publish.endpoint) as listener,
            _child("sender", f"ipc://{folder}/frames", str(folder / "footage.npz"), f"{fps:.3f}"),
        ):
            end.start()
            try:
                service.run()
            finally:
                end.cancel()
            words, _ = listener.communicate(timeout=PATIENCE_S)
    return msgspec.json.decode(words, type=Heard)


@contextmanager
def _child(module: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process of its own, from when it says that it is ready."""
    command = [sys.executable, "-m", f"nanotally.daemon.bench.{module}", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            if process.stdout is None or not process.stdout.readline():
                raise NanotallyError(f"the {module} of the measurement did not start")
            yield process
        finally:
            process.kill()
