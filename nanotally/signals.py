"""Being told to stop, by SIGTERM or SIGINT."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def stopping_on_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` on the first SIGTERM or SIGINT.

    A stop that was asked for and is carried out is success: the process may end with exit code 0. The second
    signal acts as it would without us: it ends the process at once, with the exit status of that signal.

    Args:
        stop: called in the main thread, between two instructions of whatever runs there; it must not wait.
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
        yield
    finally:
        restore()
