"""A microscope that a test plays, and a browser that looks at it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zmq
from overlay_site import until

from nanotally.generator.stage import Simulation, Stage
from nanotally.wire import DetectionsMessage, Subscriber

WAIT_S = 60.0
WIDTH, HEIGHT = 416, 320
QUIET = (
    "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser; the test is skipped where there is none."""
    program = pytest.importorskip("playwright.sync_api", reason="the Python package playwright is not installed")
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("chromium is not here: Debian package chromium")
    with program.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=path, chromium_sandbox=False, args=QUIET)
        yield browser
        browser.close()


@contextmanager
def opened(browser: Any, address: str, **options: Any) -> Iterator[Any]:
    """A page on which nothing goes wrong unseen."""
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
    page, page.faults = context.new_page(), []
    page.set_default_timeout(1000 * WAIT_S)
    page.on("console", lambda message: page.faults.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda fault: page.faults.append(str(fault)))
    try:
        page.goto(address)
        yield page
        assert page.faults == []
    finally:
        context.close()


class Sender:
    """A microscope that shows one place with fresh noise, four pictures a second.

    Attributes:
        mood: `live`, `frozen`: the same picture again, or `silent`: none.
    """

    def __init__(self, endpoint: str) -> None:
        stage = Stage(Simulation(width=WIDTH, height=HEIGHT, particles=60, size_px=30, speed_px=0, fields=1, seed=5))
        self._pictures = [np.ascontiguousarray(stage.image(number)) for number in range(4)]
        self.mood = "live"
        self._endpoint, self._over = endpoint, threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        with zmq.Context() as context, context.socket(zmq.PUSH) as socket:
            socket.linger = 0
            socket.sndhwm = 1
            socket.connect(self._endpoint)
            number = 0
            while not self._over.wait(0.25):
                number += self.mood == "live"
                if self.mood != "silent":
                    header = {"width": WIDTH, "height": HEIGHT, "name": f"{number}"}
                    picture = self._pictures[number % len(self._pictures)]
                    with suppress(zmq.Again):  # the daemon hangs, or is gone
                        socket.send_multipart([json.dumps(header).encode(), picture], zmq.NOBLOCK)

    def close(self) -> None:
        self._over.set()
        self._thread.join()


class Site:
    """Daemon, overlay and sender."""

    def __init__(self, folder: Path, address: str, daemon: subprocess.Popen[bytes], sender: Sender) -> None:
        self.folder, self.address, self.daemon, self.sender = folder, address, daemon, sender

    @contextmanager
    def paused(self) -> Iterator[None]:
        """The daemon hangs."""
        os.kill(self.daemon.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.daemon.pid, signal.SIGCONT)

    def detections(self) -> Subscriber:
        return Subscriber(f"ipc://{self.folder}/publish", kinds=("detections",))

    def await_detections(self, wanted: Callable[[DetectionsMessage], bool]) -> DetectionsMessage:
        """The next frame that is what is wanted."""
        with self.detections() as subscriber:
            return until(lambda: subscriber.receive(1), lambda one: isinstance(one, DetectionsMessage) and wanted(one))
