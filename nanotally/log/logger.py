"""The logger: follows a daemon, and asks its journal for whatever it missed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from nanotally.errors import WireError
from nanotally.log.store import Store
from nanotally.wire import ClientKeys, DetectionsMessage, Gap, Message, Page, ReplayClient, StatusMessage, Subscriber
from nanotally.wire.replay import seen_from

KINDS = ("detections", "status")
LOOK_UP_S = 0.1
BATCH_ROWS = 500
"""Messages of a transaction at most."""

ANSWER_S = 2.0
"""How long an answer of the journal may take."""

ASK_AGAIN_S = 1.0
"""Before the journal is asked again after it did not answer."""

REMEDY = "Does its allow-list hold your .key file, and are --keys and --server-key given and right? Trying again"

Source = tuple[str, str]
"""Instance and source."""


class Logger:
    """Writes every detections message of a daemon into a store, in the order in which it was sent, once.

    Where messages are missing before one that came, the daemon's journal is asked before it is written, so a row for
    a gap stands only for what cannot be had any more. A message that came while the journal does not answer is left
    to be asked for with the others. Without a journal, what came is all there is.

    Attributes:
        ended: True once a daemon has said that it stops.
    """

    def __init__(
        self,
        subscriber: Subscriber,
        store: Store,
        *,
        replay: str | None = None,
        keys: ClientKeys | None = None,
        say: Callable[[str], None],
    ) -> None:
        """Begin where the store ends.

        Args:
            subscriber: to the kinds `KINDS`; closed by whoever opened it.
            store: to write to.
            replay: endpoint of the journal; None: as the daemon tells it.
            keys: for the journal, where the daemon wants some.
            say: is told, in a line, what people should know.
        """
        self._subscriber, self._store, self._say_line = subscriber, store, say
        self._replay, self._keys = replay, keys
        self._client: ReplayClient | None = None
        self._status: dict[Source, StatusMessage] = {}
        self._said: dict[Source, str] = {}
        self._ask_again_s = 0.0
        self._stopped = self._refused = False
        self.ended = False

    def batches(self) -> Iterator[None]:
        """Log what comes until `stop`, giving a turn to the caller after every commit, and ten times a second.

        Raises:
            NanotallyError: the store cannot be written.
            WireError: a message is none, or of a newer schema.
        """
        while not self._stopped:
            try:
                item = self._subscriber.receive(0 if self._store.pending else LOOK_UP_S)
            except EOFError:
                break
            if item is not None:
                self._take(item)
            self._note_refusal()
            if item is None or self.ended or self._store.pending >= BATCH_ROWS:
                self._store.commit()
                yield
        self._store.commit()

    def stop(self) -> None:
        """End within a few seconds. May be called from any thread and from a signal handler."""
        self._stopped = True
        self._subscriber.close()

    def close(self) -> None:
        """Disconnect from the journal."""
        if self._client is not None:
            self._client.close()

    @property
    def is_behind(self) -> bool:
        """Whether a journal is known to hold what the log does not."""
        return any(map(self._is_behind, self._status))

    def _take(self, item: Message | Gap) -> None:
        if isinstance(item, StatusMessage):
            self._note(item)
        elif isinstance(item, DetectionsMessage):
            self._log(item)

    def _note_refusal(self) -> None:
        if self._subscriber.refused and not self._refused:
            self._say_line(f"{self._subscriber.endpoint} refuses this connection. {REMEDY}")
        self._refused = self._subscriber.refused

    def _note(self, status: StatusMessage) -> None:
        source = status.origin.instance, status.origin.source
        self._status[source] = status
        if status.journal_fault is not None:
            self._say(source, f"the journal is not written ({status.journal_fault}): what is missed now is lost")
        elif status.replay is None:
            self._say(source, "no journal is kept: what this logger misses is lost, and becomes a row `gap`")
        if self._is_behind(source):
            self._catch_up(source, status.origin.run_id, status.last_seq + 1)
        self.ended = status.stopping

    def _is_behind(self, source: Source) -> bool:
        newest, place = self._status[source].last_offset, self._store.place(*source)
        return newest is not None and (place is None or place.offset is None or place.offset < newest)

    def _log(self, message: DetectionsMessage) -> None:
        source = message.origin.instance, message.origin.source
        place = self._store.place(*source)
        base_offset = None
        if place is None or not (place.holds(message) or place.is_just_before(message)):
            status = self._status.get(source)
            if status is None and message.offset is not None:
                return  # who keeps the journal is not known yet; it will be asked for this message too
            if status is not None and status.replay is not None:
                page = self._catch_up(source, message.origin.run_id, message.origin.seq)
                if page is None and message.offset is not None:
                    return
                base_offset = page.facts.base_offset if page else None
                place = self._store.place(*source)
        if place is None or not place.holds(message):
            self._store.add(message, base_offset=base_offset)

    def _catch_up(self, source: Source, run_id: str, seq: int) -> Page | None:
        """Write what the journal holds and the log does not, up to message `seq` of a run, which is not written.

        Gives the last page, or None if the journal did not answer.
        """
        while not self._stopped:
            place = self._store.place(*source)
            page = self._ask(source, place.offset if place else None)
            if page is None:
                return None
            for message in page.messages:
                if message.origin.run_id == run_id and message.origin.seq >= seq:
                    return page
                self._store.add(message, base_offset=page.facts.base_offset)
            if not page.messages:
                return page
            self._store.commit()
        return None

    def _ask(self, source: Source, after_offset: int | None) -> Page | None:
        told = self._status[source].replay
        endpoint = self._replay or (told and seen_from(self._subscriber.endpoint, told))
        if endpoint is None or time.monotonic() < self._ask_again_s:
            return None
        if self._client is None or self._client.endpoint != endpoint:
            self.close()
            self._client = ReplayClient(endpoint, keys=self._keys)
        page: Page | None = None
        trouble = f"the journal at {endpoint} does not answer; give --replay if it is elsewhere"
        try:
            page = self._client.ask(source[1], after_offset=after_offset, timeout_s=ANSWER_S, instance=source[0])
            if page is not None and page.facts.instance != source[0]:
                trouble = f"the journal at {endpoint} is that of {page.facts.instance}; give --replay"
                page = None
        except WireError as error:
            trouble = str(error)
        if page is None:
            self._ask_again_s = time.monotonic() + ASK_AGAIN_S
            self._say(source, f"{trouble}. Rows wait for it")
        else:
            self._said.pop(source, None)
        return page

    def _say(self, source: Source, line: str) -> None:
        """Say a line about a source, unless it was the last that was said."""
        if self._said.get(source) != line:
            self._said[source] = line
            self._say_line(f"{'/'.join(source)}: {line}")
