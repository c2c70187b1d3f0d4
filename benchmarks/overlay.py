"""Whether viewers slow the detector: a daemon on the simulated stage, with and without people who look, in turns.

`python benchmarks/overlay.py` tells of every turn frames a second and the age of a result (p50, p99), by what the
daemon says in `detections`, and the processor time that the daemon took for a frame, which hardly depends on what else
the machine does. The viewers are WebSockets that read every picture and answer at once, in a process of their own on
the same machine: they cost what a browser's network does, not its drawing.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import re
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path

import numpy as np
import typer
from rich.console import Console
from rich.table import Table
from websockets.asyncio.client import connect

from nanotally.wire import DetectionsMessage, Subscriber

CONFIG = """
[source.main]
uri = "sim:?fps={fps:g}&width={width}&height={height}"
[publish]
endpoint = "ipc://{folder}/publish"
[control]
endpoint = "ipc://{folder}/control"
[journal]
directory = ""
[metrics]
enabled = false
"""
WAIT_S = 60.0
SETTLE_S = 3.0
"""After viewers came or went: their pictures are still subscribed to for a while."""


@dataclass(frozen=True)
class Turn:
    """What was measured for so many seconds.

    Attributes:
        frames_s: frames a second.
        ages_ms: of the results.
        cpu_ms: of the daemon for a frame.
        pictures_s: that all viewers got together.
    """

    frames_s: float
    ages_ms: list[float]
    cpu_ms: float
    pictures_s: float


def main(viewers: int = 10, fps: float = 5.0, seconds: float = 15.0, rounds: int = 2, size: str = "1280x960") -> None:
    """Print the table."""
    width, height = size.split("x")
    table = Table(
        "viewers", "frames/s", "age p50, ms", "age p99, ms", "daemon, CPU ms a frame", "pictures/s, all viewers"
    )
    told: dict[int, list[tuple[float, float, float]]] = {0: [], viewers: []}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "sem.toml").write_text(CONFIG.format(fps=fps, width=width, height=height, folder=folder))
        with (
            process(folder, "run", "--config", f"{folder}/sem.toml") as daemon,
            process(folder, "overlay", f"ipc://{folder}/publish", "--bind", "127.0.0.1:0"),
        ):
            port = int(awaited(folder / "overlay.txt", r"http://127\.0\.0\.1:(\d+)"))
            awaited(folder / "run.txt", r"source (main) is up")
            for _ in range(rounds):
                for many, figures in told.items():
                    turn = measured(f"ipc://{folder}/publish", port, many, seconds, daemon.pid)
                    p50, p99 = np.percentile(turn.ages_ms, (50, 99))
                    figures.append((turn.frames_s, float(p99), turn.cpu_ms))
                    cells = f"{turn.frames_s:.2f}", f"{p50:.0f}", f"{p99:.0f}", f"{turn.cpu_ms:.0f}"
                    table.add_row(str(many), *cells, f"{turn.pictures_s:.1f}")
    console = Console(width=120)
    cores, load = len(os.sched_getaffinity(0)), os.getloadavg()[0]
    console.print(
        f"sim: at {fps:g} frames/s of {size}, {seconds:g} s a turn, {cores} cores, load {load:.1f} at the end"
    )
    console.print(table)
    alone, watched = (np.median(figures, axis=0) for figures in told.values())
    frames, age, cpu = watched / alone
    console.print(f"{viewers} viewers for none: frames/s x {frames:.3f}, age p99 x {age:.2f}, CPU a frame x {cpu:.3f}")


@contextmanager
def process(folder: Path, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """A nanotally process that writes what it says into a file of the name of its verb."""
    with (folder / f"{words[0]}.txt").open("wb") as file:
        child = subprocess.Popen([sys.executable, "-m", "nanotally", *words], stdout=file, stderr=file)
    try:
        yield child
    finally:
        child.terminate()
        child.wait(WAIT_S)


def awaited(said: Path, wanted: str) -> str:
    """What a process says that was wanted, as soon as it says it."""
    deadline_s = time.monotonic() + WAIT_S
    while time.monotonic() < deadline_s:
        if found := re.search(wanted, said.read_text()):
            return found[1]
        time.sleep(0.1)
    raise SystemExit(said.read_text())


def cpu_ms_of(pid: int) -> float:
    """Processor time that a process has taken so far."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return 1000 * (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def measured(endpoint: str, port: int, viewers: int, seconds: float, daemon: int) -> Turn:
    """A turn with so many viewers."""
    context = multiprocessing.get_context("spawn")
    pictures = context.Value("q", 0)
    looking = context.Process(target=look, args=(port, viewers, pictures), daemon=True)
    looking.start()
    time.sleep(SETTLE_S)
    numbers, ages_ms = [], []
    with Subscriber(endpoint, kinds=("detections",)) as subscriber:
        before, cpu_ms, began_s = pictures.value, cpu_ms_of(daemon), time.monotonic()
        while time.monotonic() - began_s < seconds:
            item = subscriber.receive(0.2)
            if isinstance(item, DetectionsMessage):
                numbers.append(item.grabbed_ns)
                ages_ms.append(item.age_ms)
        pictures_s = (pictures.value - before) / (time.monotonic() - began_s)
        cpu_ms = (cpu_ms_of(daemon) - cpu_ms) / len(numbers)
    looking.terminate()
    looking.join()
    return Turn((len(numbers) - 1) * 1e9 / (numbers[-1] - numbers[0]), ages_ms, cpu_ms, pictures_s)


def look(port: int, viewers: int, pictures: Synchronized[int]) -> None:
    """Be so many viewers."""

    async def view() -> None:
        origin = f"http://127.0.0.1:{port}"
        async with connect(f"ws://127.0.0.1:{port}/ws/sem/main", origin=origin, max_size=None) as line:  # type: ignore[arg-type]
            async for message in line:
                if isinstance(message, bytes):
                    (length,) = struct.unpack("<I", message[:4])
                    pictures.value += 1
                    await line.send(json.dumps({"seen": json.loads(message[4 : 4 + length])["frame"]}))

    async def all_of_them() -> None:
        await asyncio.gather(*(view() for _ in range(viewers)))

    asyncio.run(all_of_them())


if __name__ == "__main__":
    typer.run(main)
