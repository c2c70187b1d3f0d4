"""The outlet: where subscribers hear all daemons."""

from __future__ import annotations

import zmq

from nanotally.daemon.gate import Gate
from nanotally.daemon.publish import LINGER_MS, LONGEST_TOPIC, MOST_AT_ONCE, SEND_HIGH_WATER_MARK, bind
from nanotally.daemon.refusals import Refusals
from nanotally.errors import ConfigError

Change = tuple[bool, bytes]
"""Whether somebody now wants what begins with this, or nobody any more."""


class Outlet:
    """An XPUB socket. Gives everybody who joins the last status of each source again. Used by the forwarder's thread.

    Attributes:
        socket: for whoever polls it.
        endpoint: that was bound, with the port that the system chose where it was asked to.
        refusals: messages of subscribers that were no subscriptions.
        wanted: prefixes of topics that somebody subscribes to.
    """

    def __init__(self, endpoint: str, *, daemons: int, gate: Gate) -> None:
        """Bind `endpoint` behind a gate; a slow subscriber has as much time as with each of the daemons.

        Raises:
            ConfigError: if it cannot be bound.
        """
        self.refusals = Refusals("publish")
        self.wanted: set[bytes] = set()
        self._last_status: dict[bytes, list[bytes]] = {}
        self._context = zmq.Context()
        self.socket = self._context.socket(zmq.XPUB)
        self.socket.linger = LINGER_MS
        self.socket.sndhwm = SEND_HIGH_WATER_MARK * daemons
        self.socket.maxmsgsize = LONGEST_TOPIC
        self.socket.setsockopt(zmq.XPUB_VERBOSE, 1)  # else only the first subscriber to a topic would be seen
        self._unguard = gate.guard(self.socket)
        try:
            self.endpoint = bind(self.socket, endpoint, key="publish.endpoint")
        except ConfigError:
            self.close()
            raise

    def send(self, parts: list[bytes]) -> None:
        """Send to whoever subscribes. Never waits: a subscriber that does not keep up loses messages."""
        if parts[0].startswith(b"status/"):
            self._last_status[parts[0]] = parts
        self.socket.send_multipart(parts)

    def answer_subscribers(self) -> list[Change]:
        """Take note of who came and went; gives what is wanted now and was not before, or the other way round."""
        changes = []
        for _ in range(MOST_AT_ONCE):
            if not self.socket.poll(0):
                break
            event = self.socket.recv()
            change, prefix = event[:1], event[1:]
            if change == b"\x01":
                changes += [] if prefix in self.wanted else [(True, prefix)]
                self.wanted.add(prefix)
                self._repeat(prefix)
            elif change != b"\x00":
                self.refusals.add("a message that is no subscription")
            elif prefix in self.wanted:
                self.wanted.remove(prefix)
                changes.append((False, prefix))
        return changes

    def _repeat(self, prefix: bytes) -> None:
        for topic, parts in self._last_status.items():
            if topic.startswith(prefix):
                self.socket.send_multipart(parts)

    def close(self) -> None:
        """Send what still waits, for at most 0.3 s, and close."""
        self.socket.close()
        self._unguard()
        self._context.term()
