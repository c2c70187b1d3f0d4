"""Being told to stop, by SIGTERM or SIGINT, or to read the configuration again, by SIGHUP."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from types import FrameType

log = logging.getLogger(__name__)

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def stopping_on_signals(stop: Callable[[], None], *, within_s: float | None = None) -> Iterator[None]:
    """Call `stop` on the first SIGTERM or SIGINT.

    A stop that was asked for and is carried out is success: the process may end with exit code 0. The second
    signal acts as it would without us: it ends the process at once, with the exit status of that signal.

    Args:
        stop: called in the main thread, between two instructions of whatever runs there; it must not wait.
        within_s: after this long the process ends with exit code 0 whatever still runs, also where the main thread
            hangs in a driver and never comes to call `stop`. None: however long it takes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # Python hears signals in the main thread only
        return

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        restore()
        stop()

    before = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    for number in STOP_SIGNALS:
        signal.signal(number, on_signal)
    try:
        with nullcontext() if within_s is None else _ending_within(within_s):
            yield
    finally:
        restore()


@contextmanager
def calling_on_hangup(reload: Callable[[], None]) -> Iterator[None]:
    """Call `reload` on every SIGHUP, in the main thread; it must not wait."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGHUP, lambda _number, _frame: reload())
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)


@contextmanager
def _ending_within(within_s: float) -> Iterator[None]:
    """End the process if the block goes on for `within_s` after a signal to stop."""
    over = threading.Event()
    here, there = socket.socketpair()
    here.setblocking(False)

    def watch() -> None:
        while numbers := there.recv(16):
            if set(numbers) & set(STOP_SIGNALS) and not over.wait(within_s):
                log.warning("something still runs %.1f s after the signal to stop: ended without it", within_s)
                logging.shutdown()
                os._exit(0)

    # The interpreter itself writes the number of a signal there, whatever the main thread hangs in.
    before = signal.set_wakeup_fd(here.fileno(), warn_on_full_buffer=False)
    watcher = threading.Thread(target=watch, name="stop-watch", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        signal.set_wakeup_fd(before)
        here.close()
        watcher.join()
        there.close()
