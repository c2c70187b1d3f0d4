"""A thread that answers on a ROUTER socket of its own; the main loop never waits for whoever asks."""

from __future__ import annotations

import threading

import zmq

from nanotally.daemon.gate import Gate
from nanotally.daemon.publish import bind
from nanotally.daemon.refusals import Refusals
from nanotally.errors import ConfigError

LOOK_UP_MS = 100
"""How soon a stop is heard."""

JOIN_S = 0.3


class RouterThread(threading.Thread):
    """Binds when it is made; from `start` on the socket belongs to the thread, whose `run` closes it at the end.

    Attributes:
        endpoint: that was bound, with the port that the system chose where it was asked to.
        refusals: what was asked and made no sense.
    """

    def __init__(self, name: str, endpoint: str, *, longest: int, waiting: int, gate: Gate) -> None:
        """Bind `endpoint`.

        Args:
            name: of the table of the configuration.
            endpoint: to bind.
            longest: message in bytes; whoever sends more is disconnected.
            waiting: answers kept for somebody who asks and does not read; the rest is lost to him.
            gate: who may connect.

        Raises:
            ConfigError: if it cannot be bound.
        """
        super().__init__(name=name, daemon=True)
        self.refusals = Refusals(name)
        self._stopping = threading.Event()
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.ROUTER)
        self._socket.linger = 0
        self._socket.sndhwm = waiting
        self._socket.maxmsgsize = longest
        self._unguard = gate.guard(self._socket)
        try:
            self.endpoint = bind(self._socket, endpoint, key=f"{name}.endpoint")
        except ConfigError:
            self.close()
            raise

    def close(self) -> None:
        """End the thread and give the endpoint back."""
        self._stopping.set()
        if self.ident is None:
            self._socket.close()
        else:
            self.join(JOIN_S)
        if not self.is_alive():  # else a disk hangs, and the process must still be able to end
            self._unguard()
            self._context.term()
