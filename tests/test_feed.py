import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from nanotally.daemon import feed as feed_module
from nanotally.daemon.config import SourceConfig
from nanotally.daemon.feed import Feed, back_off_s
from nanotally.daemon.preparation import Preparation
from nanotally.errors import EndOfFeed, SourceError
from nanotally.frame import Frame, Source

WAIT_S = 10.0


class Script:
    """A source that plays a list: a frame for each number, a break for each exception, silence when it is over."""

    def __init__(self, *items: int | Exception | None, live: bool = True) -> None:
        self.uri = "script:"
        self.live = live
        self.stills = True
        self.idle = False
        self.damaged = 0
        self.closed = threading.Event()
        self._items = list(items)

    def read(self, timeout_s: float) -> Frame | None:
        if not self._items:
            self.closed.wait(min(timeout_s, 0.01))
            return None
        item = self._items.pop(0)
        if isinstance(item, Exception):
            raise item
        if item is None:
            self.damaged += 1
            return None
        return Frame(item, time.monotonic_ns(), time.time_ns(), np.zeros((8, 8), np.uint8), (5.0, 5.0), "tag")

    def close(self) -> None:
        self.closed.set()


def one_after_the_other(*sources: Source | Exception) -> Callable[[], Source]:
    left = list(sources)

    def open_next() -> Source:
        source = left.pop(0)
        if isinstance(source, Exception):
            raise source
        return source

    return open_next


def made(*sources: Source | Exception, **options: float) -> Feed:
    config = SourceConfig(uri="script:", **options)
    return Feed("main", one_after_the_other(*sources), Preparation(config))


@contextmanager
def following(*sources: Source | Exception, **options: float) -> Iterator[Feed]:
    feed = made(*sources, **options)
    feed.start()
    try:
        yield feed
    finally:
        feed.stop()
        feed.join(WAIT_S)
        assert not feed.is_alive()


def until(condition: Callable[[], bool]) -> bool:
    """Whether `condition` comes true in time."""
    deadline = time.monotonic() + WAIT_S
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.005)
    return condition()


@pytest.fixture(autouse=True)
def _no_long_back_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "BACK_OFF_S", (0.01, 0.02))


def take_all(feed: Feed) -> list[Frame]:
    taken = []
    try:
        while frame := feed.mailbox.take(WAIT_S):
            taken.append(frame)
    except EOFError:
        return taken
    raise AssertionError("the feed neither gave a frame nor ended")


def test_replay_hands_over_every_frame_and_ends() -> None:
    source = Script(*range(20), EndOfFeed("over"), live=False)
    with following(source) as feed:
        assert [frame.number for frame in take_all(feed)] == list(range(20))
        assert until(lambda: not feed.is_alive())
        assert (feed.state, feed.fault, feed.grabbed, feed.mailbox.dropped) == ("ended", None, 20, 0)
        assert source.closed.is_set()


def test_live_feed_keeps_the_newest_and_counts_the_rest() -> None:
    with following(Script(*range(20), EndOfFeed("over"))) as feed:
        assert until(lambda: not feed.is_alive())
        assert [frame.number for frame in take_all(feed)] == [19]
        assert (feed.grabbed, feed.mailbox.dropped) == (20, 19)


def test_damaged_frames_are_counted_also_at_the_end() -> None:
    with following(Script(0, None, 2, None, EndOfFeed("over"), live=False)) as feed:
        assert [frame.number for frame in take_all(feed)] == [0, 2]
        assert (feed.grabbed, feed.damaged) == (4, 2)


def test_live_source_that_breaks_is_closed_and_another_opened() -> None:
    broken, whole = Script(0, 1, SourceError("unplugged")), Script(0, 1, EndOfFeed("over"))
    with following(broken, SourceError("still unplugged"), RuntimeError("driver"), whole) as feed:
        assert until(lambda: not feed.is_alive())
        assert broken.closed.is_set()
        assert (feed.reconnects, feed.grabbed, feed.fault) == (1, 4, None)
        # Numbers go on rising through the run.
        assert [frame.number for frame in take_all(feed)] == [3]


