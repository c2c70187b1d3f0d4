import logging
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
import zmq
from locked import make_locks, shakes_hands
from publishers import ANY, Simulated, config_of, forwarding
from waiting import WAIT_S, until

from nanotally.daemon.config import ReplayConfig
from nanotally.daemon.forward.config import DaemonConfig, read_forward_config
from nanotally.daemon.forward.forwarder import Forwarder
from nanotally.daemon.gate import Gate, SecurityConfig
from nanotally.errors import ConfigError, WireError
from nanotally.log import Logger, Store
from nanotally.log.logger import KINDS
from nanotally.wire import ClientKeys, DetectionsMessage, Gap, Page, ReplayClient, StatusMessage, Subscriber
from nanotally.wire.topics import prefix

PUBLISHERS, MESSAGES = 50, 10


def wait_for(condition: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline_s, "waited in vain"
        time.sleep(0.01)


@pytest.fixture
def held() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def two(held: ExitStack) -> tuple[Simulated, Simulated]:
    made = Simulated("sem1"), Simulated("sem2")
    for each in made:
        held.callback(each.close)
    return made


def before(held: ExitStack, *daemons: Simulated) -> Forwarder:
    """A forwarder that these daemons have met."""
    config = config_of({each.name: DaemonConfig(endpoint=each.publisher.endpoint) for each in daemons})
    forwarder = held.enter_context(forwarding(config))
    for each in daemons:
        each.meet()
    return forwarder


def listening(
    held: ExitStack, forwarder: Forwarder, *, kinds: Sequence[str], keys: ClientKeys | None = None
) -> Subscriber:
    """A subscriber that the forwarder knows of."""
    subscriber = held.enter_context(Subscriber(forwarder.outlet.endpoint, kinds=kinds, keys=keys))
    wait_for(lambda: {prefix(kind) for kind in kinds} <= forwarder.outlet.wanted)
    return subscriber


def series(forwarder: Forwarder, name: str, **labels: str) -> float:
    value = forwarder.figures.registry.get_sample_value(f"nanotally_{name}", labels)
    assert value is not None
    return value


def test_fifty_publishers_lose_nothing(held: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `benchmarks/forward.py`, but for the time that it takes."""
    monkeypatch.setattr("nanotally.daemon.forward.inlet.SILENT_S", 600.0)  # a busy machine may take longer than 5 s
    daemons = [Simulated(f"sem{number}") for number in range(PUBLISHERS)]
    for daemon in daemons:
        held.callback(daemon.close)
    forwarder = before(held, *daemons)
    subscriber = listening(held, forwarder, kinds=["detections"])
    for _ in range(MESSAGES):
        for daemon in daemons:
            daemon.tell()
    told = [subscriber.receive(WAIT_S) for _ in range(PUBLISHERS * MESSAGES)]
    assert {type(item) for item in told} == {DetectionsMessage}
    assert Counter(item.origin.instance for item in told) == {daemon.name: MESSAGES for daemon in daemons}  # type: ignore[union-attr]
    for daemon in daemons:
        assert series(forwarder, "forward_messages_total", instance=daemon.name, kind="detections") == MESSAGES
        assert series(forwarder, "forward_missed_total", instance=daemon.name) == 0
        assert series(forwarder, "forward_up", instance=daemon.name) == 1
        assert series(forwarder, "forward_bytes_total", instance=daemon.name) > 1000


def test_late_joiners_get_each_last_status_again(held: ExitStack) -> None:
    """Also the second one to the same topics, and of a daemon that has gone meanwhile."""
    one, other = two(held)
    forwarder = before(held, one, other)
    early = listening(held, forwarder, kinds=["status"])
    for _ in range(3):
        one.beat()
        other.beat()
    last = {(item.origin.instance, item.origin.seq) for item in [early.receive(WAIT_S) for _ in range(6)]}  # type: ignore[union-attr]
    assert {("sem1", 3), ("sem2", 3)} <= last
    other.close()
    for _ in range(2):
        with Subscriber(forwarder.outlet.endpoint, kinds=["status"]) as late:
            got = [late.receive(WAIT_S) for _ in range(2)]
        assert {(item.origin.instance, item.origin.seq) for item in got} == {("sem1", 3), ("sem2", 3)}  # type: ignore[union-attr]


def test_pictures_are_wanted_only_while_somebody_wants_them(held: ExitStack) -> None:
    one, other = two(held)
    forwarder = before(held, one, other)

    def wanted() -> list[bool]:
        for each in (one, other):
            each.publisher.answer_subscribers()
        return [each.publisher.is_wanted("frames", "main") for each in (one, other)]

    assert wanted() == [False, False]
    with Subscriber(forwarder.outlet.endpoint, kinds=["frames"], instance="sem1"):
        wait_for(lambda: wanted() == [True, False])
        with Subscriber(forwarder.outlet.endpoint, kinds=["frames"], instance="sem1"):
            time.sleep(0.3)
            assert wanted() == [True, False]
        time.sleep(0.3)
        assert wanted() == [True, False]
    wait_for(lambda: wanted() == [False, False])


def test_daemons_come_and_go(
    held: ExitStack, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is started again is heard again, and its new run is told from losses."""
    monkeypatch.setattr("nanotally.daemon.forward.inlet.SILENT_S", 0.5)
    caplog.set_level(logging.INFO)
    one, other = two(held)
    forwarder = before(held, one, other)
    subscriber = listening(held, forwarder, kinds=["detections"])
    one.tell()
    other.tell()
    endpoint = other.publisher.endpoint
    other.close()
    wait_for(lambda: "daemon sem2 is not heard" in caplog.text)
    assert series(forwarder, "forward_up", instance="sem2") == 0
    with closing(Simulated("sem2", endpoint=endpoint)) as again:
        again.meet()
        again.tell()
        one.tell()
        told = [*until(subscriber, lambda item: isinstance(item, Gap)), subscriber.receive(WAIT_S)]
    gap = next(item for item in told if isinstance(item, Gap))
    assert (gap.topic.instance, gap.restarted, gap.missed) == ("sem2", True, 0)
    assert series(forwarder, "forward_missed_total", instance="sem2") == 0
    wait_for(lambda: caplog.text.count("daemon sem2 is heard") == 2)


def test_what_a_daemon_must_not_say_goes_no_further(held: ExitStack) -> None:
    """Another's name, nonsense; and what was lost on the way is counted."""
    liar, honest = Simulated("sem9"), Simulated("sem2")
    for each in (liar, honest):
        held.callback(each.close)
    named = {
        "sem1": DaemonConfig(endpoint=liar.publisher.endpoint),
        "sem2": DaemonConfig(endpoint=honest.publisher.endpoint),
    }
    forwarder = held.enter_context(forwarding(config_of(named)))
    liar.meet()
    honest.meet()
    subscriber = listening(held, forwarder, kinds=["detections"])
    liar.tell()
    topic = b"detections/sem1/main/"
    endless = [b"status/sem1/main/", b'{"run_id":"a","seq":1,"uptime_s":1e999}']
    for parts in ([topic], [topic, b"{"], [b"detections/x", b"{}"], [topic, b'{"run_id":1,"seq":1}'], [topic, b"\xff"],
                  endless):  # fmt: skip
        liar.publisher._socket.send_multipart(parts)
    honest.tell()
    honest.publisher._sent.update({next(iter(honest.publisher._sent)): 2})
    honest.tell()
    told = [subscriber.receive(WAIT_S) for _ in range(3)]
    assert [type(item) for item in told] == [DetectionsMessage, Gap, DetectionsMessage]
    wait_for(lambda: series(forwarder, "forward_refused_total", instance="sem1") == 7)
    assert series(forwarder, "forward_missed_total", instance="sem2") == 2
    assert series(forwarder, "forward_messages_total", instance="sem1", kind="detections") == 0


# Journals


@contextmanager
def with_journals(folder: Path) -> Iterator[tuple[Forwarder, dict[str, Simulated]]]:
    """A forwarder before two daemons with journals."""
    with ExitStack() as stack:
        made = {name: Simulated(name, folder=folder / name) for name in ("sem1", "sem2")}
        for each in made.values():
            stack.callback(each.close)
        yield before(stack, *made.values()), made


def ask(client: ReplayClient, instance: str) -> Page:
    """The first page, once the forwarder has reached the journal."""
    pages: list[Page] = []

    def answers() -> bool:
        with suppress(WireError):  # the connection takes a moment
            page = client.ask("main", after_offset=None, timeout_s=WAIT_S, instance=instance)
            pages.extend([page] if page else [])
        return bool(pages)

    wait_for(answers)
    return pages[0]


def test_every_question_reaches_the_right_journal(held: ExitStack, tmp_path: Path) -> None:
    forwarder, daemons = held.enter_context(with_journals(tmp_path))
    client = held.enter_context(closing(ReplayClient(forwarder.exchange.endpoint)))

    def refused(match: str, source: str = "main", instance: str | None = None) -> None:
        with pytest.raises(WireError, match=match):
            client.ask(source, after_offset=None, timeout_s=WAIT_S, instance=instance)

    refused("nobody has told of a source 'main'")
    refused("sem1 has not told where its journal is, or keeps none", instance="sem1")
    subscriber = listening(held, forwarder, kinds=["status"])
    for many, daemon in enumerate(daemons.values(), 3):
        for _ in range(many):
            daemon.tell()
        daemon.beat()
    told = [subscriber.receive(WAIT_S) for _ in range(2)]
    said = {(item.replay, item.forwarded) for item in told if isinstance(item, StatusMessage)}
    assert said == {(forwarder.exchange.endpoint, True)}
    for many, name in enumerate(daemons, 3):
        page = ask(client, name)
        assert (page.facts.instance, len(page.messages)) == (name, many)
    refused(r"sem1, sem2 have a source 'main': say which in the key `instance`")
    refused(r"no instance 'sem3'; there are sem1, sem2", instance="sem3")
    refused("no source 'other'", source="other", instance="sem2")
    assert series(forwarder, "requests_refused_total", socket="replay") >= 4


def test_an_older_client_finds_a_source_that_only_one_daemon_has(held: ExitStack, tmp_path: Path) -> None:
    with closing(Simulated("sem1", folder=tmp_path)) as daemon:
        forwarder = before(held, daemon)
        daemon.tell()
        daemon.beat()
        client = held.enter_context(closing(ReplayClient(forwarder.exchange.endpoint)))
        wait_for(lambda: forwarder.inlets["sem1"].journal is not None)
        ask(client, "sem1")
        page = client.ask("main", after_offset=None, timeout_s=WAIT_S)
    assert page is not None
    assert len(page.messages) == 1


def test_a_logger_behind_a_forwarder_has_every_frame_of_every_microscope(held: ExitStack, tmp_path: Path) -> None:
    """What is lost on the way is asked for in the journal of the one that sent it."""
    forwarder, daemons = held.enter_context(with_journals(tmp_path))
    store = held.enter_context(closing(Store(tmp_path / "log.sqlite")))
    subscriber = listening(held, forwarder, kinds=KINDS)
    logger = held.enter_context(closing(Logger(subscriber, store, say=lambda line: None)))
    batches, deadline_s = logger.batches(), time.monotonic() + 3 * WAIT_S
    for number in range(20):
        for daemon in daemons.values():
            daemon.tell(arrives=number % 5 != 2)
    while store.counted < 40:
        assert time.monotonic() < deadline_s, f"{store.counted} rows"
        for daemon in daemons.values():
            daemon.beat()
        next(batches)
    logger.stop()
    with closing(sqlite3.connect(tmp_path / "log.sqlite")) as log:
        rows = log.execute("SELECT instance, seq, event FROM log ORDER BY instance, seq").fetchall()
    assert rows == [(name, seq, "counts") for name in daemons for seq in range(1, 21)]


# Keys


def test_keys_are_wanted_on_both_sides(held: ExitStack, tmp_path: Path) -> None:
    """Daemon and forwarder each have an allow-list; a subscriber needs to be on the forwarder's only."""
    locks = make_locks(tmp_path / "daemon")  # the daemon lets anna in, who is the forwarder
    front = make_locks(tmp_path / "front")  # the forwarder's own list; it is known by the keys of `anna` of the daemon
    gate = Gate(locks.config)
    daemon = Simulated("sem1", gate=gate, folder=tmp_path / "journal")
    held.callback(daemon.close)
    own = SecurityConfig(server_key=str(locks.folder / "anna.key_secret"), allow=str(front.allow))
    config = DaemonConfig(endpoint=daemon.publisher.endpoint, server_key=str(locks.folder / "sem.key"))
    forwarder = held.enter_context(forwarding(config_of({"sem1": config}, security=own)))
    daemon.meet()
    person = replace(front.anna, server=locks.anna.own.public)
    subscriber = listening(held, forwarder, kinds=["detections", "status"], keys=person)
    daemon.tell()
    daemon.beat()
    assert {type(subscriber.receive(WAIT_S)) for _ in range(2)} == {DetectionsMessage, StatusMessage}
    client = held.enter_context(closing(ReplayClient(forwarder.exchange.endpoint, keys=person)))
    assert len(ask(client, "sem1").messages) == 1
    for stranger in (None, replace(front.bert, server=locks.anna.own.public), front.anna):
        assert not shakes_hands(forwarder.outlet.endpoint, stranger, zmq.SUB)
        assert not shakes_hands(forwarder.exchange.endpoint, stranger)
    assert series(forwarder, "connections_refused_total") >= 2


def test_a_daemon_that_refuses_is_told_and_tried_again(
    held: ExitStack, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    locks = make_locks(tmp_path)
    daemon = Simulated("sem1", gate=Gate(locks.config))
    held.callback(daemon.close)
    own = SecurityConfig(server_key=str(locks.folder / "bert.key_secret"), allow=str(locks.allow))
    config = DaemonConfig(endpoint=daemon.publisher.endpoint, server_key=str(locks.folder / "sem.key"))
    held.enter_context(forwarding(config_of({"sem1": config}, security=own)))
    wait_for(lambda: "daemon sem1: tcp://127.0.0.1:" in caplog.text)
    assert "refuses this connection: its allow-list must hold our .key file" in caplog.text
    locks.admit("bert")
    daemon.meet()


# Configuration and verb


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", r"a \[daemon.INSTANCE\] with its endpoint is needed"),
        ("[daemon.A]\nendpoint = 'tcp://127.0.0.1:1'", "'A' cannot be a name"),
        ("[daemon.a]\nendpoint = 'udp://x'", "daemon.NAME: 'udp://x' is not an endpoint"),
        ("[daemon.a]\nreplay = 'tcp://127.0.0.1:1'", "missing required field `endpoint`"),
        ("[daemon.a]\nendpoin = 'x'", "unknown key daemon.a.endpoin; did you mean daemon.a.endpoint"),
        ("daemon = 3", "daemon needs a name"),
        ("[daemon.a]\nendpoint = 'tcp://127.0.0.1:1'\n[publish]\nendpoint = 'tcp://0.0.0.0:5757'", "no CURVE keys"),
        ("[daemon.a]\nendpoint = 'tcp://127.0.0.1:1'\nserver_key = 'a.key'", "needs a pair of keys of its own"),
    ],
)
def test_faulty_configuration_is_told_in_a_line(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "forward.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=words):
        read_forward_config(path)


def test_an_address_in_use_leaves_nothing_open(held: ExitStack, tmp_path: Path) -> None:
    one, _ = two(held)
    taken = replace(config_of({"sem1": DaemonConfig(endpoint=one.publisher.endpoint)}),
                    replay=ReplayConfig(endpoint=one.publisher.endpoint))  # fmt: skip
    with pytest.raises(ConfigError, match=r"replay.endpoint .*Address already in use; does another instance run"):
        Forwarder(taken)


def test_the_verb_forwards_until_it_is_told_to_stop(held: ExitStack, tmp_path: Path) -> None:
    one, other = two(held)
    path = tmp_path / "forward.toml"
    path.write_text(
        "".join(f'[daemon.{each.name}]\nendpoint = "{each.publisher.endpoint}"\n' for each in (one, other))
        + f'[publish]\nendpoint = "{ANY}"\n[replay]\nendpoint = "{ANY}"\n[metrics]\nport = 0\n'
    )
    command = [sys.executable, "-m", "nanotally", "forward", str(path)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        held.callback(process.kill)
        assert process.stderr is not None
        line = next(line for line in process.stderr if "publishing on" in line)
        endpoint = line.partition("publishing on ")[2].partition(",")[0]
        for each in (one, other):
            each.meet()
            each.beat()
        with Subscriber(endpoint, kinds=["status"]) as subscriber:
            told = {subscriber.receive(WAIT_S).origin.instance for _ in range(2)}  # type: ignore[union-attr]
        assert told == {"sem1", "sem2"}
        process.send_signal(signal.SIGTERM)
        assert process.wait(WAIT_S) == 0
