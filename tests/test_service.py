import runpy
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from waiting import WAIT_S, until

from nanotally.daemon import feed as feed_module
from nanotally.daemon import service as service_module
from nanotally.daemon.calibration import UNCONFIRMED
from nanotally.daemon.config import Config, ControlConfig, MetricsConfig, PublishConfig, SourceConfig
from nanotally.daemon.service import Service
from nanotally.detect import Detector, Found
from nanotally.detections import Detections
from nanotally.errors import ConfigError, EngineError, SourceError
from nanotally.frame import Frame
from nanotally.generator.stage import Stage, parse_sim
from nanotally.opencv import cv2
from nanotally.wire import CountsMessage, DetectionsMessage, FrameMessage, Gap, Message, StatusMessage, Subscriber

SCRIPT = Path(__file__).with_name("stand_in_daemon.py")
StandIn = runpy.run_path(str(SCRIPT))["StandIn"]


def config_of(uri: str, **source: float) -> Config:
    """A configuration with ports that the system chooses."""
    return Config(
        source={"main": SourceConfig(uri=uri, **source)},
        publish=PublishConfig(endpoint="tcp://127.0.0.1:*"),
        control=ControlConfig(endpoint="tcp://127.0.0.1:*"),
        metrics=MetricsConfig(port=0),
    )


def write_folder(folder: Path, counts: list[int]) -> Path:
    folder.mkdir()
    for number, count in enumerate(counts):
        image = np.full((48, 64), 100, np.uint8)
        image[0, 0] = count
        cv2.imwrite(str(folder / f"{number}.png"), image)
    return folder


@contextmanager
def running(service: Service, kinds: tuple[str, ...]) -> Iterator[Subscriber]:
    """The service in a thread of its own, started when the subscriber is known to be heard."""
    service.startup()
    thread = threading.Thread(target=service.main_loop)
    with Subscriber(service.publisher.endpoint, kinds=kinds) as subscriber:
        assert service.publisher._socket.poll(round(WAIT_S * 1000))
        thread.start()
        try:
            yield subscriber
        finally:
            service.stop()
            thread.join(WAIT_S)
            service.shutdown()
            assert not thread.is_alive()


def of_kind(items: list[Message | Gap], cls: type) -> list[Message]:
    return [item for item in items if isinstance(item, cls)]


def is_status(state: str) -> Callable[[Message | Gap], bool]:
    return lambda item: isinstance(item, StatusMessage) and item.source_state == state


def is_last(item: Message | Gap) -> bool:
    return isinstance(item, StatusMessage) and item.stopping


class Script:
    """A live source that plays what is put into its list: frames, breaks, silence."""

    live = True
    stills = False
    idle = False
    uri = "script:"
    damaged = 0

    shape = (48, 64)
    picture: np.ndarray | None = None  # of every frame; None: noise, another in each

    def __init__(self) -> None:
        self.items: list[int | Exception] = []
        self._number = -1

    def read(self, timeout_s: float) -> Frame | None:
        if not self.items:
            time.sleep(0.01)
            return None
        item = self.items.pop(0)
        if isinstance(item, Exception):
            raise item
        self._number += 1
        image = self.picture
        if image is None:
            image = np.random.default_rng(self._number).integers(0, 255, self.shape, np.uint8)
            image[0, 0] = item
        return Frame(self._number, time.monotonic_ns(), time.time_ns(), image)

    def close(self) -> None:
        pass


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Script:
    """What every source of the service is, however often it is opened."""
    made = Script()
    monkeypatch.setattr(service_module, "open_source", lambda uri, gate: made)
    monkeypatch.setattr(feed_module, "BACK_OFF_S", (0.3, 0.3))
    return made


def test_every_image_of_a_folder_is_published_and_the_daemon_ends(tmp_path: Path) -> None:
    counts = [3, 0, 7, 250, 1]
    service = Service(config_of(f"dir:{write_folder(tmp_path / 'a', counts)}", nm_per_px=2.5), StandIn)
    with running(service, ("detections", "counts", "status", "frames")) as subscriber:
        until(subscriber, lambda item: isinstance(item, CountsMessage) and item.frame == 3)
        service.channels["main"].feed.join(WAIT_S)
        items = until(subscriber, lambda item: isinstance(item, FrameMessage) and item.frame == 4)
    assert service.channels["main"].processed == 5
    told = of_kind(items, DetectionsMessage)[-1]
    assert (told.frame, told.file, len(told.records)) == (4, "4.png", 1)
    assert (told.nm_per_px, told.pixel_size_from) == ((2.5, 2.5), "config")
    picture = of_kind(items, FrameMessage)[-1]
    decoded = cv2.imdecode(np.frombuffer(picture.image, np.uint8), cv2.IMREAD_UNCHANGED)
    assert decoded.shape == (picture.height, picture.width) == (48, 64)


