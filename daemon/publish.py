"""The ZeroMQ socket: sends messages, remembers who wants what, and gives late joiners the last status."""

from __future__ import annotations

import logging
import secrets
from collections import Counter

import numpy as np
import zmq
from numpy.typing import NDArray

from nanotally.daemon.gate import OPEN_GATE, Gate
from nanotally.daemon.refusals import Refusals
from nanotally.errors import ConfigError
from nanotally.opencv import cv2
from nanotally.wire import Message, Origin, StatusMessage, Topic, encode, topic_of
from nanotally.wire.ipv6 import allow_ipv6

log = logging.getLogger(__name__)

SEND_HIGH_WATER_MARK = 256
"""Messages kept for a subscriber that does not keep up; the rest is lost to it, and shows as a gap."""

LINGER_MS = 300
"""How long closing waits for the last messages to leave."""

LONGEST_TOPIC = 4096
"""In bytes; whoever subscribes to a longer one is disconnected."""

MOST_AT_ONCE = 256
"""Subscriptions that are looked at between two frames, so that a flood of them cannot hold the frames up."""

JPEG_QUALITY = 85


def to_jpeg(image: NDArray[np.uint8]) -> bytes:
    """Grey image (height, width) uint8 as a JPEG of the same size."""
    _, encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return encoded.tobytes()


def bind(socket: zmq.Socket[bytes], endpoint: str, *, key: str) -> str:
    """Bind a socket; the endpoint with the port that the system chose where it was asked to.

    Raises:
        ConfigError: if it cannot be bound. It names `key` of the configuration.
    """
    allow_ipv6(socket, endpoint)
    try:
        socket.bind(endpoint)
    except zmq.ZMQError as error:
        advice = "; does another instance run?" if error.errno == zmq.EADDRINUSE else ""
        raise ConfigError(f"{key} {endpoint}: {zmq.strerror(error.errno or 0)}{advice}") from error
    return socket.getsockopt_string(zmq.LAST_ENDPOINT)


def _named(prefix: bytes) -> str:
    """A topic or the beginning of one, for people."""
    return repr(prefix[:80].decode(errors="replace"))


class Publisher:
    """Publishes on one XPUB socket. Used by one thread.

    Attributes:
        run_id: drawn for this run of the daemon.
        endpoint: that was bound, with the port that the system chose where it was asked to.
        gate: that it is behind.
        refusals: messages of subscribers that were no subscriptions.
    """

    def __init__(self, endpoint: str, *, instance: str, gate: Gate = OPEN_GATE) -> None:
        """Bind `endpoint` behind a gate.

        Raises:
            ConfigError: if it cannot be bound.
        """
        self.run_id = secrets.token_hex(8)
        self._instance = instance
        self._sent: Counter[Topic] = Counter()
        self._last_status: dict[Topic, list[bytes]] = {}
        self._wanted: set[bytes] = set()
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.XPUB)
        self._socket.linger = LINGER_MS
        self._socket.sndhwm = SEND_HIGH_WATER_MARK
        self._socket.maxmsgsize = LONGEST_TOPIC
        # Without it only the first subscriber to a topic is seen, and no later one would get the last status.
        self._socket.setsockopt(zmq.XPUB_VERBOSE, 1)
        self.gate, self.refusals = gate, Refusals("publish")
        self._unguard = gate.guard(self._socket)
        try:
            self.endpoint = bind(self._socket, endpoint, key="publish.endpoint")
        except ConfigError:
            self.close()
            raise

    def next_origin(self, kind: str, source: str) -> Origin:
        """Origin of the next message of a topic."""
        return Origin(self.run_id, self._instance, source, self.sent(kind, source) + 1)

    def sent(self, kind: str, source: str) -> int:
        """Messages of a topic sent so far: also the sequence number of the last one."""
        return self._sent[Topic(kind, self._instance, source)]

    @property
    def subscriptions(self) -> int:
        """How many different topic prefixes are subscribed to."""
        return len(self._wanted)

    def is_wanted(self, kind: str, source: str) -> bool:
        """Whether anybody subscribes to a topic."""
        topic = bytes(Topic(kind, self._instance, source))
        return any(topic.startswith(prefix) for prefix in self._wanted)

    def send(self, message: Message, parts: list[bytes] | None = None) -> None:
        """Send to whoever subscribes. Never waits: a subscriber that does not keep up loses messages.

        Args:
            message: to send.
            parts: the message, where it is encoded already.
        """
        topic, parts = topic_of(message), parts or encode(message)
        self._sent[topic] = message.origin.seq
        if isinstance(message, StatusMessage):
            self._last_status[topic] = parts
        self._socket.send_multipart(parts)

    def answer_subscribers(self) -> None:
        """Take note of who came and went; whoever now subscribes to a status gets the last one again."""
        for _ in range(MOST_AT_ONCE):
            if not self._socket.poll(0):
                return
            self._answer(self._socket.recv())

    def _answer(self, event: bytes) -> None:
        change, prefix = event[:1], event[1:]
        if change == b"\x01":
            self._join(prefix)
        elif change == b"\x00":
            self._wanted.discard(prefix)
            log.info("nobody subscribes to %s any more", _named(prefix))
        else:
            self.refusals.add("a message that is no subscription")

    def _join(self, prefix: bytes) -> None:
        if prefix not in self._wanted:
            log.info("somebody subscribes to %s", _named(prefix))
        self._wanted.add(prefix)
        for topic, parts in self._last_status.items():
            if bytes(topic).startswith(prefix):
                self._socket.send_multipart(parts)

    def close(self) -> None:
        """Send what still waits, for at most 0.3 s, and close. May be called twice."""
        self._socket.close()
        self._unguard()
        self._context.term()
