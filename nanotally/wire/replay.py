"""Replay: what a daemon's journal holds of a source, asked for page by page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nanotally.errors import WireError
from nanotally.wire.codec import decode
from nanotally.wire.curve import ClientKeys
from nanotally.wire.dealer import Dealer
from nanotally.wire.header import dump, from_json, load, to_json
from nanotally.wire.messages import SCHEMA, DetectionsMessage

REPLAY_ENDPOINT = "tcp://127.0.0.1:5758"
"""Where a daemon answers unless it is told otherwise."""

MOST_RECORDS = 1000
"""A page has no more records, whatever was asked for."""


@dataclass(frozen=True, kw_only=True)
class PageFacts:
    """What the journal of a source holds, and how the records of this page lie in the answer.

    Attributes:
        instance, source: whose journal it is.
        base_offset: from here up to the last record of the page every offset was given to a message, so differences
            are numbers of messages; None where the journal is empty.
        first_offset: of the oldest record in the journal, or None.
        last_offset: of the newest, or None.
        expired: first and last offset of what was asked for and is in the journal no more, or None.
        parts: how many parts of the answer each record takes.
    """

    instance: str
    source: str
    base_offset: int | None
    first_offset: int | None
    last_offset: int | None
    expired: tuple[int, int] | None
    parts: tuple[int, ...]


@dataclass(frozen=True)
class Page:
    """One answer: the facts, and the messages as they were sent, oldest first."""

    facts: PageFacts
    messages: tuple[DetectionsMessage, ...]


def encode_page(facts: PageFacts, records: Sequence[Sequence[bytes]]) -> list[bytes]:
    """Parts of an answer."""
    return [to_json({"schema": SCHEMA, **dump(facts)}), *(part for record in records for part in record)]


def encode_fault(fault: str) -> list[bytes]:
    """Parts of the answer to a question that makes no sense."""
    return [to_json({"schema": SCHEMA, "error": fault})]


def decode_page(parts: Sequence[bytes]) -> Page:
    """The answer that was received as `parts`.

    Raises:
        WireError: if the daemon refused the question, or the answer breaks the wire format.
    """
    header = from_json(parts[0])
    if header.get("schema") != SCHEMA:
        raise WireError(f"replay: schema {header.get('schema')!r}, this reader knows {SCHEMA}: update nanotally")
    if "error" in header:
        raise WireError(f"replay: {header['error']}")
    facts = load(PageFacts, header)
    if sum(facts.parts) != len(parts) - 1 or min(facts.parts, default=1) < 1:
        raise WireError(f"replay: {len(parts) - 1} parts do not make {len(facts.parts)} records")
    messages, position = [], 1
    for many in facts.parts:
        message = decode(parts[position : position + many])
        if not isinstance(message, DetectionsMessage):
            raise WireError(f"replay: a record is of the kind {message.kind}")
        messages.append(message)
        position += many
    return Page(facts, tuple(messages))


def seen_from(endpoint: str, told: str) -> str:
    """Where to find an endpoint that a daemon tells: where that is all its addresses, at the host of `endpoint`."""
    host = endpoint.rpartition(":")[0].removeprefix("tcp://")
    return told.replace("//0.0.0.0:", f"//{host}:").replace("//[::]:", f"//{host}:")


class ReplayClient(Dealer):
    """Asks a daemon for what its journal holds. Used by one thread."""

    def __init__(self, endpoint: str = REPLAY_ENDPOINT, *, keys: ClientKeys | None = None) -> None:
        """Connect, see `Dealer`."""
        super().__init__(endpoint, keys=keys)

    def ask(
        self,
        source: str,
        *,
        after_offset: int | None,
        limit: int = MOST_RECORDS,
        timeout_s: float,
        instance: str | None = None,
    ) -> Page | None:
        """The next page, or None if no answer came within `timeout_s`.

        Args:
            source: whose messages.
            after_offset: of the last message that is there already; None: from the oldest that the journal holds.
            limit: most messages; fewer come where they are large.
            timeout_s: how long to wait.
            instance: of which daemon, where a forwarder answers for several.

        Raises:
            WireError: if the daemon refused, or its answer breaks the wire format.
        """
        question = {"schema": SCHEMA, "source": source, "after_offset": after_offset, "limit": limit}
        if instance is not None:
            question["instance"] = instance
        self._send(to_json(question))
        if self._socket.poll(round(1000 * timeout_s)):
            return decode_page(self._socket.recv_multipart())
        self._reconnect()
        return None
