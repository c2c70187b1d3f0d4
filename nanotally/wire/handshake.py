"""Handshakes: whether a daemon lets a client in, which libzmq tells only who asks."""

from __future__ import annotations

import time

import zmq
from zmq.utils.monitor import recv_monitor_message

EVENTS = (
    zmq.EVENT_HANDSHAKE_SUCCEEDED
    | zmq.EVENT_HANDSHAKE_FAILED_AUTH
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
)

TRY_AGAIN_S = 1.0
"""After a refusal: libzmq takes it as final, but a key may be allowed later."""


class Handshakes:
    """Follows those of a client's socket. Made before the socket connects; used by the socket's thread.

    Attributes:
        refused: whether the last one failed: the daemon does not know our key, is another one, or one wants keys and
            the other has none.
    """

    def __init__(self, socket: zmq.Socket[bytes], endpoint: str) -> None:
        self._socket, self._endpoint = socket, endpoint
        self._monitor = socket.get_monitor_socket(EVENTS)
        self._again_s = 0.0
        self.refused = False

    def follow(self) -> None:
        """Take note of what has happened since, and try again after a refusal."""
        while self._monitor.poll(0):
            event = recv_monitor_message(self._monitor)["event"]
            self.refused = event != zmq.EVENT_HANDSHAKE_SUCCEEDED
            self._again_s = time.monotonic() + TRY_AGAIN_S
        if self.refused and time.monotonic() >= self._again_s:
            self._again_s = time.monotonic() + TRY_AGAIN_S
            self._socket.disconnect(self._endpoint)
            self._socket.connect(self._endpoint)

    def close(self) -> None:
        """End, before the socket is closed. May be called twice."""
        if not self._monitor.closed:
            self._socket.disable_monitor()
            self._monitor.close()
