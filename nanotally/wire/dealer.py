"""A client that asks a daemon: a DEALER socket that is connected anew where no answer came."""

from __future__ import annotations

from contextlib import suppress

import zmq

from nanotally.wire.curve import ClientKeys, secure_client
from nanotally.wire.ipv6 import allow_ipv6


class Dealer:
    """A connection to one of a daemon's sockets that answer. Used by one thread.

    Attributes:
        endpoint: of the daemon.
    """

    def __init__(self, endpoint: str, *, keys: ClientKeys | None = None) -> None:
        """Connect; the daemon need not be there yet.

        Args:
            endpoint: of the daemon.
            keys: where the daemon wants some.

        Raises:
            zmq.ZMQError: if `endpoint` is not one.
        """
        self.endpoint = endpoint
        self._keys = keys
        self._context = zmq.Context()
        self._connect()

    def _connect(self) -> None:
        self._socket = self._context.socket(zmq.DEALER)
        self._socket.linger = 0
        try:
            secure_client(self._socket, self._keys)
            allow_ipv6(self._socket, self.endpoint)
            self._socket.connect(self.endpoint)
        except zmq.ZMQError:
            self.close()
            raise

    def _send(self, question: bytes) -> None:
        with suppress(zmq.Again):  # a socket that was refused would wait for ever
            self._socket.send(question, zmq.NOBLOCK)

    def _reconnect(self) -> None:
        """Leave behind what is still to be sent, and answers that come late."""
        self._socket.close()
        self._connect()

    def close(self) -> None:
        """Disconnect. May be called twice."""
        self._socket.close()
        self._context.term()
