import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import zmq
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from told import detections

from nanotally.daemon.config import JournalConfig
from nanotally.daemon.journal import Journal
from nanotally.daemon.replay import LONGEST_QUESTION, ReplayServer
from nanotally.errors import ConfigError
from nanotally.wire.replay import decode_page

WAIT_S = 20.0
PAGE = (Path(__file__).parent.parent / "docs" / "wire-format.md").read_text()


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with closing(Journal(JournalConfig(directory=str(tmp_path)), instance="sem", sources=["main"])) as made:
        for seq in range(1, 11):
            made.commit(detections(seq))
        yield made


@pytest.fixture
def server(journal: Journal) -> Iterator[ReplayServer]:
    with closing(ReplayServer("tcp://127.0.0.1:*", journal, instance="sem")) as made:
        made.start()
        yield made


@pytest.fixture
def asker(server: ReplayServer) -> Iterator["zmq.Socket[bytes]"]:
    context = zmq.Context()
    socket = context.socket(zmq.DEALER)
    socket.linger = 0
    socket.connect(server.endpoint)
    yield socket
    socket.close()
    context.term()


def answer(server: ReplayServer, **question: object) -> list[bytes]:
    return server.answer(json.dumps({"source": "main", **question}).encode())


def error_of(parts: list[bytes]) -> str:
    (header,) = parts
    return str(json.loads(header)["error"])


def test_records_behind_an_offset_come_with_what_the_journal_holds(server: ReplayServer, journal: Journal) -> None:
    last = journal.last_offset("main") or 0
    page = decode_page(answer(server, after_offset=last - 4, limit=3))
    assert [m.offset for m in page.messages] == [last - 3, last - 2, last - 1]
    assert [m.origin.seq for m in page.messages] == [7, 8, 9]
    facts = page.facts
    assert (facts.instance, facts.source, facts.first_offset, facts.last_offset) == ("sem", "main", last - 9, last)
    assert (facts.base_offset, facts.expired, facts.parts) == (last - 9, None, (3, 3, 3))


def test_what_is_behind_the_end_is_an_empty_page(server: ReplayServer, journal: Journal) -> None:
    assert decode_page(answer(server, after_offset=journal.last_offset("main"))).messages == ()
    assert decode_page(answer(server, after_offset=2**70)).messages == ()


@pytest.mark.parametrize("question", [{}, {"after_offset": None}, {"after_offset": -(2**70)}, {"colour": [1, {}]}])
def test_everything_is_the_default(server: ReplayServer, question: dict[str, object]) -> None:
    assert len(decode_page(answer(server, **question)).messages) == 10


@pytest.mark.parametrize(
    ("raw", "complaint"),
    [
        (b"", "not a question"),
        (b"\xff\xfe", "not a question"),
        (b"[]", "not a question"),
        (b"[" * 2000, "not a question"),
        (b"{}", "missing required field `source`"),
        (b'{"source": 3}', "not a question"),
        (b'{"source": "main", "limit": "all"}', "not a question"),
        (b'{"source": "main", "limit": 1.5}', "not a question"),
        (b'{"source": "main", "limit": 0}', "limit 0: at least 1"),
        (b'{"source": "main", "limit": -99999999999999999999999}', "at least 1"),
        (b'{"source": "Main"}', "no source 'Main'; there are main"),
        (b'{"source": "../main"}', "no source"),
    ],
)
def test_nonsense_is_answered_with_an_error(server: ReplayServer, raw: bytes, complaint: str) -> None:
    assert complaint in error_of(server.answer(raw))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
questions = st.fixed_dictionaries(
    {}, optional={"source": st.just("main") | json_values, "after_offset": json_values, "limit": json_values}
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300) | questions.map(lambda question: json.dumps(question).encode()))
def test_whatever_is_asked_is_answered(server: ReplayServer, raw: bytes) -> None:
    header, *records = server.answer(raw)
    facts = json.loads(header)
    assert facts["schema"] == 1
    assert "error" in facts or sum(facts["parts"]) == len(records)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.binary(max_size=50), min_size=1, max_size=5))
def test_whatever_comes_over_the_socket_the_next_question_is_answered(
    server: ReplayServer, asker: "zmq.Socket[bytes]", parts: list[bytes]
) -> None:
    asker.send_multipart(parts)
    assert asker.poll(round(WAIT_S * 1000))
    assert asker.recv_multipart()[: len(parts) - 1] == parts[:-1]
    asker.send_json({"source": "main", "limit": 1})
    assert asker.poll(round(WAIT_S * 1000))
    assert len(decode_page(asker.recv_multipart()).messages) == 1
    assert server.is_alive()


def test_too_long_a_question_costs_who_asks_the_connection_and_nobody_else(
    server: ReplayServer, asker: "zmq.Socket[bytes]"
) -> None:
    with zmq.Context() as context, context.socket(zmq.DEALER) as rude:
        rude.linger = 0
        rude.connect(server.endpoint)
        rude.send(bytes(LONGEST_QUESTION + 1))
        asker.send_json({"source": "main"})
        assert asker.poll(round(WAIT_S * 1000))
        assert len(decode_page(asker.recv_multipart()).messages) == 10
        assert not rude.poll(0)


def test_who_asks_and_never_reads_keeps_nobody_waiting(server: ReplayServer, asker: "zmq.Socket[bytes]") -> None:
    with zmq.Context() as context, context.socket(zmq.DEALER) as deaf:
        deaf.linger, deaf.rcvhwm = 0, 1
        deaf.connect(server.endpoint)
        for _ in range(500):
            deaf.send_json({"source": "main"})
        asker.send_json({"source": "main"})
        assert asker.poll(round(WAIT_S * 1000))
        assert len(decode_page(asker.recv_multipart()).messages) == 10


def test_a_journal_that_cannot_be_read_is_an_error_and_no_end(
    server: ReplayServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as broken:
        broken.setattr(Path, "open", fail)
        assert error_of(answer(server)) == "the journal cannot be read: Permission denied"
    assert len(decode_page(answer(server)).messages) == 10


def test_an_endpoint_in_use_is_an_error(server: ReplayServer, journal: Journal) -> None:
    with pytest.raises(ConfigError, match=r"replay\.endpoint .* in use; does another instance run\?"):
        ReplayServer(server.endpoint, journal, instance="sem")


def test_the_asker_on_the_page_reads_everything(server: ReplayServer, journal: Journal, tmp_path: Path) -> None:
    _, program = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    path = tmp_path / "ask.py"
    path.write_text(program)
    command = [sys.executable, "-I", str(path), server.endpoint]
    said = subprocess.run(command, capture_output=True, text=True, timeout=WAIT_S, check=True).stdout.splitlines()
    last = journal.last_offset("main") or 0
    assert said == [f"{offset} 96 bytes of records" for offset in range(last - 9, last + 1)]
