"""Replay: a thread that answers what the journal holds."""

from __future__ import annotations

import logging

import msgspec

from nanotally.daemon.gate import OPEN_GATE, Gate
from nanotally.daemon.journal import Journal
from nanotally.daemon.router import LOOK_UP_MS, RouterThread
from nanotally.wire.replay import MOST_RECORDS, PageFacts, encode_fault, encode_page

log = logging.getLogger(__name__)

MOST_BYTES = 4_000_000
"""A page ends behind the record that reaches this."""

LONGEST_QUESTION = 4096
"""In bytes; whoever sends more is disconnected."""

WAITING_ANSWERS = 2
"""Answers kept for somebody who asks and does not read; the rest is lost to him."""


class Question(msgspec.Struct):
    """What somebody asks. Keys that are not known are passed over.

    Attributes:
        source: whose messages.
        after_offset: of the last one that is not wanted; None: all are.
        limit: most messages of a page.
        instance: of which daemon, by which a forwarder finds it. A daemon answers with its own whatever is asked for.
    """

    source: str
    after_offset: int | None = None
    limit: int = MOST_RECORDS
    instance: str | None = None


class ReplayServer(RouterThread):
    """Answers one question after the other."""

    def __init__(self, endpoint: str, journal: Journal, *, instance: str, gate: Gate = OPEN_GATE) -> None:
        """Bind `endpoint` behind a gate; from `start` on the socket belongs to the thread.

        Raises:
            ConfigError: if it cannot be bound.
        """
        super().__init__("replay", endpoint, longest=LONGEST_QUESTION, waiting=WAITING_ANSWERS, gate=gate)
        self._journal, self._instance = journal, instance

    def run(self) -> None:
        """Answer until `close`."""
        while not self._stopping.is_set():
            if self._socket.poll(LOOK_UP_MS):
                # A REQ socket puts an empty part before its question, a DEALER none: both get back what they sent.
                *envelope, question = self._socket.recv_multipart()
                self._socket.send_multipart([*envelope, *self.answer(question)])
        self._socket.close()

    def answer(self, raw: bytes) -> list[bytes]:
        """Parts of the answer to a question, whatever it is."""
        try:
            question = msgspec.json.decode(raw, type=Question)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return self._refuse(f"not a question: {error}")
        book = self._journal.books.get(question.source)
        if book is None:
            return self._refuse(f"no source {question.source[:40]!r}; there are {', '.join(self._journal.books)}")
        if question.limit < 1:
            return self._refuse(f"limit {question.limit}: at least 1")
        try:
            page = book.read(question.after_offset, limit=min(question.limit, MOST_RECORDS), limit_bytes=MOST_BYTES)
        except OSError as error:
            log.error("journal of %s cannot be read: %s", question.source, error)
            return encode_fault(f"the journal cannot be read: {error.strerror}")
        facts = PageFacts(
            instance=self._instance,
            source=question.source,
            base_offset=page.base_offset,
            first_offset=page.first_offset,
            last_offset=page.last_offset,
            expired=page.expired(question.after_offset),
            parts=tuple(map(len, page.records)),
        )
        return encode_page(facts, page.records)

    def _refuse(self, fault: str) -> list[bytes]:
        self.refusals.add(fault)
        return encode_fault(fault)
