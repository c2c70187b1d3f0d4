"""Where the grab thread leaves frames for the detector."""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Mailbox(Generic[T]):
    """Hands items from one thread to another.

    A live feed overwrites: what waits is always the newest, and what nobody took in time is counted. A replay
    must not lose anything and is made to wait instead, until there is room.
    """

    def __init__(self, *, capacity: int = 1, overwrite: bool = True, bell: threading.Event | None = None) -> None:
        """Make an empty mailbox.

        Args:
            bell: set whenever there is something to take or the mailbox is finished; for whoever waits for several.
            capacity: how many items may wait.
            overwrite: when full, drop the oldest (True) or let `put` wait (False).
        """
        self._capacity = capacity
        self._overwrite = overwrite
        self._items: deque[T] = deque()
        self._dropped = 0
        self._finished = False
        self._changed = threading.Condition()
        self._bell = bell or threading.Event()

    @property
    def dropped(self) -> int:
        """How many items nobody took: a newer one came, or the mailbox was closed."""
        return self._dropped

    @property
    def holds(self) -> bool:
        """Whether an item waits, or the end."""
        with self._changed:
            return bool(self._items) or self._finished

    def put(self, item: T, *, yields: bool = False) -> None:
        """Leave an item; waits for room if nothing may be overwritten.

        Args:
            item: to leave.
            yields: where there is no room, drop this item rather than one that waits.

        Raises:
            EOFError: the mailbox is finished or closed.
        """
        with self._changed:
            if not self._overwrite:
                self._changed.wait_for(lambda: self._finished or len(self._items) < self._capacity)
            if self._finished:
                raise EOFError("the mailbox is closed")
            if len(self._items) == self._capacity:
                self._dropped += 1
                if yields:
                    return
                self._items.popleft()
            self._items.append(item)
            self._changed.notify_all()
        self._bell.set()

    def take(self, timeout_s: float) -> T | None:
        """Oldest item, which then is gone, or None if none came within `timeout_s`.

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
        self._bell.set()

    def close(self) -> None:
        """Nothing more will be put or taken, and whoever waits is let go."""
        with self._changed:
            self._dropped += len(self._items)
            self._items.clear()
            self.finish()
