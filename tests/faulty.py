"""A daemon with a source to which something happens and one to which nothing does, and all that it tells of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from source_parts import doing, header, sender
from stand_in_daemon import StandIn
from waiting import WAIT_S

from nanotally.daemon import feed as feed_module
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
from nanotally.detect import Detector, Found
from nanotally.wire import DetectionsMessage, Gap, Message, StatusMessage, Subscriber

ANY = "tcp://127.0.0.1:*"
FAULTY, HEALTHY = "faulty", "healthy"
GOES_ON = 3
"""Frames of the healthy source that show that it goes on."""


def config_of(folder: Path, uri: str, **sections: object) -> Config:
    """A faulty source beside a healthy one, with everything that a daemon can have."""
    given = {
        "publish": PublishConfig(endpoint=ANY),
        "replay": ReplayConfig(endpoint=ANY),
        "control": ControlConfig(endpoint=ANY),
        "metrics": MetricsConfig(port=0),
        "journal": JournalConfig(directory=str(folder / "journal")),
        **sections,
    }
    healthy = SourceConfig(uri="sim:?width=96&height=64&particles=3&fps=20")
    return Config(source={FAULTY: SourceConfig(uri=uri), HEALTHY: healthy}, **given)  # type: ignore[arg-type]


class Few(StandIn):
    """Finds five particles at most: sizing many is not what is tried here."""

    def find(self, image: np.ndarray) -> Found:
        return super().find(np.minimum(image[:1, :1], 5))


class Daemon:
    """A service that runs, and who listens to it.

    Attributes:
        service: whose main loop turns in a thread of its own.
        heard: everything it has told since, in order.
    """

    def __init__(self, service: Service, subscriber: Subscriber) -> None:
        self.service, self._subscriber = service, subscriber
        self.heard: list[Message | Gap] = []

    def until(self, condition: Callable[[Message | Gap], bool]) -> Message | Gap:
        """The next item that satisfies `condition`."""
        deadline_s = time.monotonic() + WAIT_S
        while time.monotonic() < deadline_s:
            item = self._subscriber.receive(0.1)
            if item is None:
                continue
            self.heard.append(item)
            if condition(item):
                return item
        raise AssertionError(f"waited in vain, heard {[type(item).__name__ for item in self.heard]}")

    def status(self, condition: Callable[[StatusMessage], bool], *, of: str = FAULTY) -> StatusMessage:
        """The next status of a source that satisfies `condition`."""
        found = self.until(
            lambda item: isinstance(item, StatusMessage) and item.origin.source == of and condition(item)
        )
        assert isinstance(found, StatusMessage)
        return found

    def frame(
        self, condition: Callable[[DetectionsMessage], bool] = lambda told: True, *, of: str = FAULTY
    ) -> DetectionsMessage:
        """The next detections of a source that satisfy `condition`."""
        found = self.until(
            lambda item: isinstance(item, DetectionsMessage) and item.origin.source == of and condition(item)
        )
        assert isinstance(found, DetectionsMessage)
        return found

    def metric(self, name: str, **labels: str) -> float:
        """A series of the daemon's page."""
        value = self.service._metrics.registry.get_sample_value(f"nanotally_{name}", labels)
        assert value is not None, f"no series {name} {labels}"
        return value

    def goes_on(self) -> None:
        """The healthy source delivers, nothing of it was missed, and the daemon is alive."""
        for _ in range(GOES_ON):
            assert self.frame(of=HEALTHY).counts is not None
        assert [item for item in self.heard if isinstance(item, Gap)] == []
        assert self.service._health.live()[0]


@contextmanager
def running(config: Config, make_detector: Callable[[Config], Detector] = Few) -> Iterator[Daemon]:
    """The daemon, for as long as the block runs; a lost source is tried again soon."""
    service = Service(config, make_detector)
    before, feed_module.BACK_OFF_S = feed_module.BACK_OFF_S, (0.3, 0.3)
    try:
        service.startup()
        thread = threading.Thread(target=service.main_loop)
        with Subscriber(service.publisher.endpoint, kinds=("detections", "status")) as subscriber:
            assert service.publisher._socket.poll(round(WAIT_S * 1000))
            thread.start()
            try:
                yield Daemon(service, subscriber)
            finally:
                service.stop()
                thread.join(WAIT_S)
                assert not thread.is_alive()
    finally:
        service.shutdown()
        feed_module.BACK_OFF_S = before


@contextmanager
def sending(endpoint: str, *, shape: tuple[int, int] = (48, 64)) -> Iterator[None]:
    """Pictures of noise with five particles that are pushed, each another."""

    def push(number: int) -> None:
        image = np.random.default_rng(number).integers(0, 255, shape, np.uint8)
        image[0, 0] = 5
        send(header(image), image.tobytes())

    with sender(endpoint) as send, doing(push):
        yield


def said(caplog: pytest.LogCaptureFixture, words: str) -> None:
    """The log says so, soon: a line may come just behind the message."""
    deadline_s = time.monotonic() + WAIT_S
    while words not in caplog.text:
        assert time.monotonic() < deadline_s, f"{words!r} is not in the log:\n{caplog.text[-4000:]}"
        time.sleep(0.02)
