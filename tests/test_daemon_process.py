import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from waiting import WAIT_S, until

from nanotally.wire import DetectionsMessage, Gap, StatusMessage, Subscriber

SCRIPT = Path(__file__).with_name("stand_in_daemon.py")


class Starter:
    """Starts daemons, one after the other, on one free port; they follow a simulated stage without end."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.endpoint = f"tcp://127.0.0.1:{free.getsockname()[1]}"
        self.config = folder / "sem.toml"
        self.config.write_text(
            '[source.main]\nuri = "sim:?width=96&height=64&particles=3&fps=50"\n'
            f'[publish]\nendpoint = "{self.endpoint}"\n[control]\nendpoint = "tcp://127.0.0.1:*"\n[metrics]\nport = 0\n'
        )
        self.started: list[subprocess.Popen[str]] = []

    def __call__(self) -> "subprocess.Popen[str]":
        command = [sys.executable, str(SCRIPT), str(self.config)]
        self.started.append(subprocess.Popen(command, stderr=subprocess.PIPE, text=True))
        return self.started[-1]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Starter]:
    starter = Starter(tmp_path)
    yield starter
    for process in starter.started:
        process.kill()
        process.communicate(timeout=WAIT_S)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_the_daemon_cleanly(start: Starter, number: signal.Signals) -> None:
    with Subscriber(start.endpoint, kinds=("detections", "status")) as subscriber:
        process = start()
        until(subscriber, lambda item: isinstance(item, DetectionsMessage))
        process.send_signal(number)
        last = until(subscriber, lambda item: isinstance(item, StatusMessage) and item.stopping)[-1]
        _, said = process.communicate(timeout=WAIT_S)
    assert process.returncode == 0
    assert isinstance(last, StatusMessage)
    assert last.frames_grabbed == last.frames_processed + last.frames_dropped
    assert "Traceback" not in said
    assert "stopped: " in said.splitlines()[-1]


def test_subscriber_goes_on_after_a_kill_and_tells_the_gap(start: Starter) -> None:
    with Subscriber(start.endpoint, kinds=("detections",)) as subscriber:
        first = start()
        before = until(subscriber, lambda item: isinstance(item, DetectionsMessage) and item.origin.seq >= 3)
        os.kill(first.pid, signal.SIGKILL)
        first.wait(WAIT_S)
        start()
        gap = until(subscriber, lambda item: isinstance(item, Gap) and item.restarted)[-1]
        after = until(subscriber, lambda item: isinstance(item, DetectionsMessage) and item.origin.seq >= 3)
    assert isinstance(gap, Gap)
    assert gap.before.run_id == before[-1].origin.run_id  # type: ignore[union-attr]
    assert gap.after.run_id == after[-1].origin.run_id  # type: ignore[union-attr]
    assert gap.before.run_id != gap.after.run_id
