"""A thread that owns a subscriber and hands on what it receives."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from nanotally.errors import WireError
from nanotally.wire import Gap, Message, Subscriber

log = logging.getLogger(__name__)

WAIT_S = 0.5
COMPLAIN_EVERY_S = 10.0
"""A daemon of another version sends many messages that cannot be read; a line now and then is enough."""


class Listener:
    """Receives until it is closed. A message that breaks the wire format is logged and passed over."""

    def __init__(self, subscriber: Subscriber, take: Callable[[Message], None]) -> None:
        """Start the thread.

        Args:
            subscriber: to listen to; closed with this.
            take: is given every message, in the thread of the listener.
        """
        self._subscriber, self._take = subscriber, take
        self._complain_s = 0.0
        self._thread = threading.Thread(target=self._run, name=f"listen {subscriber.endpoint}", daemon=True)
        self._thread.start()

    @property
    def refused(self) -> bool:
        """Whether the daemon does not let us in."""
        return self._subscriber.refused

    def close(self) -> None:
        """End within a tenth of a second, without waiting for it."""
        self._subscriber.close()

    def join(self) -> None:
        """Close, and wait until the thread has ended."""
        self.close()
        self._thread.join()

    def _run(self) -> None:
        while self._listen():
            pass

    def _listen(self) -> bool:
        """Hand on the next message if one comes; False: the subscriber is closed."""
        try:
            item = self._subscriber.receive(WAIT_S)
            if item is not None and not isinstance(item, Gap):
                self._take(item)
        except EOFError:
            return False
        except WireError as error:
            self._complain(error)
        return True

    def _complain(self, error: WireError) -> None:
        now_s = time.monotonic()
        if now_s >= self._complain_s:
            self._complain_s = now_s + COMPLAIN_EVERY_S
            log.warning("%s: passed over: %s", self._subscriber.endpoint, error)
