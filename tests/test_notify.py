from __future__ import annotations

import os
import select
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from nanotally.daemon.notify import Notifier


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """What systemd listens on."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(5)
        yield listening


def told(manager: socket.socket) -> list[str]:
    heard = []
    while select.select([manager], [], [], 0)[0]:
        heard.append(manager.recv(4096).decode())
    return heard


def environment(manager: socket.socket, **more: str) -> dict[str, str]:
    return {"NOTIFY_SOCKET": manager.getsockname(), **more}


def test_a_life_is_told(manager: socket.socket) -> None:
    notifier = Notifier(environment(manager))
    notifier.ready()
    notifier.status("5 frames/s,\n12 particles")
    notifier.reloading()
    notifier.stopping()
    notifier.close()
    ready, status, reloading, stopping = told(manager)
    assert (ready, status, stopping) == ("READY=1", "STATUS=5 frames/s, 12 particles", "STOPPING=1")
    assert reloading.startswith("RELOADING=1\nMONOTONIC_USEC=")


def test_an_abstract_socket_is_found() -> None:
    name = f"\0nanotally-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(name)
        with closing(Notifier({"NOTIFY_SOCKET": "@" + name[1:]})) as notifier:
            notifier.ready()
        assert told(listening) == ["READY=1"]


def test_the_watchdog_hears_a_third_of_its_time_apart(manager: socket.socket) -> None:
    deadline, turns = time.monotonic() + 0.5, 0
    with closing(Notifier(environment(manager, WATCHDOG_USEC="300000"))) as notifier:
        while time.monotonic() < deadline:
            notifier.alive()
            turns += 1
            time.sleep(0.001)
    heard = told(manager)
    assert 2 <= len(heard) <= 6 < turns
    assert set(heard) == {"WATCHDOG=1"}


@pytest.mark.parametrize("more", [{}, {"WATCHDOG_USEC": "300000", "WATCHDOG_PID": "1"}, {"WATCHDOG_USEC": "soon"}])
def test_a_watchdog_that_is_not_ours_is_not_fed(manager: socket.socket, more: dict[str, str]) -> None:
    with closing(Notifier(environment(manager, **more))) as notifier:
        notifier.alive()
    assert told(manager) == []


def test_without_a_manager_or_with_a_deaf_one_nothing_happens(tmp_path: Path) -> None:
    for given in ({}, {"NOTIFY_SOCKET": str(tmp_path / "gone")}):
        notifier = Notifier(given)
        notifier.ready()
        notifier.stopping()
        notifier.close()