def test_lost_source_says_why_until_a_frame_comes() -> None:
    silent = Script()
    with following(Script(0, SourceError("unplugged")), silent) as feed:
        assert until(lambda: feed.reconnects == 1)
        assert (feed.state, str(feed.fault)) == ("lost", "unplugged")
        silent._items.append(0)
        assert until(lambda: feed.state == "up")
        assert feed.fault is None


def test_whatever_a_driver_raises_is_a_fault_of_the_feed() -> None:
    with following(Script(0, EOFError("of the driver")), Script(0, EndOfFeed("over"))) as feed:
        assert until(lambda: not feed.is_alive())
        assert (feed.reconnects, feed.state) == (1, "ended")


def test_replay_that_breaks_off_is_over_and_not_counted_twice() -> None:
    with following(Script(0, 1, SourceError("bad disk"), live=False), Script(0, live=False)) as feed:
        assert [frame.number for frame in take_all(feed)] == [0, 1]
        assert (feed.state, str(feed.fault), feed.reconnects) == ("lost", "bad disk", 0)


def test_first_opening_must_succeed() -> None:
    with pytest.raises(SourceError, match="not there"):
        made(SourceError("not there"))


def test_pixel_size_of_the_configuration_overrides_that_of_the_frames() -> None:
    with following(Script(0, EndOfFeed("over"), live=False), nm_per_px=2.5) as feed:
        (frame,) = take_all(feed)
        assert (frame.nm_per_px, frame.pixel_size_from) == ((2.5, 2.5), "config")


def test_silence_is_a_stall_also_while_the_driver_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "STALLED_AFTER_S", 0.05)
    hanging = Script(0)
    let_go = threading.Event()
    read = hanging.read
    hanging.read = lambda timeout_s: read(timeout_s) or (let_go.wait(WAIT_S) and None)  # type: ignore[method-assign]
    with following(hanging) as feed:
        assert until(lambda: feed.state == "stalled")
        let_go.set()


def test_silence_of_a_source_that_has_nothing_to_say_is_no_stall(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "STALLED_AFTER_S", 0.05)
    folder = Script(0)
    folder.idle = True
    with following(folder) as feed:
        assert feed.mailbox.take(WAIT_S)
        time.sleep(0.2)
        assert feed.state == "up"
        folder.idle = False  # as when the share is away
        assert until(lambda: feed.state == "stalled")
        folder.idle = True
        assert until(lambda: feed.state == "up")


def test_waiting_for_the_detector_is_no_stall(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "STALLED_AFTER_S", 0.02)
    with following(Script(*range(9), live=False)) as feed:
        assert until(lambda: feed.grabbed == feed_module.REPLAY_CAPACITY + 1)  # one more waits for room
        time.sleep(0.06)
        assert feed.state == "up"


def test_slow_scan_is_no_stall(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "STALLED_AFTER_S", 0.0)
    with following(Script(0)) as feed:
        assert until(lambda: feed.state == "stalled")
        feed._period_ns = 60 * 10**9  # as after two frames of a slow scan
        assert feed.state == "up"


@pytest.mark.parametrize(
    "sources",
    [
        [Script()],
        [Script(*range(9), live=False)],
        [Script(SourceError("lost")), *[SourceError("gone")] * 10_000],
    ],
    ids=["silent", "blocked by back-pressure", "lost"],
)
def test_stop_works_from_every_state(sources: list[Source | Exception]) -> None:
    with following(*sources) as feed:
        time.sleep(0.03)
    assert not feed.is_alive()


def test_source_that_fails_to_close_does_no_harm() -> None:
    source = Script(0, EndOfFeed("over"), live=False)
    source.close = lambda: 1 / 0  # type: ignore[method-assign,assignment,return-value]
    with following(source) as feed:
        assert len(take_all(feed)) == 1
        assert until(lambda: not feed.is_alive())


def test_back_off_doubles_to_its_most_and_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "BACK_OFF_S", (0.5, 30.0))
    for attempt, most in enumerate([0.5, 1, 2, 4, 8, 16, 30, 30]):
        drawn = {back_off_s(attempt) for _ in range(50)}
        assert len(drawn) > 1
        assert all(most / 2 <= wait <= most for wait in drawn)
    assert back_off_s(10**6) <= 30
