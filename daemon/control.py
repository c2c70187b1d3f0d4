"""Control: a thread that takes requests and gives the answers back. What is asked is done by the main loop."""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

import msgspec
import zmq

from nanotally.daemon.gate import OPEN_GATE, Gate
from nanotally.daemon.router import LOOK_UP_MS, RouterThread
from nanotally.wire.control import encode_answer

log = logging.getLogger(__name__)

LONGEST_REQUEST = 65536
"""In bytes; whoever sends more is disconnected."""

MOST_WAITING = 32
"""Requests that wait for the main loop; more are refused."""

MOST_KNOWN = 256
"""Requests whose answer is kept, so that one whose answer was lost is not carried out twice."""

WAITING_ANSWERS = 256
"""Answers kept for somebody who asks and does not read; the rest is lost to him."""


class Request(msgspec.Struct, frozen=True):
    """What somebody asks. Keys that are not known are passed over.

    Attributes:
        id: drawn anew by who asks, for every request.
        verb: what to do.
        args: with what, by name.
    """

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    verb: str
    args: dict[str, Any] = {}


@dataclass
class Known:
    """A request that came over the socket.

    Attributes:
        raw: as it came.
        request: what it asks.
        who: asks: the name of a key, or an address; None where that is not known.
        envelope: where the answer goes: to who asked last.
        answer: as it goes over the socket; None until there is one.
    """

    raw: bytes
    request: Request
    who: str | None
    envelope: list[bytes] = field(default_factory=list)
    answer: bytes | None = None


class ControlServer(RouterThread):
    """Takes requests, one after the other, and hands them to the main loop.

    Attributes:
        settings_sha256: by source; goes with every answer. Set by the main loop.
    """

    def __init__(self, endpoint: str, *, ring: Callable[[], None], gate: Gate = OPEN_GATE) -> None:
        """Bind `endpoint`; from `start` on the socket belongs to the thread.

        Args:
            endpoint: to bind.
            ring: called in the thread when a request waits.
            gate: who may connect.

        Raises:
            ConfigError: if it cannot be bound.
        """
        # First, because a socket that cannot be bound is closed at once, and this with it.
        self._answers = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        super().__init__("control", endpoint, longest=LONGEST_REQUEST, waiting=WAITING_ANSWERS, gate=gate)
        self._ring = ring
        self._known: dict[str, Known] = {}
        self._waiting: deque[Known] = deque()
        self._answered: deque[Known] = deque()
        self.settings_sha256: Mapping[str, str] = {}

    def run(self) -> None:
        """Take requests and give answers until `close`."""
        poller = zmq.Poller()
        poller.register(self._socket, zmq.POLLIN)
        poller.register(self._answers, zmq.POLLIN)
        while not self._stopping.is_set():
            ready = dict(poller.poll(LOOK_UP_MS))
            if self._answers in ready:
                os.eventfd_read(self._answers)
            if self._socket in ready:
                # A REQ socket puts an empty part before its request, a DEALER none: both get back what they sent.
                *envelope, request = self._socket.recv_multipart(copy=False)
                self._receive([part.bytes for part in envelope], request.bytes, _who(request))
            self._give_answers()
        self._socket.close()

    def close(self) -> None:
        """End the thread, and give the endpoint and what wakes the thread back. May be called twice."""
        super().close()
        if self._answers >= 0 and not self.is_alive():
            os.close(self._answers)
            self._answers = -1

    def take(self) -> Known | None:
        """The request that waits longest, or None. For the main loop, which answers it."""
        if not self._waiting:
            return None
        taken = self._waiting.popleft()
        if self._waiting:
            self._ring()
        return taken

    def answer(self, asked: Known, answer: bytes) -> None:
        """Give the answer to a request that was taken. Never waits."""
        asked.answer = answer
        self._answered.append(asked)
        os.eventfd_write(self._answers, 1)

    def _give_answers(self) -> None:
        while self._answered:
            asked = self._answered.popleft()
            if asked.answer is not None:
                self._socket.send_multipart([*asked.envelope, asked.answer])

    def _receive(self, envelope: list[bytes], raw: bytes, who: str | None) -> None:
        try:
            request = msgspec.json.decode(raw, type=Request)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            self._refuse(envelope, None, f"not a request: {error}")
            return
        known = self._known.get(request.id)
        if known is None and len(self._waiting) >= MOST_WAITING:
            self._refuse(envelope, request.id, f"{MOST_WAITING} requests wait already; ask again later")
        elif known is None:
            self._take_up(Known(raw, request, who, envelope))
        elif known.raw != raw:
            self._refuse(envelope, request.id, "this id was that of another request; draw a new one for each")
        else:
            known.envelope = envelope
            if known.answer is not None:
                self._answered.append(known)

    def _take_up(self, asked: Known) -> None:
        """Leave a request for the main loop, and forget the oldest that was answered."""
        if len(self._known) >= MOST_KNOWN:
            del self._known[next(id_ for id_, known in self._known.items() if known.answer is not None)]
        self._known[asked.request.id] = asked
        self._waiting.append(asked)
        self._ring()

    def _refuse(self, envelope: list[bytes], request_id: str | None, fault: str) -> None:
        self.refusals.add(fault)
        refusal = encode_answer(request_id, error=fault, settings_sha256=self.settings_sha256)
        self._socket.send_multipart([*envelope, refusal])


def _who(part: zmq.Frame) -> str | None:
    """Who sent a part: the name of the key, where there are keys, else the address."""
    for fact in ("User-Id", "Peer-Address"):
        try:
            said = part.get(fact)
        except zmq.ZMQError:
            continue
        if said:
            return str(said)
    return None
