"""Damaged messages from a daemon harm nothing behind them."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from overlay_sender import Sender
from told import status

from nanotally.overlay.listener import Listener
from nanotally.wire import Message, StatusMessage, Subscriber, encode

WAIT_S = 20.0


@dataclass
class Line:
    """A sender and a listener to it."""

    sender: Sender
    heard: queue.Queue[Message]


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    line = Line(Sender(f"ipc://{tmp_path}/publish"), queue.Queue())
    listener = Listener(Subscriber(line.sender.endpoint, kinds=("status", "counts")), line.heard.put)
    line.sender.await_subscriber()
    yield line
    listener.join()
    line.sender.close()


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_message_behind_damaged_ones_is_heard(line: Line, data: st.DataObject) -> None:
    topic, header = encode(status(line.sender.seq + 1000))
    at = data.draw(st.integers(0, len(header) - 1))
    damaged = data.draw(
        st.sampled_from([[topic], [topic, b"{}"], [topic, b"[" * 5000], [b"status/", header], [topic, b"NaN"]])
        | st.binary().map(lambda raw: [topic, header[:at] + raw])
        | st.binary().map(lambda raw: [b"counts/sem/main/", header[:at] + raw + header[at + 1 :]])
        | st.lists(st.binary(), max_size=3).map(lambda parts: [b"status/" + b"x", *parts])
    )
    line.sender.socket.send_multipart(damaged)
    wanted = line.sender.send_status()
    while True:
        heard = line.heard.get(timeout=WAIT_S)
        if isinstance(heard, StatusMessage) and heard.origin.seq == wanted:
            return


def test_complaints_are_few(line: Line, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(50):
        line.sender.socket.send_multipart([b"status/sem/main/", b"nonsense"])
    wanted = line.sender.send_status()
    assert isinstance(heard := line.heard.get(timeout=WAIT_S), StatusMessage)
    assert heard.origin.seq == wanted
    complaints = [record.message for record in caplog.records if "passed over" in record.message]
    assert len(complaints) == 1
    assert "status/sem/main/: header is not JSON" in complaints[0]
