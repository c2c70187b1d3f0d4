"""Topics: `<kind>/<instance>/<source>/`, so that a prefix never matches a longer name by accident."""

from __future__ import annotations

import re
from dataclasses import dataclass

from nanotally.errors import WireError

KINDS = ("detections", "counts", "status", "contours", "frames")
"""What is published: every frame's particles, a tally for people, a heartbeat, the contours, and the pictures."""

NAME = re.compile(r"[a-z0-9_-]{1,32}")


def check_name(name: str) -> str:
    """Name of an instance or a source, unchanged.

    Raises:
        WireError: if it is not 1 to 32 of a-z, 0-9, `_` and `-`.
    """
    if not NAME.fullmatch(name):
        raise WireError(f"{name!r} cannot be a name on the wire: 1 to 32 of a-z, 0-9, _ and -")
    return name


@dataclass(frozen=True)
class Topic:
    """The first part of a message.

    Attributes:
        kind: one of `KINDS`; a newer publisher may know others.
        instance: the microscope.
        source: its feed.
    """

    kind: str
    instance: str
    source: str

    def __bytes__(self) -> bytes:
        return f"{self.kind}/{check_name(self.instance)}/{check_name(self.source)}/".encode()

    @classmethod
    def parse(cls, raw: bytes) -> Topic:
        """Read a topic.

        Raises:
            WireError: if it is not `<kind>/<instance>/<source>/`.
        """
        parts = raw.decode("ascii", "replace").split("/")
        if len(parts) != 4 or parts[3] or not all(map(NAME.fullmatch, parts[:3])):
            raise WireError(f"topic {raw[:80]!r} is not <kind>/<instance>/<source>/")
        return cls(*parts[:3])


def prefix(kind: str, instance: str | None = None, source: str | None = None) -> bytes:
    """Subscription to one kind, of every instance or of one, of every source or of one."""
    if instance is None:
        return f"{kind}/".encode()
    if source is None:
        return f"{kind}/{check_name(instance)}/".encode()
    return bytes(Topic(kind, instance, source))
