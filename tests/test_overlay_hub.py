"""What the hub knows of daemons that call themselves by the same name, or by too many."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest
from overlay_sender import Sender

from nanotally.overlay import hub as hub_module
from nanotally.overlay.address import Address
from nanotally.overlay.hub import Hub
from nanotally.overlay.microscope import Name

WAIT_S = 20.0


async def until(true: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + WAIT_S
    while not true():
        assert time.monotonic() < deadline_s
        await asyncio.sleep(0.01)


async def listening(hub: Hub, senders: list[Sender], then: Callable[[], Awaitable[None]]) -> None:
    """Run a hub until something was tried with its senders."""
    running = asyncio.create_task(hub.run())
    for sender in senders:
        await asyncio.to_thread(sender.await_subscriber)
    await then()
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


def test_of_two_daemons_of_one_name_the_first_is_shown(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    first, second = (Sender(f"ipc://{tmp_path}/{name}") for name in "ab")
    hub = Hub([Address(first.endpoint), Address(second.endpoint)])
    assert hub.signal(Name("sem", "main"), time.monotonic()).state == "waiting"

    async def both_speak() -> None:
        first.send_status()
        await until(lambda: Name("sem", "main") in hub.microscopes)
        for _ in range(3):
            second.send_status()
        second.send_status("other")
        await until(lambda: Name("sem", "other") in hub.microscopes)

    asyncio.run(listening(hub, [first, second], both_speak))
    microscope = hub.microscopes[Name("sem", "main")]
    assert microscope.address == Address(first.endpoint)
    assert microscope.status is not None
    assert microscope.status.message.origin.seq == 1
    lines = [record.message for record in caplog.records if "left out" in record.message]
    assert lines == [f"{second.endpoint}: also a sem/main, and left out: give one of the daemons another instance"]
    assert hub.signal(Name("sem", "main"), time.monotonic()).state == "heard"
    first.close()
    second.close()


def test_names_without_end_do_not_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "MOST_MICROSCOPES", 3)
    sender = Sender(f"ipc://{tmp_path}/a")
    hub = Hub([Address(sender.endpoint)])

    async def speaks() -> None:
        for number in range(9):
            sender.send_status(f"s{number}")
        wanted = sender.send_status("s0")
        await until(lambda: any(m.status and m.status.message.origin.seq == wanted for m in hub.microscopes.values()))

    asyncio.run(listening(hub, [sender], speaks))
    assert sorted(name.source for name in hub.microscopes) == ["s0", "s1", "s2"]
    sender.close()
