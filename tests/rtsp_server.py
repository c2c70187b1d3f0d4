"""A small RTSP server for tests: RFC 2326 as far as a client needs it, JPEG over RTP (RFC 2435) interleaved."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Callable
from fractions import Fraction

import av
import numpy as np
from numpy.typing import NDArray

SDP = b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=sem\r\nt=0 0\r\nm=video 0 RTP/AVP 26\r\na=control:track1\r\n"
FPS = 25


class RtspServer:
    """Serves `rtsp://127.0.0.1:PORT/sem` to one client after the other until it is closed.

    Attributes:
        port: it listens on.
        silent_after: pictures; then the connection stays and nothing comes.
    """

    def __init__(self, picture: Callable[[int], NDArray[np.uint8]], port: int = 0) -> None:
        self._picture = picture
        self._listening = socket.create_server(("127.0.0.1", port))
        self._listening.settimeout(0.05)
        self.port = int(self._listening.getsockname()[1])
        self.silent_after = 10**9
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        self._over.set()
        self._thread.join(10)

    def _serve(self) -> None:
        with self._listening:
            while not self._over.is_set():
                try:
                    connection, _ = self._listening.accept()
                except TimeoutError:
                    continue
                with connection:
                    connection.settimeout(5)
                    try:
                        self._answer(connection)
                    except OSError:
                        continue

    def _answer(self, connection: socket.socket) -> None:
        asked = b""
        while not self._over.is_set() and (more := connection.recv(4096)):
            asked += more
            while b"\r\n\r\n" in asked:
                request, _, asked = asked.partition(b"\r\n\r\n")
                verb, url = request.split()[:2]
                found = re.search(rb"CSeq: *(\d+)", request)
                assert found is not None
                sequence, body, extra = found[1], b"", b""
                if verb == b"DESCRIBE" and not url.endswith(b"/sem"):
                    connection.sendall(b"RTSP/1.0 404 Not Found\r\nCSeq: " + sequence + b"\r\n\r\n")
                    continue
                if verb == b"DESCRIBE":
                    body, extra = SDP, b"Content-Base: " + url + b"/\r\nContent-Type: application/sdp\r\n"
                if verb == b"SETUP":
                    extra = b"Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n"
                connection.sendall(
                    b"RTSP/1.0 200 OK\r\nCSeq: %b\r\nSession: 7\r\nPublic: DESCRIBE, SETUP, PLAY, TEARDOWN\r\n%b"
                    b"Content-Length: %d\r\n\r\n%b" % (sequence, extra, len(body), body)
                )
                if verb == b"PLAY":
                    self._play(connection)
                    return

    def _play(self, connection: socket.socket) -> None:
        """Send pictures until somebody has had enough. FFmpeg makes the packets, on their way through a socket."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as packets:
            packets.bind(("127.0.0.1", 0))
            packets.settimeout(5)
            with av.open(f"rtp://127.0.0.1:{packets.getsockname()[1]}", "w", format="rtp") as container:
                stream = container.add_stream("mjpeg", rate=FPS, options={"huffman": "default"})
                stream.height, stream.width = self._picture(0).shape
                stream.pix_fmt, stream.thread_count = (
                    "yuvj420p",
                    1,
                )  # threads would write slices, which RFC 2435 has not
                number = 0
                while not self._over.is_set():
                    if number < self.silent_after:
                        self._send(connection, packets, container, stream, number)
                        number += 1
                    time.sleep(1 / FPS)

    def _send(self, connection: socket.socket, packets: socket.socket, container, stream, number: int) -> None:  # type: ignore[no-untyped-def]
        frame = av.VideoFrame.from_ndarray(self._picture(number), format="gray")
        frame.pts, frame.time_base = number, Fraction(1, FPS)
        container.mux(stream.encode(frame))
        last = False
        while not last:
            packet = packets.recv(65536)
            last = bool(packet[1] & 0x80)
            connection.sendall(b"$\0" + len(packet).to_bytes(2, "big") + packet)
