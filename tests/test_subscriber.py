import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime, timezone

import pytest
import zmq

from nanotally.errors import WireError
from nanotally.wire import CountsMessage, Gap, Message, Origin, Subscriber, Topic, encode

WAIT_S = 10.0
"""For what must come; a test that passes never waits so long."""
QUIET_S = 0.05
"""For what must not come."""


class Daemon:
    """A publisher that says what the test tells it to."""

    def __init__(self, port: int = 0) -> None:
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.XPUB)
        self.socket.linger = 1000
        self.socket.setsockopt(zmq.XPUB_VERBOSE, 1)
        self.socket.bind(f"tcp://127.0.0.1:{port or '*'}")
        self.endpoint = self.socket.getsockopt_string(zmq.LAST_ENDPOINT)
        self.port = int(self.endpoint.rpartition(":")[2])

    def close(self) -> None:
        self.socket.close()
        self.context.term()  # from here on the port is free

    def wait_for_subscriber(self) -> None:
        assert self.socket.poll(round(WAIT_S * 1000))
        self.socket.recv()

    def send(self, seq: int, run_id: str = "run1", source: str = "main") -> None:
        self.socket.send_multipart(encode(counts(seq, run_id, source)))


def counts(seq: int, run_id: str = "run1", source: str = "main") -> CountsMessage:
    return CountsMessage(
        origin=Origin(run_id, "sem", source, seq),
        frame=seq,
        grabbed_ns=0,
        wall=datetime.now(timezone.utc),
        age_ms=1.0,
        nm_per_px=None,
        state="live",
        counts={"cube": seq},
        truncated=False,
    )


@pytest.fixture
def daemon() -> Iterator[Daemon]:
    with closing(Daemon()) as made:
        yield made


@pytest.fixture
def subscriber(daemon: Daemon) -> Iterator[Subscriber]:
    with Subscriber(daemon.endpoint, kinds=["counts"]) as made:
        daemon.wait_for_subscriber()
        yield made


def said(item: Message | Gap | None) -> tuple[object, ...]:
    if isinstance(item, Gap):
        return ("restart" if item.restarted else "gap", item.missed)
    assert isinstance(item, CountsMessage)
    return (item.origin.run_id, item.origin.seq)


def receive(subscriber: Subscriber, n: int) -> list[tuple[object, ...]]:
    return [said(subscriber.receive(WAIT_S)) for _ in range(n)]


def test_messages_come_in_order_and_the_first_may_have_any_number(daemon: Daemon, subscriber: Subscriber) -> None:
    for seq in (7, 8, 9):
        daemon.send(seq)
    assert receive(subscriber, 3) == [("run1", 7), ("run1", 8), ("run1", 9)]
    assert subscriber.receive(QUIET_S) is None


def test_a_gap_is_told_before_the_message_behind_it(daemon: Daemon, subscriber: Subscriber) -> None:
    for seq in (1, 5, 6):
        daemon.send(seq)
    assert receive(subscriber, 4) == [("run1", 1), ("gap", 3), ("run1", 5), ("run1", 6)]


def test_a_gap_says_where(daemon: Daemon, subscriber: Subscriber) -> None:
    daemon.send(1)
    daemon.send(4)
    subscriber.receive(WAIT_S)
    gap = subscriber.receive(WAIT_S)
    assert gap == Gap(
        Topic("counts", "sem", "main"),
        2,
        False,
        Origin("run1", "sem", "main", 1),
        Origin("run1", "sem", "main", 4),
    )


def test_a_restart_is_told_with_what_is_missing_of_the_new_run(daemon: Daemon, subscriber: Subscriber) -> None:
    daemon.send(8)
    daemon.send(1, "run2")
    daemon.send(2, "run2")
    daemon.send(5, "run3")
    expected = [("run1", 8), ("restart", 0), ("run2", 1), ("run2", 2), ("restart", 4), ("run3", 5)]
    assert receive(subscriber, 6) == expected


def test_what_comes_again_is_dropped(daemon: Daemon, subscriber: Subscriber) -> None:
    for seq in (3, 3, 2, 4):
        daemon.send(seq)
    assert receive(subscriber, 2) == [("run1", 3), ("run1", 4)]


def test_topics_are_counted_apart(daemon: Daemon, subscriber: Subscriber) -> None:
    daemon.send(1)
    daemon.send(9, source="other")
    daemon.send(2)
    assert receive(subscriber, 3) == [("run1", 1), ("run1", 9), ("run1", 2)]


