"""A subscriber that tells what it missed."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

import zmq

from nanotally.wire.codec import decode, topic_of
from nanotally.wire.curve import ClientKeys, secure_client
from nanotally.wire.handshake import Handshakes
from nanotally.wire.ipv6 import allow_ipv6
from nanotally.wire.messages import Message
from nanotally.wire.origin import Origin
from nanotally.wire.topics import KINDS, Topic, check_name, prefix

ENDPOINT = "tcp://127.0.0.1:5757"
"""Where a daemon publishes unless it is told otherwise."""

LOOK_UP_S = 0.1
"""How often a waiting subscriber looks up to see whether it was closed."""

HEARTBEAT_MS = 2000
"""How often the connection is tried when nothing is said; a cut cable is noticed after twice that."""


@dataclass(frozen=True)
class Gap:
    """Messages of one topic that never arrived. Comes before the message that gave it away.

    Attributes:
        topic: where they are missing.
        missed: how many are missing of the run of the next message.
        restarted: True if that run is another one than before: the daemon was started again, and what the old
            run sent after its last message received is not known.
        before: origin of the last message received, after: of the next.
    """

    topic: Topic
    missed: int
    restarted: bool
    before: Origin
    after: Origin


class Subscriber:
    """Receives what a daemon publishes, reconnects by itself, and tells gaps.

        with Subscriber("tcp://127.0.0.1:5757", kinds=["counts"]) as subscriber:
            for item in subscriber:
                ...  # a Message, or a Gap where messages are missing before the next one

    Receive in one thread; close from any, or from a signal handler.
    """

    def __init__(
        self,
        endpoint: str = ENDPOINT,
        *,
        kinds: Sequence[str] = KINDS,
        instance: str | None = None,
        source: str | None = None,
        keys: ClientKeys | None = None,
    ) -> None:
        """Connect to `endpoint`; it need not be there yet.

        Args:
            endpoint: of the daemon.
            kinds: what to receive. `frames` and `contours` cost bandwidth: they are made only while somebody listens.
            instance: only this microscope.
            source: only this feed.
            keys: where the daemon wants some.

        Raises:
            WireError: if `instance` or `source` cannot be a name.
            zmq.ZMQError: if `endpoint` is not one.
        """
        self.endpoint = endpoint
        self._source = None if source is None else check_name(source)
        prefixes = [prefix(kind, instance, source) for kind in kinds]
        self._last: dict[Topic, Origin] = {}
        self._after_gap: Message | None = None
        self._closed = False
        self._in_use = threading.Lock()
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.SUB)
        self._socket.linger = 0
        self._handshakes = Handshakes(self._socket, endpoint)
        try:
            self._socket.setsockopt(zmq.HEARTBEAT_IVL, HEARTBEAT_MS)
            secure_client(self._socket, keys)
            allow_ipv6(self._socket, endpoint)
            self._socket.connect(endpoint)
            for topic in prefixes:
                self._socket.subscribe(topic)
        except zmq.ZMQError:
            self.close()
            raise

    @property
    def refused(self) -> bool:
        """Whether the daemon does not let us in: our key is not in its allow-list, or `keys` are missing or of another.

        It is tried again for as long as there is a receive.
        """
        return self._handshakes.refused

    def receive(self, timeout_s: float) -> Message | Gap | None:
        """Next message, or the gap before it, or None if nothing came within `timeout_s`.

        Raises:
            WireError: a message broke the wire format. It is lost; the next call goes on behind it.
            EOFError: the subscriber is closed.
        """
        deadline = time.monotonic() + timeout_s
        with self._in_use:
            item = self._receive(deadline)
        if self._closed:
            self.close()  # who set the flag found the socket in use and left it to us
            if item is None:
                raise EOFError("the subscriber is closed")
        return item

    def _receive(self, deadline: float) -> Message | Gap | None:
        item: Message | Gap | None = self._after_gap
        self._after_gap = None
        while item is None and not self._closed:
            self._handshakes.follow()
            left_s = max(0.0, deadline - time.monotonic())
            if self._socket.poll(round(1000 * min(left_s, LOOK_UP_S))):
                item = self._in_sequence(decode(self._socket.recv_multipart()))
            elif not left_s:
                break
        return item

    def _in_sequence(self, message: Message) -> Message | Gap | None:
        """Message, or the gap before it, or None for one that came before or is not wanted."""
        topic, after = topic_of(message), message.origin
        if self._source not in (None, topic.source):
            return None
        before = self._last.get(topic)
        restarted = before is not None and before.run_id != after.run_id
        if before is not None and not restarted and after.seq <= before.seq:
            return None
        self._last[topic] = after
        expected = 1 if before is None or restarted else before.seq + 1
        if before is None or (after.seq == expected and not restarted):
            return message
        self._after_gap = message
        return Gap(topic, after.seq - expected, restarted, before, after)

    def __iter__(self) -> Subscriber:
        return self

    def __next__(self) -> Message | Gap:
        """Next item, however long it takes; ends when the subscriber is closed."""
        while True:
            try:
                item = self.receive(LOOK_UP_S)
            except EOFError:
                raise StopIteration from None
            if item is not None:
                return item

    def close(self) -> None:
        """Disconnect. May be called twice, from any thread and from a signal handler.

        A receive that is under way ends within a tenth of a second, and closes the socket.
        """
        self._closed = True
        if self._in_use.acquire(blocking=False):
            try:
                self._handshakes.close()
                self._socket.close()
                self._context.term()
            finally:
                self._in_use.release()

    def __enter__(self) -> Subscriber:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
