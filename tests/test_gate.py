import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import zmq
from locked import WAIT_S, Locks, make_locks, shakes_hands
from source_parts import header, picture, read_some, until
from told import detections

from nanotally.daemon import gate as gate_module
from nanotally.daemon.config import JournalConfig
from nanotally.daemon.control import ControlServer
from nanotally.daemon.gate import Gate, SecurityConfig
from nanotally.daemon.journal import Journal
from nanotally.daemon.publish import Publisher
from nanotally.daemon.replay import ReplayServer
from nanotally.daemon.sources import open_source
from nanotally.errors import ConfigError, WireError
from nanotally.wire import ClientKeys, DetectionsMessage, ReplayClient, Subscriber
from nanotally.wire.control import ControlClient, encode_answer
from nanotally.wire.curve import secure_client

QUIET_S = 0.3
Knock = Callable[[ClientKeys | None], bool]
"""Whether these keys get from a socket what it has to give."""


@pytest.fixture
def locks(tmp_path: Path) -> Locks:
    return make_locks(tmp_path / "keys")


@pytest.fixture
def gate(locks: Locks) -> Gate:
    return Gate(locks.config)


@pytest.fixture
def held() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def closed(gate: Gate, held: ExitStack) -> str:
    """Endpoint of a guarded socket."""
    context = held.enter_context(zmq.Context())
    socket = context.socket(zmq.ROUTER)
    held.callback(gate.guard(socket))
    held.callback(socket.close, linger=0)
    socket.bind("tcp://127.0.0.1:*")
    return socket.getsockopt_string(zmq.LAST_ENDPOINT)


def on_publish(endpoint: str, gate: Gate, held: ExitStack, tmp_path: Path) -> tuple[str, Knock]:
    publisher = held.enter_context(closing(Publisher(endpoint, instance="sem", gate=gate)))

    def nobody_is_there() -> bool:
        publisher.answer_subscribers()
        return publisher.subscriptions == 0

    def knock(keys: ClientKeys | None) -> bool:
        assert until(nobody_is_there)
        with Subscriber(publisher.endpoint, kinds=["detections"], keys=keys) as subscriber:
            for _ in range(1000):
                publisher.answer_subscribers()
                publisher.send(replace(detections(), origin=publisher.next_origin("detections", "main")))
                if subscriber.receive(0.02) is not None:
                    return True
                if subscriber.refused:
                    return subscriber.receive(QUIET_S) is not None or publisher.subscriptions > 0
        raise AssertionError("neither in nor out")

    return publisher.endpoint, knock


def on_replay(endpoint: str, gate: Gate, held: ExitStack, tmp_path: Path) -> tuple[str, Knock]:
    config = JournalConfig(directory=str(tmp_path / "journal"))
    journal = held.enter_context(closing(Journal(config, instance="sem", sources=["main"])))
    journal.commit(detections())
    server = held.enter_context(closing(ReplayServer(endpoint, journal, instance="sem", gate=gate)))
    server.start()

    def knock(keys: ClientKeys | None) -> bool:
        with closing(ReplayClient(server.endpoint, keys=keys)) as client:
            timeout_s = WAIT_S if shakes_hands(server.endpoint, keys) else QUIET_S
            page = client.ask("main", after_offset=None, timeout_s=timeout_s)
            return page is not None and len(page.messages) == 1

    return server.endpoint, knock


def on_control(endpoint: str, gate: Gate, held: ExitStack, tmp_path: Path) -> tuple[str, Knock]:
    asked: list[str | None] = []

    def carry_out() -> None:
        while (known := server.take()) is not None:
            asked.append(known.who)
            server.answer(known, encode_answer(known.request.id, ok={}, settings_sha256={}))

    server = held.enter_context(closing(ControlServer(endpoint, ring=carry_out, gate=gate)))
    server.start()

    def knock(keys: ClientKeys | None) -> bool:
        asked.clear()
        with closing(ControlClient(server.endpoint, keys=keys)) as client:
            try:
                client.ask("get", timeout_s=WAIT_S if shakes_hands(server.endpoint, keys) else QUIET_S)
            except WireError:
                return asked != []
            return asked == ["anna"]  # by the name of the key file

    return server.endpoint, knock


def on_zmq(endpoint: str, gate: Gate, held: ExitStack, tmp_path: Path) -> tuple[str, Knock]:
    source = held.enter_context(closing(open_source(f"zmq:{endpoint}", gate=gate)))
    pulling = source._socket  # type: ignore[attr-defined]
    bound = pulling.getsockopt_string(zmq.LAST_ENDPOINT)

    def knock(keys: ClientKeys | None) -> bool:
        with zmq.Context() as context, context.socket(zmq.PUSH) as sender:
            sender.linger, sender.immediate = 0, True
            sender.sndtimeo = round(1000 * (WAIT_S if shakes_hands(bound, keys, zmq.PUSH) else QUIET_S))
            secure_client(sender, keys)
            sender.connect(bound)
            try:
                sender.send_multipart([header(picture(3)), picture(3).tobytes()])
            except zmq.Again:
                return pulling.poll(round(1000 * QUIET_S)) != 0
            return len(read_some(source, 1)) == 1

    return bound, knock