@pytest.mark.parametrize("chosen", [{"source": "main"}, {"instance": "sem", "source": "main"}])
def test_only_what_was_asked_for_comes(daemon: Daemon, chosen: dict[str, str]) -> None:
    with Subscriber(daemon.endpoint, kinds=["counts"], **chosen) as subscriber:
        daemon.wait_for_subscriber()
        daemon.send(1, source="other")
        daemon.send(1, source="main")
        item = subscriber.receive(WAIT_S)
        assert isinstance(item, CountsMessage)
        assert item.origin.source == "main"


def test_an_instance_whose_name_is_longer_is_another(daemon: Daemon) -> None:
    with Subscriber(daemon.endpoint, kinds=["counts"], instance="se") as subscriber:
        daemon.wait_for_subscriber()
        daemon.send(1)
        assert subscriber.receive(QUIET_S) is None


def test_a_broken_message_is_an_error_and_shows_as_a_gap(daemon: Daemon, subscriber: Subscriber) -> None:
    daemon.send(1)
    daemon.socket.send_multipart([b"counts/sem/main/", b"garbage"])
    daemon.send(3)
    assert receive(subscriber, 1) == [("run1", 1)]
    with pytest.raises(WireError):
        subscriber.receive(WAIT_S)
    assert receive(subscriber, 2) == [("gap", 1), ("run1", 3)]


def test_iteration_goes_on_behind_a_broken_message(daemon: Daemon, subscriber: Subscriber) -> None:
    daemon.socket.send_multipart([b"counts/sem/main/", b"garbage"])
    daemon.send(2)
    with pytest.raises(WireError):
        next(subscriber)
    assert said(next(subscriber)) == ("run1", 2)


def test_daemon_may_come_later_and_again() -> None:
    with closing(Daemon()) as daemon:
        port = daemon.port
    with Subscriber(f"tcp://127.0.0.1:{port}", kinds=["counts"]) as subscriber:
        assert subscriber.receive(QUIET_S) is None
        for number, expected in ((1, [("run1", 1)]), (2, [("restart", 0), ("run2", 1)])):
            with closing(Daemon(port)) as again:
                deadline = time.monotonic() + WAIT_S
                while not again.socket.poll(0) and time.monotonic() < deadline:
                    # ZeroMQ sends subscriptions again only while the subscriber is in use.
                    assert subscriber.receive(QUIET_S) is None
                again.wait_for_subscriber()
                again.send(1, f"run{number}")
                assert receive(subscriber, len(expected)) == expected


def test_closed_subscriber_ends_its_iteration(daemon: Daemon, subscriber: Subscriber) -> None:
    daemon.send(1)
    daemon.send(2)
    seen = []
    for item in subscriber:
        seen.append(said(item))
        if len(seen) == 2:
            subscriber.close()
    assert seen == [("run1", 1), ("run1", 2)]


def test_receive_after_close_says_so(subscriber: Subscriber) -> None:
    subscriber.close()
    subscriber.close()
    with pytest.raises(EOFError):
        subscriber.receive(QUIET_S)


def test_close_from_another_thread_wakes_the_reader(subscriber: Subscriber) -> None:
    threading.Timer(0.05, subscriber.close).start()
    with pytest.raises(EOFError):
        subscriber.receive(WAIT_S)
    assert subscriber._socket.closed


def test_close_from_a_signal_handler_wakes_the_reader(subscriber: Subscriber) -> None:
    before = signal.signal(signal.SIGALRM, lambda *_: subscriber.close())
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with pytest.raises(EOFError):
            subscriber.receive(WAIT_S)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert subscriber._socket.closed


@pytest.mark.parametrize("timeout_s", [0.0, 0.02, 0.15])
def test_receive_never_waits_longer_than_told(subscriber: Subscriber, timeout_s: float) -> None:
    began = time.monotonic()
    assert subscriber.receive(timeout_s) is None
    assert timeout_s <= time.monotonic() - began < timeout_s + 2


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: Subscriber("nonsense"), zmq.ZMQError),
        (lambda: Subscriber(instance="SEM 1"), WireError),
        (lambda: Subscriber(source="a/b"), WireError),
    ],
)
def test_nonsense_is_refused_and_nothing_is_left_open(make: Callable[[], Subscriber], error: type[Exception]) -> None:
    with pytest.raises(error):
        make()
