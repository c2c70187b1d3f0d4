"""A daemon and the overlay as processes of their own, and what a page does with them."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

WAIT_S = 30.0
STAND_IN = Path(__file__).with_name("stand_in_daemon.py")
CONFIG = """
instance = "{instance}"
[source.main]
uri = "sim:?fps=10&width=96&height=64"
{more}
[publish]
endpoint = "ipc://{folder}/{instance}-publish"
[replay]
endpoint = "ipc://{folder}/{instance}-replay"
[control]
endpoint = "ipc://{folder}/{instance}-control"
[journal]
directory = "{folder}/journal"
[metrics]
enabled = false
"""


def endpoints(folder: Path, instance: str = "sem") -> list[str]:
    return [f"ipc://{folder}/{instance}-publish", "--control", f"ipc://{folder}/{instance}-control"]


@contextmanager
def process(words: list[str], said: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that writes what it says into a file; it is ended with the block."""
    with said.open("ab") as file:
        child = subprocess.Popen([sys.executable, *words], stdout=file, stderr=file, stdin=subprocess.DEVNULL)
    try:
        yield child
    finally:
        child.terminate()
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait(10)


@contextmanager
def daemon(folder: Path, *, instance: str = "sem", more: str = "") -> Iterator[subprocess.Popen[bytes]]:
    """A daemon with a stand-in for its detector."""
    config = folder / f"{instance}.toml"
    config.write_text(CONFIG.format(folder=folder, instance=instance, more=more))
    with process([str(STAND_IN), str(config)], folder / f"{instance}.txt") as child:
        yield child


@dataclass
class Page:
    """What a browser does.

    Attributes:
        port: of the overlay.
        said: file with what it says.
        cookie: of who is logged in.
    """

    port: int
    said: Path
    process: subprocess.Popen[bytes]
    cookie: str = field(default="")

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(self, path: str, body: bytes | None = None, **headers: str) -> tuple[int, http.client.HTTPMessage, bytes]:
        """GET, or POST where there is a body; status, headers and body of the answer."""
        asking = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT_S)
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        given = {"Cookie": self.cookie, **({} if body is None else {"Origin": self.origin}), **given}
        try:
            asking.request("GET" if body is None else "POST", path, body, {k: v for k, v in given.items() if v})
            answer = asking.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            asking.close()

    def json(self, path: str, body: object = None, **headers: str) -> Any:
        """Answer to a question, which must be a good one."""
        status, _, raw = self.ask(path, None if body is None else json.dumps(body).encode(), **headers)
        assert status == 200, raw
        return json.loads(raw)

    def microscopes(self) -> dict[str, dict[str, Any]]:
        return {f"{m['instance']}/{m['source']}": m for m in self.json("/api/microscopes")["microscopes"]}

    def await_microscopes(self, wanted: Callable[[dict[str, dict[str, Any]]], bool]) -> dict[str, dict[str, Any]]:
        return until(self.microscopes, wanted)

    def watch(self, name: str = "sem/main", **options: Any) -> ClientConnection:
        """The WebSocket of a microscope."""
        given: dict[str, Any] = {"origin": self.origin, "max_size": None, "open_timeout": WAIT_S}
        headers = {"Cookie": self.cookie} if self.cookie else {}
        return connect(f"ws://127.0.0.1:{self.port}/ws/{name}", additional_headers=headers, **{**given, **options})


@contextmanager
def overlay(folder: Path, *words: str) -> Iterator[Page]:
    """A running overlay."""
    said = folder / f"overlay-{time.monotonic_ns()}.txt"
    with process(["-m", "nanotally", "overlay", *words, "--bind", "127.0.0.1:0"], said) as child:
        found = until(lambda: re.search(r"http://[\d.]+:(\d+)", said.read_text()), bool, alive=child)
        yield Page(int(found[1]), said, child)


def until(read: Callable[[], Any], wanted: Callable[[Any], bool], alive: subprocess.Popen[bytes] | None = None) -> Any:
    """What `read` gives as soon as it is what is wanted."""
    deadline = time.monotonic() + WAIT_S
    value = None
    while time.monotonic() < deadline:
        value = read()
        if wanted(value):
            return value
        assert alive is None or alive.poll() is None
        time.sleep(0.05)
    raise AssertionError(f"waited in vain, last was {value!r}")


def texts(socket: ClientConnection, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The first text that is what is wanted."""
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        message = socket.recv(timeout=WAIT_S)
        if isinstance(message, str) and wanted(json.loads(message)):
            return dict(json.loads(message))
    raise AssertionError("waited in vain")


def picture(socket: ClientConnection) -> tuple[dict[str, Any], bytes]:
    """Facts and JPEG of the next picture; its outlines, a row a particle, are passed over."""
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        message = socket.recv(timeout=WAIT_S)
        if isinstance(message, bytes):
            (length,) = struct.unpack("<I", message[:4])
            facts = json.loads(message[4 : 4 + length])
            outlines = facts["outlines"]
            assert outlines is None or outlines["bytes"] == 4 * outlines["points"] * len(facts["particles"]["x1"])
            return facts, message[4 + length + (outlines["bytes"] if outlines else 0) :]
    raise AssertionError("waited in vain")


def kill(child: subprocess.Popen[bytes]) -> None:
    os.kill(child.pid, signal.SIGKILL)
    child.wait(10)
