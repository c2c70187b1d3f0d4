"""The control socket: requests in, answers out, whatever comes."""

import json
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import zmq
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nanotally.daemon.control import LONGEST_REQUEST, MOST_WAITING, ControlServer
from nanotally.errors import ConfigError, WireError
from nanotally.wire import control as client_module
from nanotally.wire.control import ControlClient, decode_answer, encode_answer, encode_request

WAIT_S = 20.0
SHA = {"main": "ab" * 32}


class Loop:
    """A main loop that counts what it carries out; while `busy` is set it does nothing."""

    def __init__(self) -> None:
        self.bell = threading.Event()
        self.server = ControlServer("tcp://127.0.0.1:*", ring=self.bell.set)
        self.server.settings_sha256 = SHA
        self.carried_out: list[tuple[str, dict[str, object], str | None]] = []
        self.lost = 0
        self.busy = threading.Event()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._turn)
        self.server.start()
        self._thread.start()

    def _turn(self) -> None:
        while not self._over.is_set():
            self.bell.wait(0.05)
            self.bell.clear()
            if self.busy.is_set():
                continue
            asked = self.server.take()
            if asked is not None:
                self.carried_out.append((asked.request.verb, asked.request.args, asked.who))
                ok = {"number": len(self.carried_out)}
                self.server.answer(asked, encode_answer(asked.request.id, ok=ok, settings_sha256=SHA))

    def close(self) -> None:
        self._over.set()
        self._thread.join(WAIT_S)
        self.server.close()
        assert not self.server.is_alive()


@pytest.fixture
def loop() -> Iterator[Loop]:
    with closing(Loop()) as made:
        yield made


@contextmanager
def connected(loop: Loop, kind: int = zmq.DEALER) -> Iterator["zmq.Socket[bytes]"]:
    with zmq.Context() as context, context.socket(kind) as socket:
        socket.linger = 0
        socket.connect(loop.server.endpoint)
        yield socket


def answer_of(socket: "zmq.Socket[bytes]", *parts: bytes) -> dict[str, object]:
    socket.send_multipart(parts)
    assert socket.poll(round(WAIT_S * 1000))
    return dict(json.loads(socket.recv_multipart()[-1]))


def request(**parts: object) -> bytes:
    return json.dumps({"id": "1", "verb": "get", "args": {}, **parts}).encode()


@pytest.mark.parametrize("kind", [zmq.REQ, zmq.DEALER])
def test_both_kinds_of_sockets_are_answered(loop: Loop, kind: int) -> None:
    with connected(loop, kind) as socket:
        answer = answer_of(socket, request(args={"a": [1]}))
    assert answer == {"schema": 1, "id": "1", "ok": {"number": 1}, "settings_sha256": SHA}
    ((verb, args, who),) = loop.carried_out
    assert (verb, args, who) == ("get", {"a": [1]}, "127.0.0.1")


def test_an_answer_that_was_lost_is_given_again_and_nothing_is_done_twice(
    loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "ASK_AGAIN_S", 0.2)
    loop.busy.set()
    threading.Timer(1.0, loop.busy.clear).start()  # the client asks again and again meanwhile
    with ControlClient(loop.server.endpoint) as client:
        assert client.ask("set", {"x": 1}, timeout_s=WAIT_S).ok == {"number": 1}
        assert client.ask("get", timeout_s=WAIT_S).ok == {"number": 2}
    assert [verb for verb, _, _ in loop.carried_out] == ["set", "get"]


def test_the_same_request_again_has_the_same_answer_and_another_with_its_id_is_refused(loop: Loop) -> None:
    with connected(loop) as socket:
        first, again = (answer_of(socket, request(verb="set")) for _ in range(2))
        other = answer_of(socket, request(verb="reload"))
    assert first == again
    assert "draw a new one" in str(other["error"])
    assert len(loop.carried_out) == 1


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"[" * 5000,
        b"{}",
        request(id=""),
        request(id="x" * 65),
        request(id=7),
        request(verb=None),
        request(args=[1]),
        request(args={}).replace(b"{}", b'{"a": 1e999}'),
    ],
)
def test_nonsense_is_answered_with_an_error(loop: Loop, raw: bytes) -> None:
    with connected(loop) as socket:
        answer = answer_of(socket, raw)
    assert str(answer["error"]).startswith("not a request: ")
    assert (answer["id"], answer["settings_sha256"]) == (None, SHA)
    assert loop.carried_out == []


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.binary(max_size=50), min_size=1, max_size=4))
def test_whatever_comes_the_next_request_is_answered(loop: Loop, parts: list[bytes]) -> None:
    with connected(loop) as socket:
        answer_of(socket, *parts)
        before = len(loop.carried_out)
        assert answer_of(socket, request(id=f"after {before}"))["ok"] == {"number": before + 1}


