"""The hub: listens to daemons, and passes on what they say to whoever looks."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial

from nanotally.overlay.address import Address, ControlAddress
from nanotally.overlay.listener import Listener
from nanotally.overlay.microscope import Microscope, Name
from nanotally.overlay.picture import PICTURE_KINDS, Pairing, Picture
from nanotally.overlay.viewer import Signal, Viewer
from nanotally.wire import CountsMessage, Message, StatusMessage, Subscriber

log = logging.getLogger(__name__)

TICK_S = 0.25
LINGER_S = 2.0
"""For this long pictures are subscribed to after the last viewer went: a page that is loaded again is soon back."""

MOST_VIEWERS = 64
MOST_MICROSCOPES = 256
"""What calls itself by more names than this is not listened to."""


class Hub:
    """Everything that is known, and everybody who looks. Used by one thread, that of the event loop.

    Attributes:
        microscopes: by name, of which a daemon has told.
    """

    def __init__(self, addresses: Sequence[Address], controls: Mapping[str, ControlAddress] | None = None) -> None:
        """Know nothing yet.

        Args:
            addresses: of the daemons, and of forwarders.
            controls: where daemons take requests of which their address does not tell it, by instance.
        """
        self._addresses, self._controls = addresses, controls or {}
        self._began_s = time.monotonic()
        self._listeners: dict[Address, Listener] = {}
        self._watches: dict[Name, Listener] = {}
        self._watched_s: dict[Name, float] = {}
        self._viewers: set[Viewer] = set()
        self._doubles: set[tuple[Name, Address]] = set()
        self.microscopes: dict[Name, Microscope] = {}

    async def run(self) -> None:
        """Listen until cancelled."""
        self._loop = asyncio.get_running_loop()
        for address in self._addresses:
            subscriber = Subscriber(address.publish, kinds=("status", "counts"), keys=address.keys)
            self._listeners[address] = Listener(subscriber, partial(self._hand_over, address))
        try:
            while True:
                self._turn(time.monotonic())
                await asyncio.sleep(TICK_S)
        finally:
            listeners = [*self._listeners.values(), *self._watches.values()]
            for listener in listeners:
                listener.close()
            for listener in listeners:
                await asyncio.to_thread(listener.join)

    def signal(self, name: Name, now_s: float) -> Signal:
        """Whether the daemon of a microscope is heard, and since when not."""
        microscope = self.microscopes.get(name) or Microscope(self._began_s)
        address = microscope.address
        listeners = self._listeners.values() if address is None else [self._listeners[address]]
        state = microscope.signal(now_s)
        if state != "heard" and any(listener.refused for listener in listeners):
            state = "refused"
        return Signal(state, microscope.since_s)

    def daemons(self) -> Iterator[tuple[Address, bool]]:
        """Every daemon, and whether it refuses the connection."""
        for address, listener in self._listeners.items():
            yield address, listener.refused

    def control_of(self, instance: str) -> ControlAddress | None:
        """Where the daemon of an instance takes requests; None: nobody told. A forwarder takes none."""
        if instance in self._controls:
            return self._controls[instance]
        for name, microscope in self.microscopes.items():
            address = microscope.address
            if name.instance == instance and address and address.control and not microscope.is_forwarded:
                return ControlAddress(address.control, address.keys)
        return None

    @contextmanager
    def joined(self, viewer: Viewer) -> Iterator[None]:
        """Pass on to a viewer what is known, and from now on what comes."""
        self._viewers.add(viewer)
        viewer.tell_signal(self.signal(viewer.name, time.monotonic()))
        microscope = self.microscopes.get(viewer.name)
        if microscope is not None:
            for heard in (microscope.status, microscope.counts):
                viewer.tell(heard)
            if microscope.picture is not None:
                viewer.show(microscope.picture)
        self.look_again()
        try:
            yield
        finally:
            self._viewers.discard(viewer)

    @property
    def is_full(self) -> bool:
        """Whether nobody else can look."""
        return len(self._viewers) >= MOST_VIEWERS

    def look_again(self) -> None:
        """Subscribe to the pictures that are wanted, and no more to those that nobody has wanted for a while."""
        now_s = time.monotonic()
        for viewer in self._viewers:
            microscope = self.microscopes.get(viewer.name)
            if viewer.watching and microscope is not None:
                self._watched_s[viewer.name] = now_s
                if viewer.name not in self._watches:
                    self._watches[viewer.name] = self._watch(viewer.name, microscope)
        for name in [name for name in self._watches if now_s - self._watched_s[name] > LINGER_S]:
            self._watches.pop(name).close()
            self.microscopes[name].picture = None

    def _turn(self, now_s: float) -> None:
        self.look_again()
        for viewer in self._viewers:
            viewer.tell_signal(self.signal(viewer.name, now_s))

    def _watch(self, name: Name, microscope: Microscope) -> Listener:
        assert microscope.address is not None
        pairing = Pairing()

        def take(message: Message) -> None:
            picture = pairing.take(message)
            if picture is not None:
                self._in_loop(partial(self._take_picture, name, picture))

        kinds = PICTURE_KINDS
        address = microscope.address
        subscriber = Subscriber(
            address.publish, kinds=kinds, instance=name.instance, source=name.source, keys=address.keys
        )
        return Listener(subscriber, take)

    def _hand_over(self, address: Address, message: Message) -> None:
        """From a listener's thread to the loop's."""
        if isinstance(message, (StatusMessage, CountsMessage)):
            self._in_loop(partial(self._take, address, message))

    def _in_loop(self, call: partial[None]) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(call)

    def _take(self, address: Address, message: StatusMessage | CountsMessage) -> None:
        name, now_s = Name(message.origin.instance, message.origin.source), time.monotonic()
        if name not in self.microscopes and len(self.microscopes) >= MOST_MICROSCOPES:
            return
        microscope = self.microscopes.setdefault(name, Microscope(now_s, address))
        if microscope.address != address:
            self._note_double(name, address)
            return
        microscope.take(message, now_s)
        heard = microscope.status if isinstance(message, StatusMessage) else microscope.counts
        for viewer in self._viewers:
            if viewer.name == name:
                viewer.tell(heard)
                viewer.tell_signal(self.signal(name, now_s))

    def _take_picture(self, name: Name, picture: Picture) -> None:
        if name not in self._watches:
            return
        self.microscopes[name].take_picture(picture, time.monotonic())
        for viewer in self._viewers:
            if viewer.name == name:
                viewer.show(picture)

    def _note_double(self, name: Name, address: Address) -> None:
        if (name, address) not in self._doubles:
            self._doubles.add((name, address))
            log.warning("%s: also a %s, and left out: give one of the daemons another instance", address.publish, name)
