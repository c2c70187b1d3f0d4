import asyncio
from collections.abc import Iterator
from contextlib import closing

import pytest
from test_subscriber import Daemon, said

from nanotally.errors import WireError
from nanotally.wire import AsyncSubscriber

WAIT_S = 20.0


@pytest.fixture
def daemon() -> Iterator[Daemon]:
    with closing(Daemon()) as made:
        yield made


def test_async_for_gives_messages_and_gaps_and_ends_when_closed(daemon: Daemon) -> None:
    async def run() -> list[tuple[object, ...]]:
        heard = []
        async with AsyncSubscriber(daemon.endpoint, kinds=["counts"]) as subscriber:
            daemon.wait_for_subscriber()
            for seq, run_id in ((7, "run1"), (8, "run1"), (11, "run1"), (1, "run2")):
                daemon.send(seq, run_id)
            async for item in subscriber:
                heard.append(said(item))
                if len(heard) == 6:
                    subscriber.close()
        return heard

    expected = [("run1", 7), ("run1", 8), ("gap", 2), ("run1", 11), ("restart", 0), ("run2", 1)]
    assert asyncio.run(asyncio.wait_for(run(), WAIT_S)) == expected


def test_others_work_while_it_waits_and_a_message_wakes_it(daemon: Daemon) -> None:
    async def run() -> tuple[int, tuple[object, ...]]:
        turns = 0
        async with AsyncSubscriber(daemon.endpoint, kinds=["counts"]) as subscriber:
            daemon.wait_for_subscriber()
            receiving = asyncio.create_task(subscriber.receive())
            while turns < 50:
                turns += 1
                await asyncio.sleep(0)
            assert not receiving.done()
            daemon.send(3)
            return turns, said(await receiving)

    assert asyncio.run(asyncio.wait_for(run(), WAIT_S)) == (50, ("run1", 3))


def test_messages_that_keep_coming_leave_others_their_turn(daemon: Daemon) -> None:
    async def run() -> list[str]:
        order: list[str] = []

        async def other() -> None:
            order.append("other")

        async with AsyncSubscriber(daemon.endpoint, kinds=["counts"]) as subscriber:
            daemon.wait_for_subscriber()
            for seq in range(1, 101):
                daemon.send(seq)
            task = None
            async for _ in subscriber:
                order.append("message")
                task = task or asyncio.create_task(other())
                if order.count("message") == 100:
                    break
        return order

    order = asyncio.run(asyncio.wait_for(run(), WAIT_S))
    assert order[:3] == ["message", "other", "message"]


def test_a_wait_that_is_given_up_loses_nothing(daemon: Daemon) -> None:
    async def run() -> tuple[object, ...]:
        async with AsyncSubscriber(daemon.endpoint, kinds=["counts"]) as subscriber:
            daemon.wait_for_subscriber()
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(subscriber.receive(), 0.02)
            daemon.send(1)
            return said(await subscriber.receive())

    assert asyncio.run(asyncio.wait_for(run(), WAIT_S)) == ("run1", 1)


def test_a_broken_message_is_an_error_and_the_next_comes(daemon: Daemon) -> None:
    async def run() -> tuple[object, ...]:
        async with AsyncSubscriber(daemon.endpoint, kinds=["counts"]) as subscriber:
            daemon.wait_for_subscriber()
            daemon.socket.send_multipart([b"counts/sem/main/", b"garbage"])
            daemon.send(1)
            with pytest.raises(WireError):
                await subscriber.receive()
            return said(await subscriber.receive())

    assert asyncio.run(asyncio.wait_for(run(), WAIT_S)) == ("run1", 1)


def test_close_ends_a_wait_and_may_come_twice(daemon: Daemon) -> None:
    async def run() -> None:
        subscriber = AsyncSubscriber(daemon.endpoint, kinds=["counts"])
        receiving = asyncio.create_task(subscriber.receive())
        await asyncio.sleep(0.02)
        subscriber.close()
        subscriber.close()
        with pytest.raises(EOFError):
            await receiving
        assert subscriber._subscriber._socket.closed

    asyncio.run(asyncio.wait_for(run(), WAIT_S))
