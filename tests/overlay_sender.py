"""A daemon's publishing socket, which sends whatever it is given."""

from __future__ import annotations

from dataclasses import replace

import zmq
from told import status

from nanotally.wire import encode


class Sender:
    """Publishes; a subscriber to two kinds must join before anything is sent."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint, self.seq = endpoint, 0
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.XPUB)
        self.socket.linger = 0
        self.socket.bind(endpoint)

    def await_subscriber(self) -> None:
        for _ in ("status", "counts"):
            assert self.socket.poll(20_000)
            self.socket.recv()

    def send_status(self, source: str = "main") -> int:
        self.seq += 1
        told = status(self.seq)
        parts = encode(replace(told, origin=replace(told.origin, source=source)))
        self.socket.send_multipart(parts)
        return self.seq

    def close(self) -> None:
        self.socket.close()
        self.context.term()
