"""The grab thread: owns the source, keeps it alive, and fills the mailbox."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace

from nanotally.daemon.config import SourceConfig
from nanotally.daemon.mailbox import Mailbox
from nanotally.daemon.preparation import Preparation
from nanotally.errors import EndOfFeed, SourceError
from nanotally.frame import Frame, Source, SourceState

log = logging.getLogger(__name__)

READ_TIMEOUT_S = 0.2
"""How long one read may wait; a stop is heard after that."""

STALLED_AFTER_S = 2.0
STALLED_AFTER_PERIODS = 5
"""A feed is stalled when no frame came for this long and for this many frame periods; a slow scan with one
frame a minute is not."""

BACK_OFF_S = (0.5, 30.0)
"""Wait before the first and, doubled each time, at most before the last new try of a lost source."""

STOP_S = 0.8
"""How long sources may take to let go before they are abandoned: their threads do not hold up the exit."""

REPLAY_CAPACITY = 2
"""Frames of a replay that wait while the detector works: enough to read the next meanwhile."""


def back_off_s(attempt: int) -> float:
    """Wait before new try `attempt` (from 0), half of it drawn, so that many daemons do not try in step."""
    first, most = BACK_OFF_S
    return min(most, first * 2.0 ** min(attempt, 16)) * random.uniform(0.5, 1.0)


class Feed(threading.Thread):
    """Reads frames until it is stopped or the feed is at its end.

    A live source that breaks is closed and a new one opened, for ever. A replay that breaks is over: opened
    anew, its frames would be counted twice.

    Attributes:
        name: of the source on the wire.
        live: True if frames pass by and the newest wins.
        stills: True if every frame is a picture of its own.
        mailbox: where the frames wait.
        averaged: frames that went into the average of a later one.
        reconnects: how often a new source was opened in place of a broken one.
        fault: why the source is lost or the replay broke off; None while all is well.
        adopted: configurations that came into force, each with the number of the first frame prepared as it says;
            whoever tells of that frame takes the entry away.
    """

    def __init__(
        self,
        name: str,
        open_source: Callable[[], Source],
        prepare: Preparation,
        *,
        bell: threading.Event | None = None,
    ) -> None:
        """Open the source; from `start` on it belongs to the thread.

        Args:
            name: of the source on the wire.
            open_source: makes a new source.
            prepare: what is done to its frames before they wait.
            bell: rung when a frame waits.

        Raises:
            SourceError: if it cannot be opened.
        """
        super().__init__(name=name, daemon=True)  # a driver that hangs must not hold up the exit
        self._open = open_source
        self._source = open_source()
        self._prepare = prepare
        self._wanted = prepare.config
        self._stopping = threading.Event()
        self._state: SourceState = "up"
        self._attempt = 0
        self._delivered = 0
        self._damaged_before = 0
        self._first_number = 0
        self._next_number = 0
        self._period_ns = 0
        self._grabbed_ns: int | None = None
        self._waiting_since_ns: int | None = None
        self.live = self._source.live
        self.stills = self._source.stills
        capacity = 1 if self.live else REPLAY_CAPACITY
        self.mailbox: Mailbox[Frame] = Mailbox(capacity=capacity, overwrite=self.live, bell=bell)
        self.averaged = 0
        self.reconnects = 0
        self.fault: SourceError | None = None
        self.adopted: deque[tuple[int, SourceConfig]] = deque()

    def adopt(self, config: SourceConfig) -> None:
        """Prepare frames as another configuration says, from the next one on. May be called from any thread."""
        self._wanted = config

    @property
    def damaged(self) -> int:
        """Frames that the source passed over because they could not be read."""
        return self._damaged_before + self._source.damaged

    @property
    def grabbed(self) -> int:
        """Frames that the source had, damaged ones included."""
        return self._delivered + self.damaged

    @property
    def state(self) -> SourceState:
        """What the source is doing, also while its driver hangs."""
        since = self._waiting_since_ns
        if self._state != "up" or since is None:
            return self._state
        patience_ns = max(STALLED_AFTER_S * 1e9, STALLED_AFTER_PERIODS * self._period_ns)
        return "stalled" if time.monotonic_ns() - since > patience_ns else "up"

    def run(self) -> None:
        """Follow the source to its end, or through every fault until `stop`."""
        while self._follow():
            pass
        self._close_source()
        self.mailbox.finish()

    def _follow(self) -> bool:
        """Pass on frames until the source ends or breaks, or `stop`; True if there is a new source now."""
        try:
            while not self._stopping.is_set():
                self._waiting_since_ns = self._waiting_since_ns or time.monotonic_ns()
                frame = self._source.read(READ_TIMEOUT_S)
                if frame is None and self._source.idle:
                    self._waiting_since_ns = None
                if frame is not None:
                    self._waiting_since_ns = None
                    self._pass_on(frame)
        except EndOfFeed as end:
            log.info("source %s: %s", self.name, end)
            self._state = "ended"
        except Exception as error:  # noqa: BLE001 - whatever a vendor's driver raises is a fault of the feed
            self._lose(error)
            return self.live and self._reopen()
        return False

    def _pass_on(self, frame: Frame) -> None:
        self._state, self.fault, self._attempt = "up", None, 0
        self._period_ns = frame.grabbed_ns - (self._grabbed_ns or frame.grabbed_ns)
        self._grabbed_ns = frame.grabbed_ns
        self._next_number = self._first_number + frame.number + 1
        self._delivered += 1
        frame = replace(frame, number=self._first_number + frame.number)
        wanted = self._wanted
        if wanted != self._prepare.config:
            self._prepare.adopt(wanted)
            self.adopted.append((frame.number, wanted))
        prepared = self._prepare.take(frame, stills=self.stills)
        if prepared is None:
            self.averaged += 1
            return
        try:
            # A frame that is not counted never takes the place of one that is.
            self.mailbox.put(prepared, yields=prepared.state != "live")
        except EOFError:  # closed by `stop`
            self._delivered -= 1

    def _lose(self, error: Exception) -> None:
        if not isinstance(error, SourceError):
            error = SourceError(f"{type(error).__name__}: {error}")
        self._state, self.fault = "lost", error
        self._waiting_since_ns = self._grabbed_ns = None

    def _reopen(self) -> bool:
        """Open a new source, however long it takes; False if `stop` came first."""
        self._close_source()
        while True:
            wait_s = back_off_s(self._attempt)
            log.warning("source %s lost: %s; new try in %.1f s", self.name, self.fault, wait_s)
            self._attempt += 1
            if self._stopping.wait(wait_s):
                return False
            if self._opened():
                return True

    def _opened(self) -> bool:
        try:
            source = self._open()
        except Exception as error:  # noqa: BLE001 - as above
            self._lose(error)
            return False
        self._damaged_before, self._source = self.damaged, source
        self._first_number = self._next_number
        self.reconnects += 1
        return True

    def _close_source(self) -> None:
        try:
            self._source.close()
        except Exception as error:  # noqa: BLE001 - it is broken already
            log.warning("source %s: closing it failed: %s", self.name, error)

    def stop(self) -> None:
        """Ask the thread to end, from whatever it is doing, and let go of the frames that wait."""
        self._stopping.set()
        self.mailbox.close()
        if self.ident is None:  # never started, so nobody else closes it
            self._close_source()


def stop_all(feeds: Sequence[Feed]) -> None:
    """Stop feeds, all at once; one that does not let go in time is abandoned."""
    for feed in feeds:
        feed.stop()
    deadline_s = time.monotonic() + STOP_S
    for feed in feeds:
        if feed.ident is None:
            continue  # never started
        feed.join(max(0.0, deadline_s - time.monotonic()))
        if feed.is_alive():
            log.warning("source %s does not let go; it is abandoned", feed.name)
