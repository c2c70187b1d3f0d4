"""Waiting for what a daemon says, never for ever."""

from __future__ import annotations

import time
from collections.abc import Callable

from nanotally.wire import Gap, Message, Subscriber

WAIT_S = 30.0


def until(subscriber: Subscriber, condition: Callable[[Message | Gap], bool]) -> list[Message | Gap]:
    """Everything received, up to and with the first item that satisfies `condition`."""
    items: list[Message | Gap] = []
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        item = subscriber.receive(0.1)
        if item is not None:
            items.append(item)
            if condition(item):
                return items
    raise AssertionError(f"waited in vain, received {items}")
