"""Where the grab thread leaves frames for the detector."""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Mailbox(Generic[T]):
    """Hands items from one thread to another.

    A live feed overwrites: what waits is always the newest, and the one that nobody took in time is counted. A feed
    that must not lose anything is made to wait instead, until there is room.
    """

    def __init__(self, *, capacity: int = 1, overwrite: bool = True) -> None:
        """Make an empty mailbox.

        Args:
            capacity: how many items may wait.
            overwrite: when full, drop the oldest (True) or let `put` wait (False).
        """
        self._capacity = capacity
        self._overwrite = overwrite
        self._items: deque[T] = deque()
        self._overwritten = 0
        self._finished = False
        # One mutex and one condition for both sides: with one putter and one taker, at most one of them waits.
        self._changed = threading.Condition()

    @property
    def overwritten(self) -> int:
        """How many items were dropped because a newer one came."""
        return self._overwritten

    def put(self, item: T) -> None:
        """Leave an item; waits for room if nothing may be overwritten.

        Raises:
            EOFError: the mailbox is finished or closed.
        """
        with self._changed:
            if not self._overwrite:
                self._changed.wait_for(lambda: self._finished or len(self._items) < self._capacity)
            if self._finished:
                raise EOFError("the mailbox is closed")
            if len(self._items) == self._capacity:
                self._items.popleft()
                self._overwritten += 1
            self._items.append(item)
            self._changed.notify_all()

    def take(self, timeout_s: float) -> T | None:
        """The oldest item, which then is gone, or None if none came within `timeout_s`.

        Raises:
            EOFError: the mailbox is closed, or finished and empty.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._finished or bool(self._items), timeout_s)
            if self._items:
                item = self._items.popleft()
                self._changed.notify_all()
                return item
            if self._finished:
                raise EOFError("the mailbox is closed")
            return None

    def finish(self) -> None:
        """Nothing more will be put; what waits can still be taken."""
        with self._changed:
            self._finished = True
            self._changed.notify_all()

    def close(self) -> None:
        """Nothing more will be put or taken, and whoever waits is let go."""
        with self._changed:
            self._items.clear()
            self.finish()
