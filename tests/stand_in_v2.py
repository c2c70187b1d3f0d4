"""A stand-in for an inference server: says what Triton said, byte for byte, or what a test has it say or do."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from nanotally.bundle import Bundle, Manifest

GOLDEN = Path(__file__).parent / "golden" / "v2_triton"
MANIFEST = Manifest(
    schema=1,
    name="as-recorded",
    sha256="597a91b38387d35c8749e980926d4496150787230bf530020b1a1f99031305b8",
    classes=("cube", "quasi_sphere"),
    input_size_px=416,
    stride=32,
    thresholds={"cube": 0.5, "quasi_sphere": 0.5},
)
"""Of the network that was served when the answers were recorded."""
BUNDLE = Bundle(Path(), MANIFEST)

PATHS = {
    "GET /v2": "about",
    "GET /v2/models/nanotally/ready": "ready",
    "GET /v2/models/nanotally": "metadata",
    "GET /v2/models/nanotally/versions/1/config": "config",
    "POST /v2/models/nanotally/versions/1/infer": "infer",
}

Act = Callable[[socket.socket, bytes], bool | None]
"""With a connection and the body that came over it. Whether it is closed then."""


def recorded(name: str) -> bytes:
    """A raw answer."""
    return (GOLDEN / f"{name}.http").read_bytes()


def http(status: int, body: bytes = b"", **headers: str) -> bytes:
    """Another one."""
    lines = [f"HTTP/1.1 {status} Words", f"Content-Length: {len(body)}"]
    lines += [f"{key.replace('_', '-')}: {value}" for key, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def resetting(raw: bytes = b"") -> Act:
    """Sends this much, and breaks the connection as a process that is killed does."""

    def act(connection: socket.socket, body: bytes) -> bool:
        connection.sendall(raw)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return True

    return act


class StandInServer:
    """Answers each request by what it begins with, on connections that stay open.

    Attributes:
        port: it listens on.
        answers: raw answer, or what is done instead, by `METHOD PATH`.
        asked: what came: request line without the version, and body.
        connections: how many there were.
    """

    def __init__(self, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self.answers: dict[str, bytes | Act] = {path: recorded(name) for path, name in PATHS.items()}
        self.asked: list[tuple[str, bytes]] = []
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", port), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                if self._tls:
                    connection = self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
                self.connections += 1
                self._open.append(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError, ValueError), connection, connection.makefile("rb") as file:
            while line := file.readline():
                fields = dict(field.decode().lower().split(": ") for field in iter(file.readline, b"\r\n"))
                body = file.read(int(fields["content-length"]))
                asked = line.decode().rpartition(" ")[0]
                self.asked.append((asked, body))
                answer = self.answers.get(asked, http(404, b'{"error":"no such path"}'))
                if isinstance(answer, bytes):
                    connection.sendall(answer)
                elif answer(connection, body):
                    return

    def close(self) -> None:
        """Go away at once, with every connection."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.hang_up()
        self._thread.join(10)

    def hang_up(self) -> None:
        """Close every connection."""
        for connection in self._open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def stand_in(port: int = 0, tls: ssl.SSLContext | None = None) -> Iterator[StandInServer]:
    """A server for as long as the block runs."""
    server = StandInServer(port, tls)
    try:
        yield server
    finally:
        with suppress(OSError):
            server.close()
