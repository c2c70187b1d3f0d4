"""What may happen to sockets: each is a state that is published, a metric and a line in the log; see docs/faults.md."""

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import zmq
from faulty import FAULTY, GOES_ON, HEALTHY, config_of, running, said, sending
from source_parts import free_port, sender
from stand_in_daemon import StandIn
from waiting import WAIT_S

from nanotally.daemon import publish
from nanotally.daemon.config import ControlConfig, MetricsConfig, PublishConfig, ReplayConfig
from nanotally.daemon.service import Service
from nanotally.errors import ConfigError, SourceError
from nanotally.wire import DetectionsMessage, decode
from nanotally.wire.topics import prefix

SIMULATED = "sim:?width=96&height=64&particles=3&fps=20"
MANY = 100
NONSENSE = b"\x00\xff no request at all\r\n\r\n" * 40


@pytest.fixture(autouse=True)
def _log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")


@contextmanager
def subscribers(
    endpoint: str, *, how_many: int, topic: bytes, keeps: int = 1000
) -> "Iterator[list[zmq.Socket[bytes]]]":
    """Sockets that subscribe to a topic and read when the test does."""
    with ExitStack() as held:
        context = held.enter_context(zmq.Context())
        sockets = [held.enter_context(context.socket(zmq.SUB)) for _ in range(how_many)]
        for each in sockets:
            each.linger, each.rcvhwm, each.rcvtimeo = 0, keeps, round(WAIT_S * 1000)
            each.rcvbuf = 4096 if keeps == 1 else -1
            each.subscribe(topic)
            each.connect(endpoint)
        yield sockets


def sequence(listener: "zmq.Socket[bytes]", frames: int) -> list[int]:
    """Sequence numbers of the next detections."""
    told = [decode(listener.recv_multipart()) for _ in range(frames)]
    assert all(isinstance(message, DetectionsMessage) for message in told)
    return [message.origin.seq for message in told]


def test_a_subscriber_that_never_reads_loses_messages_and_nobody_else_does(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publish, "SEND_HIGH_WATER_MARK", 64)
    frames = f"tcp://127.0.0.1:{free_port()}"
    # A socket of this machine has smaller buffers in the kernel than TCP.
    config = config_of(tmp_path, f"zmq:{frames}", publish=PublishConfig(endpoint=f"ipc://{tmp_path}/publish"))
    with running(config) as daemon, sending(frames, shape=(480, 640)):
        with subscribers(config.publish.endpoint, how_many=1, topic=b"", keeps=1) as (deaf,):
            said(caplog, "somebody subscribes to ''")
            assert daemon.metric("subscriptions") == 3
            last = daemon.frame(lambda told: told.origin.seq > 100).origin.seq
            daemon.goes_on()
            numbers = [0]
            while numbers[-1] <= last:
                message = decode(deaf.recv_multipart())
                if isinstance(message, DetectionsMessage) and message.origin.source == FAULTY:
                    numbers.append(message.origin.seq)
            assert len(numbers) < numbers[-1]
        said(caplog, "nobody subscribes to '' any more")
        daemon.goes_on()