def test_replay_loses_nothing_and_says_when_it_ends(tmp_path: Path) -> None:
    counts = list(range(40))
    service = Service(config_of(f"dir:{write_folder(tmp_path / 'a', counts)}"), StandIn)
    service.startup()
    received: list[Message | Gap] = []
    with Subscriber(service.publisher.endpoint, kinds=("detections", "counts", "status")) as subscriber:
        assert service.publisher._socket.poll(round(WAIT_S * 1000))
        reader = threading.Thread(target=lambda: received.extend(until(subscriber, is_last)))
        reader.start()
        service.main_loop()
        service.shutdown()
        reader.join(WAIT_S)
    assert [sum(m.counts.values()) for m in of_kind(received, CountsMessage)] == counts
    assert [len(m.detections) for m in of_kind(received, DetectionsMessage)] == counts
    last = received[-1]
    assert isinstance(last, StatusMessage)
    assert (last.source_state, last.frame_state, last.fault) == ("ended", "live", None)
    assert (last.frames_grabbed, last.frames_dropped, last.frames_processed, last.last_seq) == (40, 0, 40, 40)
    assert not [item for item in received if isinstance(item, Gap)]


def test_two_thousand_particles_are_two_thousand_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    boxes = np.random.default_rng(0).random((2000, 4), np.float32)
    found = Found(Detections(boxes), False, 1, {})
    monkeypatch.setattr(StandIn, "find", lambda self, image: found)
    service = Service(config_of(f"dir:{write_folder(tmp_path / 'a', [0])}"), StandIn)
    with running(service, ("detections",)) as subscriber:
        (told,) = until(subscriber, lambda item: True)
    assert isinstance(told, DetectionsMessage)
    assert told.counts == {"cube": 2000, "quasi_sphere": 0}
    np.testing.assert_array_equal(told.detections.xyxy, boxes)


def test_damaged_image_is_counted_and_the_rest_goes_on(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "a", [1, 2, 3])
    (folder / "1.png").write_bytes(b"no picture")
    service = Service(config_of(f"dir:{folder}"), StandIn)
    service.run()
    assert (
        service.channels["main"].feed.grabbed,
        service.channels["main"].feed.damaged,
        service.channels["main"].processed,
    ) == (3, 1, 2)


def test_live_feed_tells_counts_once_a_second_and_detections_always(script: Script) -> None:
    service = Service(config_of("script:"), StandIn)
    with running(service, ("detections", "counts")) as subscriber:
        items = []
        for count in range(1, 6):
            script.items.append(count)
            items += until(subscriber, lambda item: isinstance(item, DetectionsMessage))
    assert [len(m.records) for m in of_kind(items, DetectionsMessage)] == [1, 2, 3, 4, 5]
    assert len(of_kind(items, CountsMessage)) == 1


def test_lost_signal_is_a_status_and_never_a_count(script: Script) -> None:
    service = Service(config_of("script:"), StandIn)
    with running(service, ("detections", "counts", "status")) as subscriber:
        script.items.append(5)
        until(subscriber, lambda item: isinstance(item, DetectionsMessage))
        script.items.append(SourceError("unplugged"))
        lost = until(subscriber, is_status("lost"))
        assert lost[-1].fault == "unplugged"  # type: ignore[union-attr]
        assert not of_kind(lost, DetectionsMessage)
        script.items.append(6)
        back = until(subscriber, is_status("up"))
        if not of_kind(back, DetectionsMessage):  # the status may come first
            back += until(subscriber, lambda item: isinstance(item, DetectionsMessage))
        assert [len(m.records) for m in of_kind(back, DetectionsMessage)] == [6]
        assert service.channels["main"].feed.reconnects == 1


def test_heartbeat_comes_every_second_while_nothing_happens(script: Script) -> None:
    service = Service(config_of("script:"), StandIn)
    with running(service, ("status",)) as subscriber:
        beats = [until(subscriber, lambda item: True)[0] for _ in range(2)]
    assert [beat.origin.seq for beat in beats] == [1, 2]  # type: ignore[union-attr]
    assert beats[0].frame_state is None  # type: ignore[union-attr]
    assert 0.8 < beats[1].uptime_s - beats[0].uptime_s < 5  # type: ignore[union-attr]


