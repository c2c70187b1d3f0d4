"""Every socket on IPv6 loopback."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

import pytest
import zmq
from control_desk import Rig, config_of, rig
from source_parts import free_port, picture
from waiting import WAIT_S

from nanotally.daemon.checkup import _socket_port
from nanotally.daemon.config import ControlConfig, MetricsConfig, PublishConfig, ReplayConfig
from nanotally.daemon.endpoint import host_of
from nanotally.daemon.forward.config import DaemonConfig
from nanotally.daemon.forward.inlet import Inlet
from nanotally.daemon.pages import Health, serving
from nanotally.daemon.sources import open_source
from nanotally.wire import DetectionsMessage, ReplayClient, StatusMessage, Subscriber
from nanotally.wire.control import ControlClient
from nanotally.wire.ipv6 import allow_ipv6

ANY = "tcp://[::1]:*"


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as trial:
            trial.bind(("::1", 0))
    except OSError:
        return False
    return True


pytestmark = pytest.mark.skipif(not _has_ipv6(), reason="this machine has no IPv6 loopback (sysctl disable_ipv6)")


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    config = replace(
        config_of(tmp_path),
        publish=PublishConfig(endpoint=ANY),
        replay=ReplayConfig(endpoint=ANY),
        control=ControlConfig(endpoint=ANY),
        metrics=MetricsConfig(address="::1", port=0),
    )
    with rig(config, monkeypatch) as running:
        yield running


def test_a_daemon_publishes_and_its_journal_answers(made: Rig) -> None:
    service = made.service
    assert service.replay is not None
    told = [service.publisher.endpoint, service.replay.endpoint, service.desk.control.endpoint]
    assert all(endpoint.startswith("tcp://[::1]:") for endpoint in told)
    with Subscriber(told[0]) as subscriber:
        assert _heard(made, subscriber, StatusMessage).replay == told[1]
        made.frame()
        offset = _heard(made, subscriber, DetectionsMessage).offset
    with closing(ReplayClient(told[1])) as replay:
        page = replay.ask("main", after_offset=None, timeout_s=WAIT_S)
        assert page is not None
        assert [message.offset for message in page.messages][:1] == [offset]


def _heard(made: Rig, subscriber: Subscriber, kind: type) -> object:
    for _ in range(600):
        made.service.tick()
        item = subscriber.receive(0)
        if isinstance(item, kind):
            return item
    raise AssertionError(f"no {kind.__name__} came")


def test_control_is_answered(made: Rig) -> None:
    with closing(ControlClient(made.service.desk.control.endpoint)) as client, ThreadPoolExecutor(1) as beside:
        answer = beside.submit(client.ask, "get", timeout_s=WAIT_S)
        while not answer.done():
            made.service.tick()
        assert answer.result().ok["instance"] == "sem"


def test_the_pages_are_served(made: Rig) -> None:
    with serving(made.service._metrics.registry, Health({}), address="::1", port=0) as url:
        assert url.startswith("http://[::1]:")
        with urllib.request.urlopen(url, timeout=WAIT_S) as answer:
            assert b"nanotally_source_up" in answer.read()


def test_the_live_page_is_served(tmp_path: Path) -> None:
    pytest.importorskip("starlette", reason="the overlay extra is not installed")
    with socket.socket(socket.AF_INET6) as trial:
        trial.bind(("::1", 0))
        port = trial.getsockname()[1]
    command = [sys.executable, "-m", "nanotally", "overlay", "tcp://[::1]:1", "--bind", f"[::1]:{port}"]
    page, deadline_s = b"", time.monotonic() + WAIT_S
    with (tmp_path / "said").open("wb") as said, subprocess.Popen(command, stderr=said) as process:
        try:
            while not page and process.poll() is None and time.monotonic() < deadline_s:
                with suppress(OSError), urllib.request.urlopen(f"http://[::1]:{port}/", timeout=WAIT_S) as answer:
                    page = answer.read()
                time.sleep(0.1)
        finally:
            process.terminate()
    assert b"<html" in page, (tmp_path / "said").read_text()


def test_frames_are_pushed() -> None:
    endpoint = f"tcp://[::1]:{free_port()}"
    with closing(open_source(f"zmq:{endpoint}")) as source, zmq.Context() as context:
        with context.socket(zmq.PUSH) as sender:
            sender.linger = 0
            allow_ipv6(sender, endpoint)
            sender.connect(endpoint)
            image = picture(3)
            header = {"width": image.shape[1], "height": image.shape[0]}
            sender.send_multipart([json.dumps(header).encode(), image.tobytes()])
            frame = next(frame for _ in range(200) if (frame := source.read(0.1)) is not None)
        assert (frame.image == image).all()


def test_a_forwarder_hears_a_daemon(made: Rig) -> None:
    with zmq.Context() as context:
        inlet = Inlet(context, "sem", DaemonConfig(endpoint=made.service.publisher.endpoint), None)
        with closing(inlet):
            for _ in range(600):
                made.service.tick()
                if inlet.news.socket.poll(0):
                    break
            assert inlet.take(replay=None) is not None


def test_a_name_and_an_older_address_are_looked_up_as_before() -> None:
    with zmq.Context() as context, context.socket(zmq.SUB) as client:
        for endpoint, wanted in (("tcp://[::1]:1", True), ("tcp://localhost:1", False), ("tcp://127.0.0.1:1", False)):
            allow_ipv6(client, endpoint)
            assert bool(client.ipv6) is wanted


def test_the_checkup_tries_the_port_and_an_address_needs_brackets() -> None:
    assert _socket_port("publish", ANY).verdict == "ok"
    assert host_of("tcp://[::]:5757") == "::"
    with pytest.raises(ValueError, match="is not an endpoint such as"):
        host_of("tcp://::1:5757")
