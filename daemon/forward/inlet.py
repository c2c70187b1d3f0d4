"""An inlet: one daemon, as a forwarder hears it."""

from __future__ import annotations

import logging
import time
from collections import Counter
from pathlib import Path

import msgspec
import zmq

from nanotally.daemon.forward.config import DaemonConfig
from nanotally.daemon.refusals import Refusals
from nanotally.errors import ConfigError, NanotallyError, WireError
from nanotally.wire import KINDS, ClientKeys, Topic
from nanotally.wire.curve import KeyPair, read_public, secure_client
from nanotally.wire.handshake import Handshakes
from nanotally.wire.header import from_json, to_json
from nanotally.wire.ipv6 import allow_ipv6
from nanotally.wire.replay import seen_from
from nanotally.wire.subscriber import HEARTBEAT_MS
from nanotally.wire.topics import prefix

log = logging.getLogger(__name__)

SILENT_S = 5.0
"""A daemon tells its status every second; after so long without a word it is not heard any more."""

MOST_TOPICS = 1000
"""Of one daemon: kinds times sources."""

WAITING_QUESTIONS = 64
"""To a journal that is slow to answer; more are refused."""

WAITING_PAGES = 4
"""Answers of a journal that wait here; more wait there."""


ALWAYS = ("detections", "counts", "status")
"""Kinds that are listened to whether anybody wants them or not, so what is missing of them was lost. Pictures are made,
and come, only while somebody wants them."""

OTHER = "other"
"""Stands for all kinds of message that a newer daemon may have."""

Context = zmq.Context[zmq.Socket[bytes]]


class Link:
    """A socket with one connection, which is tried again where it is refused.

    Attributes:
        socket, endpoint, handshakes: of the connection.
    """

    def __init__(self, context: Context, kind: int, endpoint: str, keys: ClientKeys | None) -> None:
        """Connect.

        Raises:
            ConfigError: if the endpoint is none.
        """
        self.endpoint, self.socket = endpoint, context.socket(kind)
        self.socket.linger = 0
        self.socket.setsockopt(zmq.HEARTBEAT_IVL, HEARTBEAT_MS)
        if kind == zmq.DEALER:
            self.socket.sndhwm, self.socket.rcvhwm = WAITING_QUESTIONS, WAITING_PAGES
            self.socket.setsockopt(zmq.IMMEDIATE, 1)  # no question waits for a daemon that is away
        self.handshakes = Handshakes(self.socket, endpoint)
        secure_client(self.socket, keys)
        allow_ipv6(self.socket, endpoint)
        try:
            self.socket.connect(endpoint)
        except zmq.ZMQError as error:
            self.close()
            raise ConfigError(f"{endpoint}: {error.strerror}") from error

    def close(self) -> None:
        """Disconnect."""
        self.handshakes.close()
        self.socket.close()


class Place(msgspec.Struct):
    """Of a message in its sequence, of the keys of its header."""

    run_id: str
    seq: int


