"""The journal in the daemon: committed before it is sent, told in the status, answered by replay."""

from pathlib import Path

import pytest
import zmq
from stand_in_daemon import StandIn
from waiting import WAIT_S, until

from nanotally.daemon.config import (
    Config,
    ControlConfig,
    JournalConfig,
    MetricsConfig,
    PublishConfig,
    ReplayConfig,
    SourceConfig,
)
from nanotally.daemon.service import Service
from nanotally.errors import ConfigError
from nanotally.wire import DetectionsMessage, ReplayClient, StatusMessage, Subscriber


def service(folder: Path, journal: JournalConfig, replay: str = "tcp://127.0.0.1:*") -> Service:
    config = Config(
        source={"main": SourceConfig(uri="sim:?width=96&height=64&particles=3&frames=8&fps=0")},
        publish=PublishConfig(endpoint=f"ipc://{folder}/publish"),
        control=ControlConfig(endpoint=f"ipc://{folder}/control"),
        metrics=MetricsConfig(enabled=False),
        journal=journal,
        replay=ReplayConfig(endpoint=replay),
    )
    return Service(config, StandIn)


def run(made: Service) -> tuple[list[DetectionsMessage], StatusMessage]:
    """Every detections message of a run, and its last status."""
    with Subscriber(made.config.publish.endpoint, kinds=("detections", "status")) as subscriber:
        try:
            made.startup()
            assert made.publisher._socket.poll(round(WAIT_S * 1000))
            made.main_loop()
        finally:
            made.shutdown()
        items = until(subscriber, lambda item: isinstance(item, StatusMessage) and item.stopping)
    last = items[-1]
    assert isinstance(last, StatusMessage)
    return [item for item in items if isinstance(item, DetectionsMessage)], last


def test_offsets_rise_over_two_runs_and_the_status_tells_the_last(tmp_path: Path) -> None:
    offsets = []
    for _ in range(2):
        told, last = run(service(tmp_path, JournalConfig(directory=str(tmp_path))))
        offsets += [message.offset for message in told]
        assert (last.last_offset, last.last_seq, last.journal_fault) == (offsets[-1], 8, None)
        assert last.replay is not None
    first = offsets[0]
    assert first is not None
    assert offsets == list(range(first, first + 16))


def test_replay_answers_what_was_sent(tmp_path: Path) -> None:
    made = service(tmp_path, JournalConfig(directory=str(tmp_path)))
    try:
        made.startup()
        made.main_loop()
        assert made.replay is not None
        client = ReplayClient(made.replay.endpoint)
        page = client.ask("main", after_offset=None, timeout_s=WAIT_S)
        client.close()
    finally:
        made.shutdown()
    assert page is not None
    assert [message.origin.seq for message in page.messages] == list(range(1, 9))
    assert {message.origin.run_id for message in page.messages} == {made.publisher.run_id}
    assert not made.replay.is_alive()


def test_without_a_directory_nothing_is_kept_and_nothing_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    told, last = run(service(tmp_path, JournalConfig()))
    assert [message.offset for message in told] == [None] * 8
    assert (last.last_offset, last.journal_fault, last.replay) == (None, None, None)


def test_a_replay_endpoint_in_use_ends_the_daemon_and_lets_the_journal_go(tmp_path: Path) -> None:
    folder = JournalConfig(directory=str(tmp_path))
    with zmq.Context() as context, context.socket(zmq.ROUTER) as taken:
        endpoint = f"tcp://127.0.0.1:{taken.bind_to_random_port('tcp://127.0.0.1')}"
        with pytest.raises(ConfigError, match=r"replay\.endpoint .* in use"):
            service(tmp_path, folder, endpoint).run()
    service(tmp_path, folder).run()
