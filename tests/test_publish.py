import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pytest
import zmq

from nanotally.daemon.publish import LONGEST_TOPIC, MOST_AT_ONCE, Publisher, to_jpeg
from nanotally.errors import ConfigError
from nanotally.opencv import cv2
from nanotally.wire import CountsMessage, FrameMessage, Message, Model, StatusMessage, Subscriber, decode

WAIT_S = 10.0
QUIET_MS = 50
Listen = Callable[..., "zmq.Socket[bytes]"]
NOW = datetime.now(timezone.utc)


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    with closing(Publisher("tcp://127.0.0.1:*", instance="sem")) as made:
        yield made


@pytest.fixture
def listen(publisher: Publisher) -> Iterator[Listen]:
    """Connects sockets, each when the one before is known to be heard."""
    context = zmq.Context()
    sockets = []

    def listen(*prefixes: bytes, rcvhwm: int = 1000) -> "zmq.Socket[bytes]":
        socket = context.socket(zmq.SUB)
        socket.linger = 0
        socket.rcvhwm = rcvhwm
        sockets.append(socket)
        socket.connect(publisher.endpoint)
        for prefix in prefixes:
            socket.subscribe(prefix)
            assert publisher._socket.poll(round(WAIT_S * 1000))
            publisher.answer_subscribers()
        return socket

    yield listen
    for socket in sockets:
        socket.close()
    context.term()


def counts(publisher: Publisher, source: str = "main") -> CountsMessage:
    return CountsMessage(
        origin=publisher.next_origin("counts", source),
        frame=0,
        grabbed_ns=0,
        wall=NOW,
        age_ms=1.0,
        nm_per_px=None,
        state="live",
        counts={},
        truncated=False,
    )


def status(publisher: Publisher) -> StatusMessage:
    return StatusMessage(
        origin=publisher.next_origin("status", "main"),
        wall=NOW,
        uptime_s=1.0,
        version="0",
        model=Model("m", "", "e", "p"),
        source_state="up",
        frame_state=None,
        frames_grabbed=0,
        frames_dropped=0,
        frames_processed=0,
        last_seq=0,
    )


def picture(publisher: Publisher, image: bytes) -> FrameMessage:
    return FrameMessage(
        origin=publisher.next_origin("frames", "main"),
        frame=0,
        grabbed_ns=0,
        wall=NOW,
        width=1,
        height=1,
        nm_per_px=None,
        state="live",
        image=image,
    )


def received(socket: "zmq.Socket[bytes]") -> Message | None:
    return decode(socket.recv_multipart()) if socket.poll(round(WAIT_S * 1000)) else None


def test_numbers_rise_by_one_for_each_topic(publisher: Publisher) -> None:
    for message in (counts(publisher), counts(publisher, "other"), status(publisher)):
        assert message.origin.seq == 1
        publisher.send(message)
    publisher.send(counts(publisher))
    assert publisher.sent("counts", "main") == 2
    assert publisher.sent("counts", "other") == 1
    assert publisher.sent("detections", "main") == 0


def test_every_run_has_an_id_of_its_own(publisher: Publisher) -> None:
    with closing(Publisher("tcp://127.0.0.1:*", instance="sem")) as other:
        assert other.run_id != publisher.run_id


def test_messages_reach_all_who_subscribe_and_nobody_else(publisher: Publisher, listen: Listen) -> None:
    wanted, everything, other = listen(b"counts/sem/main/"), listen(b""), listen(b"counts/sem2/")
    sent = counts(publisher)
    publisher.send(sent)
    assert received(wanted) == sent
    assert received(everything) == sent
    assert not other.poll(QUIET_MS)


def test_late_joiner_gets_the_last_status_with_its_old_number(publisher: Publisher, listen: Listen) -> None:
    early = listen(b"status/")
    publisher.send(status(publisher))
    publisher.send(last := status(publisher))
    # The second to subscribe to the same topic: without XPUB_VERBOSE nobody would notice.
    late = listen(b"status/")
    assert received(late) == last
    seen = [received(early) for _ in range(3)]
    assert [message.origin.seq for message in seen if message] == [1, 2, 2]


def test_subscriber_drops_the_repetition_for_others(publisher: Publisher, listen: Listen) -> None:
    with Subscriber(publisher.endpoint, kinds=["status"]) as early:
        assert publisher._socket.poll(round(WAIT_S * 1000))
        publisher.answer_subscribers()
        publisher.send(first := status(publisher))
        assert early.receive(WAIT_S) == first
        listen(b"status/")
        publisher.send(second := status(publisher))
        assert early.receive(WAIT_S) == second