class Inlet:
    """Hears one daemon, and asks its journal. Used by the forwarder's thread; counts may be read by any.

    Attributes:
        name: instance of the daemon; what it sends under another one is refused.
        news: what it publishes comes from this socket.
        journal: its answers come from this socket; None until it is known where it answers.
        messages: forwarded, by kind. A kind that no message of schema 1 has counts as `other`.
        sent_bytes: of them.
        missed: messages that never came here, as their numbers tell.
        refusals: messages that were none.
        sources: of which it has told.
        heard_s: monotonic clock when it was last heard; None before the first message.
    """

    def __init__(self, context: Context, name: str, config: DaemonConfig, own: KeyPair | None) -> None:
        """Connect; the daemon need not be there yet.

        Args:
            context: of the sockets.
            name: instance of the daemon.
            config: where it is.
            own: our keys, where it wants some.

        Raises:
            ConfigError: if its key file cannot be used, or an endpoint is none.
        """
        self.name, self._config, self._context = name, config, context
        self._keys = ClientKeys(own, read_public(Path(config.server_key))) if own and config.server_key else None
        self.messages: Counter[str] = Counter()
        self.sent_bytes = self.missed = 0
        self.refusals = Refusals(f"daemon {name}")
        self.sources: set[str] = set()
        self.heard_s: float | None = None
        self._was_heard = self._was_refused = False
        self._last: dict[Topic, Place] = {}
        self.news = Link(context, zmq.XSUB, config.endpoint, self._keys)
        self.journal: Link | None = None
        if config.replay:
            self._connect_journal(config.replay)
        for kind in ALWAYS:
            self.subscribe(prefix(kind))

    def subscribe(self, prefix: bytes) -> None:
        """Hear what begins with this."""
        self.news.socket.send(b"\x01" + prefix)

    def unsubscribe(self, prefix: bytes) -> None:
        """Hear it no more."""
        self.news.socket.send(b"\x00" + prefix)

    def take(self, *, replay: str | None) -> list[bytes] | None:
        """Parts of the next message as they go on; a status says that it was forwarded, and has our `replay`.

        None where it was heard before, or is no message of this daemon.

        Raises:
            zmq.Again: there is none.
        """
        parts = self.news.socket.recv_multipart(zmq.NOBLOCK)
        self.heard_s = time.monotonic()
        try:
            topic = Topic.parse(parts[0])
            place = msgspec.json.decode(parts[1], type=Place)
            if topic.instance != self.name:
                raise WireError(f"says that it is {topic.instance}; name it so in [daemon.NAME]")
            if len(self._last) == MOST_TOPICS and topic not in self._last:
                raise WireError(f"has more than {MOST_TOPICS} topics")
            if not self._is_next(topic, place):
                return None
            if topic.kind == "status":
                parts[1] = self._as_forwarded(parts[1], replay)
        except (NanotallyError, msgspec.DecodeError, ValueError, IndexError, RecursionError) as error:
            self.refusals.add(str(error))
            return None
        self.sources.add(topic.source)
        self.messages[topic.kind if topic.kind in KINDS else OTHER] += 1
        self.sent_bytes += sum(map(len, parts))
        return parts

    def _is_next(self, topic: Topic, place: Place) -> bool:
        """Whether a message comes behind the last of its topic; takes down how many are missing between them."""
        last = self._last.get(topic)
        if last is not None and last.run_id == place.run_id:
            if place.seq <= last.seq:
                return False
            if topic.kind in ALWAYS:
                self.missed += place.seq - last.seq - 1
        self._last[topic] = place
        return True

    def _as_forwarded(self, raw: bytes, replay: str | None) -> bytes:
        """Header of a status as it goes on. Where the daemon's journal answers is taken down, and ours told instead."""
        header = from_json(raw) | {"forwarded": True}
        told = header.get("replay")
        if isinstance(told, str):
            header["replay"] = replay
            if not self._config.replay:
                self._connect_journal(seen_from(self._config.endpoint, told))
        return to_json(header)

    def _connect_journal(self, endpoint: str) -> None:
        if self.journal is None or self.journal.endpoint != endpoint:
            if self.journal is not None:
                self.journal.close()
            self.journal = Link(self._context, zmq.DEALER, endpoint, self._keys)

    def follow(self) -> None:
        """Try again where we were refused, and say whether the daemon is heard. Now and then."""
        for link in filter(None, (self.news, self.journal)):
            link.handshakes.follow()
        refused = self.news.handshakes.refused
        if refused and not self._was_refused:
            log.warning("daemon %s: %s refuses this connection: its allow-list must hold our .key file, and "
                        "daemon.%s.server_key be its own", self.name, self._config.endpoint, self.name)  # fmt: skip
        if self.is_heard != self._was_heard:
            level, words = (logging.INFO, "is") if self.is_heard else (logging.WARNING, "is not")
            log.log(level, "daemon %s %s heard", self.name, words)
        self._was_heard, self._was_refused = self.is_heard, refused

    @property
    def is_heard(self) -> bool:
        """Whether anything came lately."""
        return self.heard_s is not None and time.monotonic() - self.heard_s < SILENT_S

    def close(self) -> None:
        """Disconnect."""
        for link in filter(None, (self.news, self.journal)):
            link.close()