def test_detector_is_used_by_one_thread_only(tmp_path: Path) -> None:
    made: list[StandIn] = []

    def make(config: Config) -> Detector:
        made.append(StandIn(config))
        return made[0]

    service = Service(config_of(f"dir:{write_folder(tmp_path / 'a', [1, 2])}"), make)
    service.run()
    assert len(made[0].threads) == 1
    assert threading.get_ident() not in made[0].threads
    assert made[0].engine.closed  # type: ignore[attr-defined]


def test_last_status_tells_of_a_stop_that_was_asked_for(script: Script) -> None:
    service = Service(config_of("script:"), StandIn)
    service.startup()
    with Subscriber(service.publisher.endpoint, kinds=("status",)) as subscriber:
        assert service.publisher._socket.poll(round(WAIT_S * 1000))
        thread = threading.Thread(target=service.main_loop)
        thread.start()
        until(subscriber, is_status("up"))
        service.stop()
        thread.join(WAIT_S)
        service.shutdown()
        last = until(subscriber, is_last)[-1]
    assert isinstance(last, StatusMessage)
    assert last.source_state == "up"


@pytest.mark.parametrize("uri", ["dir:{tmp}/empty", "file:{tmp}/nowhere.mp4", "carrier-pigeon:"])
def test_source_that_is_not_there_at_the_start_is_an_error(tmp_path: Path, uri: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError):
        Service(config_of(uri.format(tmp=tmp_path)), StandIn).run()


def test_replay_that_breaks_off_is_an_error_after_all_was_published(script: Script) -> None:
    script.live = False
    script.items = [1, 2, SourceError("bad disk")]
    service = Service(config_of("script:"), StandIn)
    with pytest.raises(SourceError, match="bad disk"):
        service.run()
    assert service.channels["main"].processed == 2


