"""Telling systemd how the daemon is: sd_notify(3), a datagram to the socket that it names."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

WATCHDOG_SHARE = 0.3
"""Of the time that systemd waits for a sign of life, how often one is given: a third, as sd_watchdog_enabled(3) asks
for at least every half."""


class Notifier:
    """Says ready, stopping, what goes on and that the loop turns; silent where nobody asked to be told.

    Nothing here ever fails or waits: a system manager that does not listen is no reason to stop counting.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        place = environment.get("NOTIFY_SOCKET", "")
        # A name that begins with @ is in the abstract namespace.
        self._address = "\0" + place[1:] if place.startswith("@") else place
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) if place else None
        if self._socket:
            self._socket.setblocking(False)
        self._due_s = 0.0
        self._watched_s = _watchdog_s(environment)
        self._every_s = self._watched_s * WATCHDOG_SHARE

    def ready(self) -> None:
        """The daemon serves: sockets are bound, the engine is warm, the sources are open."""
        self._send("READY=1")

    def reloading(self) -> None:
        """The configuration is read again; `ready` follows."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """The daemon was told to stop, or is done."""
        self._send("STOPPING=1")

    def status(self, text: str) -> None:
        """One line for `systemctl status`."""
        self._send("STATUS=" + text.replace("\n", " "))

    def alive(self) -> None:
        """The loop turned; passed on as often as the watchdog wants it."""
        if self._every_s and time.monotonic() >= self._due_s:
            self._due_s = time.monotonic() + self._every_s
            self._send("WATCHDOG=1")

    @contextmanager
    def patience(self, for_s: float) -> Iterator[None]:
        """Have the watchdog wait this long for the next sign of life, while the block runs."""
        self._watch(max(for_s, self._watched_s))
        try:
            yield
        finally:
            self._watch(self._watched_s)

    def _watch(self, every_s: float) -> None:
        if self._watched_s:
            self._send(f"WATCHDOG_USEC={round(every_s * 1e6)}\nWATCHDOG=1")

    def close(self) -> None:
        """Close the socket."""
        if self._socket:
            self._socket.close()

    def _send(self, state: str) -> None:
        if self._socket is None:
            return
        with suppress(OSError):
            self._socket.sendto(state.encode(), self._address)


def _watchdog_s(environment: Mapping[str, str]) -> float:
    """Seconds after which systemd takes a silent daemon for dead; 0 where it does not watch this process."""
    watched = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    usec = environment.get("WATCHDOG_USEC", "")
    return int(usec) / 1e6 if watched and usec.isdecimal() else 0.0
