"""The subscriber for programs that run on asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from nanotally.wire.curve import ClientKeys
from nanotally.wire.messages import Message
from nanotally.wire.subscriber import ENDPOINT, LOOK_UP_S, Gap, Subscriber
from nanotally.wire.topics import KINDS


class AsyncSubscriber:
    """A `Subscriber` that lets others work while it waits; the same messages, gaps and errors.

        async with AsyncSubscriber("tcp://127.0.0.1:5757", kinds=["counts"]) as subscriber:
            async for item in subscriber:
                ...  # a Message, or a Gap where messages are missing before the next one

    Used on one event loop, by one task at a time. A wait that is cancelled loses no message.
    """

    def __init__(
        self,
        endpoint: str = ENDPOINT,
        *,
        kinds: Sequence[str] = KINDS,
        instance: str | None = None,
        source: str | None = None,
        keys: ClientKeys | None = None,
    ) -> None:
        """Connect to `endpoint`, as `Subscriber` does; it need not be there yet.

        Raises:
            WireError: if `instance` or `source` cannot be a name.
            zmq.ZMQError: if `endpoint` is not one.
        """
        self._subscriber = Subscriber(endpoint, kinds=kinds, instance=instance, source=source, keys=keys)
        # It is readable when something may have come; reading without waiting settles whether something has.
        self._descriptor = self._subscriber._socket.fileno()
        self._waiting: asyncio.Event | None = None

    @property
    def refused(self) -> bool:
        """Whether the daemon does not let us in, see `Subscriber.refused`."""
        return self._subscriber.refused

    async def receive(self) -> Message | Gap:
        """Next message, or the gap before it. For a limit of time: `asyncio.wait_for`.

        Raises:
            WireError: a message broke the wire format. It is lost; the next call goes on behind it.
            EOFError: the subscriber is closed.
        """
        await asyncio.sleep(0)  # messages that come faster than they are read must not keep all others waiting
        while (item := self._subscriber.receive(0)) is None:
            await self._wait()
        return item

    async def _wait(self) -> None:
        """Until something may have come, we were closed, or it is time to look after the handshake."""
        loop, self._waiting = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self._descriptor, self._waiting.set)
        try:
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._waiting.wait(), LOOK_UP_S)
        finally:
            self._stop_watching()

    def _stop_watching(self) -> None:
        """Before the descriptor is closed: its number may soon be another's."""
        if self._waiting is not None:
            asyncio.get_running_loop().remove_reader(self._descriptor)
            self._waiting.set()
            self._waiting = None

    def __aiter__(self) -> AsyncSubscriber:
        return self

    async def __anext__(self) -> Message | Gap:
        """Next item, however long it takes; ends when the subscriber is closed."""
        try:
            return await self.receive()
        except EOFError:
            raise StopAsyncIteration from None

    def close(self) -> None:
        """Disconnect, from a task of the same event loop. May be called twice; a wait under way ends at once."""
        self._stop_watching()
        self._subscriber.close()

    async def __aenter__(self) -> AsyncSubscriber:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()