def test_engine_that_fails_ends_the_daemon_with_a_last_status(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> Found:
        raise EngineError("out of memory")

    monkeypatch.setattr(StandIn, "find", fail)
    script.items = [1]
    service = Service(config_of("script:"), StandIn)
    with pytest.raises(EngineError, match="out of memory"):
        service.run()
    assert service.publisher._socket.closed
    assert not service.channels["main"].feed.is_alive()


def test_endpoint_in_use_is_an_error(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        config = config_of(f"dir:{write_folder(tmp_path / 'a', [1])}")
        endpoint = PublishConfig(endpoint=f"tcp://127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(ConfigError, match="in use"):
            Service(Config(source=config.source, publish=endpoint), StandIn).run()


def test_a_second_status_is_sent_to_whoever_joins_late(script: Script) -> None:
    service = Service(config_of("script:"), StandIn)
    with running(service, ("status",)) as early:
        until(early, is_status("up"))
        with Subscriber(service.publisher.endpoint, kinds=("status",)) as late:
            assert isinstance(until(late, lambda item: True)[0], StatusMessage)


def test_two_sources_share_the_detector_and_neither_waits_for_the_other(tmp_path: Path) -> None:
    many, few = list(range(1, 41)), [7, 8]
    config = Config(
        source={
            "many": SourceConfig(uri=f"dir:{write_folder(tmp_path / 'a', many)}"),
            "few": SourceConfig(uri=f"dir:{write_folder(tmp_path / 'b', few)}"),
        },
        publish=PublishConfig(endpoint="tcp://127.0.0.1:*"),
        control=ControlConfig(endpoint="tcp://127.0.0.1:*"),
        metrics=MetricsConfig(enabled=False),
    )
    service = Service(config, StandIn)
    service.startup()
    received: list[Message | Gap] = []
    with Subscriber(service.publisher.endpoint, kinds=("detections", "status")) as subscriber:
        assert service.publisher._socket.poll(round(WAIT_S * 1000))
        over = lambda item: is_last(item) and item.origin.source == "few"  # noqa: E731
        reader = threading.Thread(target=lambda: received.extend(until(subscriber, over)))
        reader.start()
        service.main_loop()
        service.shutdown()
        reader.join(WAIT_S)
    told = [(m.origin.source, sum(m.counts.values())) for m in of_kind(received, DetectionsMessage)]
    assert [n for name, n in told if name == "many"] == many
    assert [n for name, n in told if name == "few"] == few
    assert [name for name, _ in told].index("few") < 10


def test_a_frozen_picture_is_told_but_not_counted(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    still = np.random.default_rng(0).integers(0, 255, (48, 64), np.uint8)
    script.picture = still
    looked_at = []
    monkeypatch.setattr(
        StandIn, "find", lambda self, image: looked_at.append(1) or Found(Detections.empty(), False, 1, {})
    )
    service = Service(config_of("script:"), StandIn)
    with running(service, ("detections", "status")) as subscriber:
        told = []
        for _ in range(3):
            script.items.append(0)
            told += of_kind(until(subscriber, lambda item: isinstance(item, DetectionsMessage)), DetectionsMessage)
        until(subscriber, lambda item: isinstance(item, StatusMessage) and item.frame_state == "frozen")
    assert [m.state for m in told] == ["live", "frozen", "frozen"]
    assert [m.counts for m in told] == [{"cube": 0, "quasi_sphere": 0}, None, None]
    assert len(looked_at) == 1


def test_how_closely_a_feed_is_looked_at_is_found_out_once_and_told(
    script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[float | None] = []

    def look_at(self: object, images: list[tuple[np.ndarray, object]], scales: list[float | None]) -> list[np.ndarray]:
        asked.extend(scales)
        return [image for image, _ in images]

    monkeypatch.setattr(StandIn, "look_at", look_at)
    monkeypatch.setattr(StandIn, "find", lambda self, image: Found(Detections.empty(), False, 1, {}, scale=2.0))
    service = Service(config_of("script:"), StandIn)
    with running(service, ("detections",)) as subscriber:
        told = []
        for count in range(3):
            script.items.append(count)
            told += of_kind(until(subscriber, lambda item: isinstance(item, DetectionsMessage)), DetectionsMessage)
    assert asked == [None, 2.0, 2.0]
    assert [m.scale for m in told] == [2.0, 2.0, 2.0]


def test_particles_of_a_feed_are_counted_once(script: Script) -> None:
    """Twelve particles that stand still are twelve however many frames show them."""
    places = np.random.default_rng(3).permutation(48)[:12]
    boxes = 4 * np.stack([places % 8 * 8, places // 8 * 8, places % 8 * 8 + 6, places // 8 * 8 + 6], axis=1)
    script.shape = (192, 256)
    found = Found(Detections(boxes.astype(np.float32)), False, 1, {})
    service = Service(config_of("script:"), StandIn)
    with pytest.MonkeyPatch.context() as patched, running(service, ("detections",)) as subscriber:
        patched.setattr(StandIn, "find", lambda self, image: found)
        told = []
        for _ in range(8):
            script.items.append(0)
            told += of_kind(until(subscriber, lambda item: isinstance(item, DetectionsMessage)), DetectionsMessage)
    assert told[0].unique == {"cube": 0, "quasi_sphere": 0}
    assert set(told[0].records["track"]) == {-1}
    assert sum(told[-1].unique.values()) == len(set(told[-1].records["track"])) == 12
    assert told[-1].records["track"].min() >= 0


def test_stills_are_not_tracked(tmp_path: Path) -> None:
    stills = Service(config_of(f"dir:{write_folder(tmp_path / 'a', [5, 5])}"), StandIn)
    with running(stills, ("detections",)) as subscriber:
        (message,) = until(subscriber, lambda item: True)
    assert message.unique is None


def test_a_service_manager_is_told_when_it_runs_and_that_it_lives(
    tmp_path: Path, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "100000")
        service = Service(config_of("script:"), StandIn)
        with running(service, ("detections",)) as subscriber:
            script.items.append(7)
            until(subscriber, lambda item: isinstance(item, DetectionsMessage))
            told = [manager.recv(4096).decode() for _ in range(6)]
            while "7 particles" not in told[-1]:
                told.append(manager.recv(4096).decode())
        while told[-1] != "STOPPING=1":
            told.append(manager.recv(4096).decode())
    assert told[0] == "READY=1"
    assert "WATCHDOG=1" in told
    assert any(line.startswith("STATUS=main: live, ") for line in told)


def test_a_magnification_that_changes_takes_the_pixel_size_and_begins_a_new_group(tmp_path: Path) -> None:
    """Wrong nanometres are the worst silent error: none until somebody says what they are."""
    uri = "sim:?zoom=2&zoom_frames=40&zoom_steps=6&seed=2&fps=0&frames=9"
    service = Service(config_of(uri, nm_per_px=2.0), StandIn)
    with running(service, ("detections",)) as subscriber:
        told = of_kind(until(subscriber, lambda item: getattr(item, "frame", -1) == 8), DetectionsMessage)
    true = [Stage(parse_sim(uri)).course.at(number).nm_per_px for number in range(9)]
    steps = [number for number in range(1, 9) if true[number] != true[number - 1]]
    for message in told:
        known = message.frame < steps[0]
        assert message.nm_per_px == ((2.0, 2.0) if known else None)
        assert message.pixel_size_from == ("config" if known else UNCONFIRMED)
        assert message.group == (1 if known else 2)
        names = [column.name for column in message.columns]
        assert ("ecd_nm" in names, "ecd_px" in names) == (known, not known)
    assert {message.group for message in told} == {1, 2}