def test_too_long_a_request_costs_who_asks_the_connection_and_nobody_else(loop: Loop) -> None:
    with connected(loop) as rude, connected(loop) as other:
        rude.send(bytes(LONGEST_REQUEST + 1))
        assert "ok" in answer_of(other, request())
        assert not rude.poll(0)


def test_more_than_can_wait_are_refused_and_the_others_carried_out(loop: Loop) -> None:
    loop.busy.set()
    with connected(loop) as socket:
        for number in range(MOST_WAITING + 5):
            socket.send(request(id=str(number)))
        refused = []
        for _ in range(5):
            assert socket.poll(round(WAIT_S * 1000))
            refused.append(json.loads(socket.recv()))
        assert all("ask again later" in each["error"] for each in refused)
        loop.busy.clear()
        done = []
        for _ in range(MOST_WAITING):
            assert socket.poll(round(WAIT_S * 1000))
            done.append(json.loads(socket.recv())["id"])
    assert done == [str(number) for number in range(MOST_WAITING)]


def test_who_asks_and_never_reads_keeps_nobody_waiting(loop: Loop) -> None:
    with connected(loop) as deaf, connected(loop) as other:
        deaf.rcvhwm = 1
        for number in range(300):
            deaf.send(request(id=f"deaf {number}", args={"a": "b" * 1000}))
        assert "settings_sha256" in answer_of(other, request())


def test_an_endpoint_in_use_is_an_error(loop: Loop) -> None:
    with pytest.raises(ConfigError, match=r"control\.endpoint .* in use; does another instance run\?"):
        ControlServer(loop.server.endpoint, ring=lambda: None)


def test_a_daemon_that_is_not_there_is_named() -> None:
    with ControlClient("ipc:///tmp/nanotally-nobody") as client, pytest.raises(WireError, match="no answer from ipc:"):
        client.ask("get", timeout_s=0.2)


def test_a_late_answer_is_not_taken_for_the_next(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "ASK_AGAIN_S", 5.0)
    loop.busy.set()
    with ControlClient(loop.server.endpoint) as client:
        with pytest.raises(WireError, match="no answer"):
            client.ask("set", timeout_s=0.3)
        loop.busy.clear()
        client.ask("get", timeout_s=WAIT_S)
    assert [verb for verb, _, _ in loop.carried_out][-1] == "get"


@pytest.mark.parametrize("raw", [b"no", b"{}", b'{"schema": 2}', b'{"schema": 1, "ok": 3}', b'{"schema": 1, "ok": {}}'])
def test_what_is_no_answer_is_an_error(raw: bytes) -> None:
    with pytest.raises(WireError):
        decode_answer(raw)


def test_an_error_is_raised_as_the_daemon_says_it() -> None:
    with pytest.raises(WireError, match="control: no such key"):
        decode_answer(encode_answer("1", error="no such key", settings_sha256={}))
    assert json.loads(encode_request("1", "get", {})) == {"schema": 1, "id": "1", "verb": "get", "args": {}}


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_socket_that_was_closed_or_never_bound_holds_no_descriptor() -> None:
    def open_and_close() -> None:
        with closing(ControlServer("tcp://127.0.0.1:*", ring=lambda: None)) as server:
            server.start()
            with pytest.raises(ConfigError):
                ControlServer(server.endpoint, ring=lambda: None)
        server.close()
        with closing(ControlServer("tcp://127.0.0.1:*", ring=lambda: None)):
            pass  # never started

    open_and_close()  # what a library opens once for good
    before = descriptors()
    for _ in range(3):
        open_and_close()
    assert descriptors() == before