def test_a_hundred_subscribers_all_hear_everything(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with running(config_of(tmp_path, SIMULATED)) as daemon:
        topic = prefix("detections", "sem", FAULTY)
        with subscribers(daemon.service.publisher.endpoint, how_many=MANY, topic=topic) as listeners:
            for listener in listeners:
                first, *more = sequence(listener, GOES_ON)
                assert more == list(range(first + 1, first + GOES_ON))
            assert daemon.metric("subscriptions") == 3
            said(caplog, "somebody subscribes to 'detections/sem/faulty/'")
            daemon.goes_on()
        said(caplog, "nobody subscribes to 'detections/sem/faulty/' any more")
        daemon.goes_on()


def test_malformed_requests_to_every_socket_are_refused_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    frames = f"tcp://127.0.0.1:{free_port()}"
    config = config_of(tmp_path, f"zmq:{frames}", metrics=MetricsConfig(port=free_port()))
    with running(config) as daemon:
        service = daemon.service
        assert service.replay is not None
        for name, endpoint in (("control", service.desk.control.endpoint), ("replay", service.replay.endpoint)):
            for raw in (b"", b"{", b"[]", b"\xff\x00"):
                assert "error" in answered(endpoint, raw)
            assert daemon.metric("requests_refused_total", socket=name) == 4
            said(caplog, f"{name}: refused: not a ")
        with zmq.Context() as context, context.socket(zmq.XSUB) as stranger:
            stranger.linger = 1000
            stranger.connect(service.publisher.endpoint)
            for raw in (b"", b"\x02", b"\x01\xff\xfe", b"no subscription"):
                stranger.send(raw)
            said(caplog, "publish: refused: a message that is no subscription")
        page = f"tcp://127.0.0.1:{config.metrics.port}"
        sockets = service.publisher.endpoint, service.replay.endpoint, service.desk.control.endpoint, frames, page
        with sender(frames) as send:
            assert send(b"no picture")
            damaged = daemon.status(lambda told: told.frames_dropped > 0)
            assert (damaged.source_state, damaged.frames_processed) == ("up", 0)
            for endpoint in sockets:
                with socket.create_connection(place(endpoint), timeout=WAIT_S) as stranger_in:
                    stranger_in.sendall(NONSENSE)
        assert daemon.metric("frames_dropped_total", source=FAULTY, reason="damaged") == 1
        said(caplog, f"passed over: zmq:{frames}: 1 parts; a message has two")
        daemon.goes_on()
        assert daemon.metric("requests_refused_total", socket="publish") >= 2
        assert b"200 OK" in http(page)


def answered(endpoint: str, raw: bytes) -> dict[str, object]:
    """What a ROUTER answers to some bytes."""
    with zmq.Context() as context, context.socket(zmq.DEALER) as asker:
        asker.linger, asker.rcvtimeo = 0, round(WAIT_S * 1000)
        asker.connect(endpoint)
        asker.send(raw)
        answer: dict[str, object] = json.loads(asker.recv_multipart()[0])
    return answer


def place(endpoint: str) -> tuple[str, int]:
    host, _, port = endpoint.removeprefix("tcp://").rpartition(":")
    return host, int(port)


def http(endpoint: str) -> bytes:
    with socket.create_connection(place(endpoint), timeout=WAIT_S) as asker:
        asker.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
        return asker.recv(64)


@pytest.mark.parametrize("taken", ["publish", "replay", "control", "metrics", "frames"])
def test_a_port_that_is_taken_ends_the_start_and_leaves_nothing_behind(tmp_path: Path, taken: str) -> None:
    """Nothing was published yet: what there is to see is one line and the exit code. All else is given back."""
    ports = {name: free_port() for name in ("publish", "replay", "control", "metrics", "frames")}
    at = {name: f"tcp://127.0.0.1:{port}" for name, port in ports.items()}
    config = config_of(
        tmp_path,
        f"zmq:{at['frames']}",
        publish=PublishConfig(endpoint=at["publish"]),
        replay=ReplayConfig(endpoint=at["replay"]),
        control=ControlConfig(endpoint=at["control"]),
        metrics=MetricsConfig(port=ports["metrics"]),
    )
    service = Service(config, StandIn)
    with socket.socket() as other:
        other.bind(("127.0.0.1", ports[taken]))
        other.listen()
        with pytest.raises((ConfigError, SourceError), match=rf"{ports[taken]}: .*in use"):
            service.startup()
        service.shutdown()
        service.shutdown()
    with running(config) as daemon:
        daemon.goes_on()


def test_shutdown_is_legal_before_startup_and_twice_after_it(tmp_path: Path) -> None:
    Service(config_of(tmp_path, SIMULATED), StandIn).shutdown()
    with running(config_of(tmp_path, SIMULATED)) as daemon:
        daemon.goes_on()
    assert daemon.metric("messages_published_total", kind="status") > 0
    last = daemon.service.publisher.sent("status", HEALTHY)
    daemon.service.shutdown()
    assert daemon.service.publisher.sent("status", HEALTHY) == last
