"""The sight of one microscope, for a program that looks again and again: what is known, and the newest picture."""

from __future__ import annotations

import time

from nanotally.errors import WireError
from nanotally.overlay.address import Address
from nanotally.overlay.microscope import Microscope, Name
from nanotally.overlay.picture import PICTURE_KINDS, Pairing
from nanotally.wire import CountsMessage, Gap, Message, StatusMessage, Subscriber

MOST_AT_ONCE = 256
"""Messages that are read before the next look."""


class Sight:
    """Follows one microscope of a daemon. Used by one thread.

    Attributes:
        name: of the microscope; None: none was heard yet.
        microscope: what is known of it.
    """

    def __init__(self, address: Address, *, instance: str | None = None, source: str | None = None) -> None:
        """Listen to a daemon; it need not be there yet.

        Args:
            address: of the daemon.
            instance: of the microscope; None: the first that is heard.
            source: of the microscope; None: the first that is heard.

        Raises:
            WireError: if `instance` or `source` cannot be a name.
        """
        self._address = address
        kinds = ("status", "counts")
        self._words = Subscriber(address.publish, kinds=kinds, instance=instance, source=source, keys=address.keys)
        self._pictures: Subscriber | None = None
        self._pairing = Pairing()
        self.name: Name | None = None
        self.microscope = Microscope(time.monotonic(), address)

    @property
    def refused(self) -> bool:
        """Whether the daemon does not let us in."""
        return self._words.refused

    def look(self, wait_s: float) -> bool:
        """Take in what came; wait for something if there is nothing. Whether there is anything new."""
        new = self._read(self._words, 0 if self._pictures else wait_s)
        if self._pictures is not None:
            new = self._read(self._pictures, wait_s) or new
        return new

    def _read(self, subscriber: Subscriber, wait_s: float) -> bool:
        new = False
        for _ in range(MOST_AT_ONCE):
            try:
                item = subscriber.receive(0 if new else wait_s)
            except WireError:  # what cannot be read is passed over
                continue
            if item is None:
                break
            new = True
            self._take(item)
        return new

    def _take(self, item: Message | Gap) -> None:
        now_s = time.monotonic()
        if isinstance(item, (StatusMessage, CountsMessage)):
            name = Name(item.origin.instance, item.origin.source)
            if self.name is None:
                self._follow(name)
            if name == self.name:
                self.microscope.take(item, now_s)
        elif not isinstance(item, Gap):
            picture = self._pairing.take(item)
            if picture is not None:
                self.microscope.take_picture(picture, now_s)

    def _follow(self, name: Name) -> None:
        self.name = name
        self._pictures = Subscriber(
            self._address.publish, kinds=PICTURE_KINDS, instance=name.instance, source=name.source,
            keys=self._address.keys,
        )  # fmt: skip

    def close(self) -> None:
        """Disconnect."""
        self._words.close()
        if self._pictures is not None:
            self._pictures.close()