@pytest.mark.parametrize("open_socket", [on_publish, on_replay, on_control, on_zmq])
@pytest.mark.parametrize("place", ["tcp://127.0.0.1:*", "tcp://0.0.0.0:*", "ipc://{tmp}/s"])
def test_a_known_key_gets_all_and_no_other_gets_anything(
    tmp_path: Path,
    held: ExitStack,
    locks: Locks,
    gate: Gate,
    open_socket: Callable[[str, Gate, ExitStack, Path], tuple[str, Knock]],
    place: str,
) -> None:
    _, knock = open_socket(place.format(tmp=tmp_path), gate, held, tmp_path)
    wrong_server = ClientKeys(locks.anna.own, locks.bert.own.public)
    assert knock(locks.anna)
    assert not knock(locks.bert)
    assert gate.refused > 0
    assert not knock(None)
    assert not knock(wrong_server)
    assert knock(locks.anna)


def test_key_that_is_copied_into_the_list_gets_in_and_one_that_is_deleted_does_not(locks: Locks, closed: str) -> None:
    assert not shakes_hands(closed, locks.bert)
    locks.admit("bert")
    assert shakes_hands(closed, locks.bert)
    (locks.allow / "bert.key").unlink()
    assert not shakes_hands(closed, locks.bert)
    assert shakes_hands(closed, locks.anna)


def test_subscriber_that_was_refused_gets_in_by_itself_once_it_is_allowed(locks: Locks, gate: Gate) -> None:
    with (
        closing(Publisher("tcp://127.0.0.1:*", instance="sem", gate=gate)) as publisher,
        Subscriber(publisher.endpoint, kinds=["detections"], keys=locks.bert) as subscriber,
    ):
        assert until(lambda: subscriber.receive(0.05) is None and subscriber.refused)
        locks.admit("bert")

        def told() -> bool:
            publisher.answer_subscribers()
            publisher.send(replace(detections(), origin=publisher.next_origin("detections", "main")))
            return isinstance(subscriber.receive(0.05), DetectionsMessage)

        assert until(told)
        assert not subscriber.refused


def test_list_that_cannot_be_read_lets_nobody_in_and_is_no_end(
    locks: Locks, closed: str, caplog: pytest.LogCaptureFixture
) -> None:
    locks.allow.rename(locks.folder / "away")
    assert not shakes_hands(closed, locks.anna)
    assert "allowed: No such file or directory; make the folder" in caplog.text
    (locks.folder / "away").rename(locks.allow)
    assert shakes_hands(closed, locks.anna)


def test_damaged_file_in_the_list_harms_only_itself(
    locks: Locks, closed: str, caplog: pytest.LogCaptureFixture
) -> None:
    (locks.allow / "bert.key").write_text("public-key = nonsense")
    (locks.allow / "carl.key").mkdir()
    (locks.allow / "notes.txt").write_text("not a key")
    assert shakes_hands(closed, locks.anna)
    assert not shakes_hands(closed, locks.bert)
    assert "bert.key: is no key file" in caplog.text
    assert "carl.key: Is a directory" in caplog.text


def test_refusals_are_counted_one_by_one_and_told_now_and_then(
    locks: Locks, gate: Gate, closed: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        assert not shakes_hands(closed, locks.bert)
    assert gate.refused == 3
    told = [record for record in caplog.records if record.name == gate_module.__name__]
    assert [record.levelno for record in told] == [logging.WARNING]
    assert locks.bert.own.public.decode() in told[0].getMessage()
    assert locks.bert.own.secret.decode() not in caplog.text


def test_without_who_decides_nobody_gets_in(locks: Locks, gate: Gate) -> None:
    """A guard that has ended must not be an open door."""
    with zmq.Context() as context, context.socket(zmq.ROUTER) as socket:
        unguard = gate.guard(socket)
        socket.bind("tcp://127.0.0.1:*")
        endpoint = socket.getsockopt_string(zmq.LAST_ENDPOINT)
        assert shakes_hands(endpoint, locks.anna)
        unguard()
        assert not shakes_hands(endpoint, locks.anna)


def test_gate_without_keys_lets_everybody_in(locks: Locks) -> None:
    gate = Gate()
    assert not gate.is_locked
    with closing(Publisher("tcp://127.0.0.1:*", instance="sem", gate=gate)) as publisher:
        assert shakes_hands(publisher.endpoint, None, zmq.SUB)
        assert not shakes_hands(publisher.endpoint, locks.anna, zmq.SUB)  # it insists on knowing who answers


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda locks: (locks.folder / "sem.key_secret").chmod(0o644), "sem.key_secret: a secret key that others can"),
        (lambda locks: (locks.folder / "sem.key_secret").unlink(), "sem.key_secret: No such file or directory"),
        (lambda locks: locks.allow.rename(locks.folder / "away"), "security.allow: .*make the folder, and copy"),
        (lambda locks: (locks.allow / "x.key").write_text(""), "security.allow: .*x.key: is no key file"),
    ],
)
def test_mistake_ends_the_daemon_at_its_start(locks: Locks, spoil: Callable[[Locks], object], complaint: str) -> None:
    spoil(locks)
    with pytest.raises(ConfigError, match=complaint):
        Gate(locks.config)


@pytest.mark.parametrize("given", [{"server_key": "x"}, {"allow": "x"}])
def test_half_of_the_configuration_is_an_error(given: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="belong together"):
        SecurityConfig(**given)


def test_closing_leaves_no_thread(locks: Locks, gate: Gate) -> None:
    before = threading.active_count()
    opening = partial(Publisher, "tcp://127.0.0.1:*", instance="sem", gate=gate)
    with closing(opening()), closing(open_source("zmq:tcp://127.0.0.1:*", gate=gate)):
        assert threading.active_count() == before + 2
    assert threading.active_count() == before