@pytest.mark.parametrize("prefix", [b"counts/", b"status/sem2/"])
def test_status_is_not_sent_to_who_did_not_ask(publisher: Publisher, listen: Listen, prefix: bytes) -> None:
    publisher.send(status(publisher))
    assert not listen(prefix).poll(QUIET_MS)


@pytest.mark.parametrize("prefix", [b"frames/", b"frames/sem/", b"frames/sem/main/", b"fr", b""])
def test_it_is_known_while_somebody_listens(publisher: Publisher, listen: Listen, prefix: bytes) -> None:
    assert not publisher.is_wanted("frames", "main")
    first, second = listen(prefix), listen(prefix)
    assert publisher.is_wanted("frames", "main")
    assert publisher.subscriptions == 1
    first.close()
    assert not publisher._socket.poll(QUIET_MS)
    assert publisher.is_wanted("frames", "main")
    second.close()
    assert publisher._socket.poll(round(WAIT_S * 1000))
    publisher.answer_subscribers()
    assert not publisher.is_wanted("frames", "main")
    assert publisher.subscriptions == 0


@pytest.mark.parametrize("prefix", [b"counts/", b"frames/sem/other/", b"frames/sem/main/x"])
def test_other_topics_do_not_make_pictures_wanted(publisher: Publisher, listen: Listen, prefix: bytes) -> None:
    listen(prefix)
    assert not publisher.is_wanted("frames", "main")


def test_subscriber_that_does_not_keep_up_never_holds_up_the_publisher(publisher: Publisher, listen: Listen) -> None:
    socket = listen(b"frames/", rcvhwm=10)
    began = time.monotonic()
    for _ in range(600):
        publisher.send(picture(publisher, bytes(100_000)))
    assert time.monotonic() - began < WAIT_S
    seen = []
    while socket.poll(QUIET_MS):
        seen.append(decode(socket.recv_multipart()).origin.seq)
    assert 0 < len(seen) < 600
    assert seen == sorted(set(seen))


def test_a_flood_of_messages_from_a_subscriber_holds_nothing_up_and_is_counted(publisher: Publisher) -> None:
    many = 2 * MOST_AT_ONCE + 1
    with zmq.Context() as context, context.socket(zmq.XSUB) as stranger:
        stranger.linger = 0
        stranger.connect(publisher.endpoint)
        for _ in range(many):
            stranger.send(b"no subscription")
        turns, deadline = 0, time.monotonic() + WAIT_S
        while publisher.refusals.count < many and time.monotonic() < deadline:
            before = publisher.refusals.count
            publisher.answer_subscribers()
            assert publisher.refusals.count - before <= MOST_AT_ONCE
            turns += 1
    assert publisher.refusals.count == many
    assert turns >= 3
    assert publisher.subscriptions == 0


def test_too_long_a_topic_costs_who_asks_the_connection_and_nobody_else(publisher: Publisher, listen: Listen) -> None:
    with zmq.Context() as context, context.socket(zmq.SUB) as greedy:
        greedy.linger = 0
        greedy.connect(publisher.endpoint)
        greedy.subscribe(b"x" * (LONGEST_TOPIC + 1))
        modest = listen(b"counts/")
        publisher.send(counts(publisher))
        assert modest.poll(round(WAIT_S * 1000))
    assert publisher.subscriptions == 1


def test_last_messages_leave_before_the_socket_closes() -> None:
    publisher = Publisher("tcp://127.0.0.1:*", instance="sem")
    with Subscriber(publisher.endpoint, kinds=["counts"]) as subscriber:
        assert publisher._socket.poll(round(WAIT_S * 1000))
        publisher.answer_subscribers()
        for _ in range(100):
            publisher.send(counts(publisher))
        publisher.close()
        publisher.close()
        seen = [subscriber.receive(WAIT_S) for _ in range(100)]
    assert all(isinstance(item, CountsMessage) for item in seen)


def test_endpoint_in_use_is_one_line(publisher: Publisher) -> None:
    with pytest.raises(ConfigError, match=r"^publish.endpoint tcp://.*in use.*another instance"):
        Publisher(publisher.endpoint, instance="sem")


def test_endpoint_that_cannot_be_had_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^publish.endpoint ipc://.*: No such file or directory$"):
        Publisher(f"ipc://{tmp_path}/nowhere/publish", instance="sem")


def test_picture_is_that_of_the_frame() -> None:
    ramp = np.tile(np.arange(0, 256, 2, dtype=np.uint8), (64, 1))
    encoded = to_jpeg(ramp)
    decoded = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_UNCHANGED)
    assert decoded.shape == ramp.shape
    assert np.abs(decoded.astype(int) - ramp).max() <= 8
