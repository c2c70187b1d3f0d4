import json
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path

import pytest
import zmq
from told import detections, status

from nanotally.errors import WireError
from nanotally.wire import PageFacts, ReplayClient, encode
from nanotally.wire.replay import decode_page, encode_fault, encode_page, seen_from

WAIT_S = 20.0
QUIET_S = 0.05
DOCS = (Path(__file__).parent.parent / "docs" / "wire-format.md").read_text()
FACTS = PageFacts(
    instance="sem", source="main", base_offset=3, first_offset=5, last_offset=9, expired=(3, 4), parts=(3, 3)
)
RECORDS = [encode(detections(1, 5)), encode(detections(2, 6))]
Answer = Callable[[bytes], "list[bytes] | None"]


def test_what_was_written_is_read() -> None:
    page = decode_page(encode_page(FACTS, RECORDS))
    assert page.facts == FACTS
    assert [(m.offset, m.origin.seq, len(m.records)) for m in page.messages] == [(5, 1, 3), (6, 2, 3)]


@pytest.mark.parametrize(
    ("parts", "complaint"),
    [
        (encode_fault("no source 'x'; there are main"), "no source 'x'; there are main"),
        ([b"nonsense"], "not JSON"),
        ([b'{"schema": 2}'], "schema 2, this reader knows 1"),
        ([b'{"schema": 1}'], "no 'instance'"),
        (encode_page(FACTS, RECORDS[:1]), "3 parts do not make 2 records"),
        (encode_page(FACTS, [*RECORDS, [b"x"]]), "7 parts do not make 2 records"),
        (encode_page(FACTS, [[b"a", b"b", b"c"], RECORDS[0]]), "topic"),
        (encode_page(FACTS, [[*encode(status(1)), b""], RECORDS[0]]), "a record is of the kind status"),
    ],
)
def test_a_broken_answer_is_a_wire_error(parts: list[bytes], complaint: str) -> None:
    with pytest.raises(WireError, match=re.escape(complaint)):
        decode_page(parts)


def test_every_key_of_an_answer_is_on_the_page() -> None:
    section = DOCS.split("## Replay")[1].split("\n## ")[0]
    assert [f.name for f in fields(PageFacts) if f"`{f.name}`" not in section] == []


@pytest.fixture
def answering() -> Iterator[Callable[[Answer], str]]:
    """Starts a server that answers as it is told to; gives its endpoint."""
    context, stopping, threads = zmq.Context(), threading.Event(), []

    def start(answer: Answer) -> str:
        socket = context.socket(zmq.ROUTER)
        socket.linger = 0
        socket.bind("tcp://127.0.0.1:*")

        def serve() -> None:
            while not stopping.is_set():
                if socket.poll(20):
                    who, question = socket.recv_multipart()
                    parts = answer(question)
                    if parts is not None:
                        socket.send_multipart([who, *parts])
            socket.close()

        endpoint = socket.getsockopt_string(zmq.LAST_ENDPOINT)
        threads.append(threading.Thread(target=serve))
        threads[-1].start()
        return endpoint

    yield start
    stopping.set()
    for thread in threads:
        thread.join(WAIT_S)
    context.term()


def test_a_question_is_what_the_page_says(answering: Callable[[Answer], str]) -> None:
    asked: list[dict[str, object]] = []

    def answer(question: bytes) -> list[bytes]:
        asked.append(json.loads(question))
        return encode_page(FACTS, RECORDS)

    client = ReplayClient(answering(answer))
    page = client.ask("main", after_offset=4, limit=7, timeout_s=WAIT_S)
    client.close()
    assert page is not None
    assert len(page.messages) == 2
    assert asked == [{"schema": 1, "source": "main", "after_offset": 4, "limit": 7}]


def test_a_late_answer_is_not_taken_for_the_next(answering: Callable[[Answer], str]) -> None:
    seen = 0

    def answer(question: bytes) -> list[bytes] | None:
        nonlocal seen
        seen += 1
        return None if seen == 1 else encode_fault(f"answer {seen}")

    client = ReplayClient(answering(answer))
    while seen == 0:
        assert client.ask("main", after_offset=None, timeout_s=QUIET_S) is None
    with pytest.raises(WireError, match="answer"):
        client.ask("main", after_offset=None, timeout_s=WAIT_S)
    client.close()


def test_nobody_there_is_no_answer_in_time() -> None:
    client = ReplayClient("tcp://127.0.0.1:9")
    assert client.ask("main", after_offset=None, timeout_s=QUIET_S) is None
    client.close()
    client.close()


def test_nonsense_is_no_endpoint() -> None:
    with pytest.raises(zmq.ZMQError):
        ReplayClient("nonsense")


@pytest.mark.parametrize(
    ("endpoint", "told", "seen"),
    [
        ("tcp://sem-pc:5757", "tcp://0.0.0.0:5758", "tcp://sem-pc:5758"),
        ("tcp://[fd00::7]:5757", "tcp://[::]:5758", "tcp://[fd00::7]:5758"),
        ("tcp://sem-pc:5757", "tcp://192.168.1.7:5758", "tcp://192.168.1.7:5758"),
        ("ipc:///run/s", "ipc:///run/r", "ipc:///run/r"),
    ],
)
def test_all_addresses_of_a_daemon_are_those_where_it_was_found(endpoint: str, told: str, seen: str) -> None:
    assert seen_from(endpoint, told) == seen
