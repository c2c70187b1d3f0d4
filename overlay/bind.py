"""Where the page is served, and who can reach it there."""

from __future__ import annotations

from typing import NamedTuple

from nanotally.errors import UsageError
from nanotally.loopback import is_loopback


class Bind(NamedTuple):
    """A host and a port to listen on; port 0: the system chooses."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine reaches it."""
        return is_loopback(self.host)

    @classmethod
    def parse(cls, text: str) -> Bind:
        """What HOST:PORT says.

        Raises:
            UsageError: it says something else.
        """
        host, _, port = text.rpartition(":")
        if not host or not (port.isascii() and port.isdecimal()) or int(port) > 65535:
            raise UsageError(f"{text}: not HOST:PORT, such as 127.0.0.1:8078")
        return cls(host.strip("[]"), int(port))
