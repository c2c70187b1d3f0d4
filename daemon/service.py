"""The daemon's life: startup, main loop, tick, shutdown; and a frame's way through it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from threading import Event

import numpy as np

from nanotally import __version__
from nanotally.bundle import load_bundle
from nanotally.daemon import metrics, report
from nanotally.daemon.channel import Channel
from nanotally.daemon.config import Config
from nanotally.daemon.feed import Feed
from nanotally.daemon.journal import Journal
from nanotally.daemon.notify import Notifier
from nanotally.daemon.preparation import Preparation
from nanotally.daemon.publish import Publisher, to_jpeg
from nanotally.daemon.region import Region
from nanotally.daemon.replay import ReplayServer
from nanotally.daemon.sources import open_source
from nanotally.detect import Detector, Found, load_engine
from nanotally.detections import Detections
from nanotally.frame import Frame, SourceState
from nanotally.signals import stopping_on_signals
from nanotally.wire import Origin

log = logging.getLogger(__name__)

STATE_LEVELS: dict[SourceState, int] = {
    "up": logging.INFO,
    "stalled": logging.WARNING,
    # The feed itself says why it is lost or ended.
    "lost": logging.DEBUG,
    "ended": logging.DEBUG,
}

TICK_S = 0.1
"""Longest wait for a frame: how soon a stop, a new subscriber or a lost source is noticed."""

HEARTBEAT_S = 1.0
COUNTS_EVERY_S = 1.0
"""A live feed tells its counts at most this often; a replay tells them for every frame."""

SETTLE_S = 0.3
"""From binding to the first frame at least: a waiting subscriber tries to connect every 0.1 to 0.2 s."""

NOTHING = Found(Detections.empty(), truncated=False, tiles=0, latency_ms={})
"""In a frame that is not live nothing is looked for."""

JOIN_S = 5.0
"""How long a source may take to let go before it is abandoned: its thread does not hold up the exit."""


def load_detector(config: Config) -> Detector:
    """Load model and engine in the calling thread, the only one that may use them."""
    bundle = load_bundle(config.model.bundle or None)
    engine = load_engine(config.model.engine, bundle)
    log.info("model %s (%s) on %s", bundle.manifest.name, bundle.manifest.sha256[:12], engine.description)
    side = bundle.manifest.input_size_px
    engine.infer(np.zeros((1, 1, side, side), np.float32))  # the first is slow, and not to be a frame's
    return Detector(bundle, engine, config.detect)


class Service:
    """One daemon: its sources, one detector, one socket. The thread that calls `run` owns the last two.

    Attributes:
        config: what it was told.
        publisher: the socket, from `startup` on.
        journal: where detections are kept before they are sent, from `startup` on.
        channels: the sources by name, from `startup` on.
    """

    publisher: Publisher
    journal: Journal

    def __init__(self, config: Config, make_detector: Callable[[Config], Detector] = load_detector) -> None:
        self.config = config
        self.channels: dict[str, Channel] = {}
        self._make_detector = make_detector
        self._stop = False
        self._running = False
        self._replay: ReplayServer | None = None
        self._to_close = ExitStack()
        self._notifier = Notifier()
        self._to_close.callback(self._notifier.close)
        self._bell = Event()
        self._started_ns = time.monotonic_ns()

    def run(self) -> None:
        """Live from startup to shutdown.

        Raises:
            NanotallyError: the daemon could not start, its engine failed, or a replay broke off.
        """
        with stopping_on_signals(self.stop):
            try:
                self.startup()
                self.main_loop()
            finally:
                self.shutdown()
        for channel in self.channels.values():
            if channel.feed.fault is not None and not channel.feed.live:
                raise channel.feed.fault

    def stop(self) -> None:
        """End after the frames that are being looked at. May be called from any thread or signal handler."""
        self._stop = True

    def startup(self) -> None:
        """Bind, load, open, in this order: waiting subscribers are back before the first frame is sent."""
        config, close = self.config, self._to_close
        log.info("nanotally %s, instance %s", __version__, config.instance)
        self.publisher = Publisher(config.publish.endpoint, instance=config.instance)
        settled_s = time.monotonic() + SETTLE_S
        close.callback(self.publisher.close)
        self._open_journal()
        log.info("publishing on %s, run %s", self.publisher.endpoint, self.publisher.run_id)
        self._detector = self._make_detector(config)
        close.callback(self._detector.engine.close)
        self._setup = report.Setup.of(self._detector)
        close.callback(self._stop_feeds)
        for name, source in config.source.items():
            log.info("source %s: %s", name, source.uri)
            feed = Feed(name, partial(open_source, source.uri), Preparation(source), bell=self._bell)
            self.channels[name] = Channel(feed, Region(source.roi, source.masks), self._setup.classes)
        self._metrics = metrics.Metrics([c.feed for c in self.channels.values()], self.publisher, self._setup)
        if config.metrics.enabled:
            address, port = config.metrics.address, config.metrics.port
            serving = metrics.serving(self._metrics.registry, address=address, port=port)
            log.info("metrics on %s", close.enter_context(serving))
        time.sleep(max(0.0, settled_s - time.monotonic()))
        for channel in self.channels.values():
            channel.feed.start()
        self._running = True
        self._notifier.ready()

    def _open_journal(self) -> None:
        config, close = self.config, self._to_close
        self.journal = Journal(config.journal, instance=config.instance, sources=config.source)
        close.callback(self.journal.close)
        if self.journal.books:
            self._replay = ReplayServer(config.replay.endpoint, self.journal, instance=config.instance)
            close.callback(self._replay.close)
            self._replay.start()
            log.info("replay on %s", self._replay.endpoint)

    def main_loop(self) -> None:
        """Turn until told to stop or all feeds are over."""
        while not self._stop and self.tick():
            pass

    def tick(self) -> bool:
        """Turn once: subscribers, heartbeats, the next frame of each source that has one. False: all are over."""
        self._notifier.alive()
        self.publisher.answer_subscribers()
        for channel in self.channels.values():
            self.beat(channel)
        waiting = self._next_frames()
        if waiting:
            self.process(waiting)
        return not all(channel.over for channel in self.channels.values())

    def _next_frames(self) -> list[tuple[Channel, Frame]]:
        """At most one frame of each source, so that none keeps another waiting; none came within `TICK_S`: empty."""
        self._bell.wait(TICK_S)
        self._bell.clear()
        open_ones = [channel for channel in self.channels.values() if not channel.over]
        taken = [(channel, frame) for channel in open_ones if (frame := channel.take()) is not None]
        if any(channel.feed.mailbox.holds for channel in open_ones):
            self._bell.set()
        return taken

    def process(self, waiting: list[tuple[Channel, Frame]]) -> None:
        """Find the particles of these frames in one batch, and tell of each."""
        taken_ns = time.monotonic_ns()
        live = [(frame.image, frame.field) for _, frame in waiting if frame.state == "live"]
        found = iter(self._detector.detect_all(live) if live else ())
        found_ns = time.monotonic_ns()
        for channel, frame in waiting:
            own = channel.region.mark(next(found)) if frame.state == "live" else NOTHING
            self.tell(channel, frame, own, taken_ns, found_ns)

    def tell(self, channel: Channel, frame: Frame, found: Found, taken_ns: int, found_ns: int) -> None:
        """Publish what was found in a frame, its tally, and the picture if somebody looks."""
        name, send = channel.name, self.publisher.send
        latency_ms = {"wait": (taken_ns - frame.grabbed_ns) / 1e6, **found.latency_ms}
        tracks = unique = None
        if channel.tracker is not None:
            started_ns = time.monotonic_ns()
            tracks, unique = channel.tracker.update(frame, found.detections), channel.tracker.unique
            latency_ms["track"] = (time.monotonic_ns() - started_ns) / 1e6
        origin = self._next_origin("detections", name)
        told = report.detections_message(origin, frame, found, self._setup, latency_ms, tracks=tracks, unique=unique)
        told, parts = self.journal.commit(told)
        send(told, parts)
        sent_ns = time.monotonic_ns()
        if not channel.feed.live or channel.is_due("counts", every_s=COUNTS_EVERY_S):
            send(report.counts_message(self._next_origin("counts", name), told))
        if self.publisher.is_wanted("frames", name):
            send(report.frame_message(self._next_origin("frames", name), told, to_jpeg(frame.image)))
        channel.tell_of(told)
        self._metrics.observe(told, age_s=(sent_ns - frame.grabbed_ns) / 1e9, publish_s=(sent_ns - found_ns) / 1e9)

    def beat(self, channel: Channel) -> None:
        """Send a status when it is time, and at once when the source changes its state."""
        state = channel.feed.state
        changed = state != channel.told_state
        if changed:
            log.log(STATE_LEVELS[state], "source %s is %s", channel.name, state)
        if channel.is_due("status", every_s=HEARTBEAT_S) or changed:
            self._send_status(channel, state)

    def shutdown(self) -> None:
        """Stop the sources, say so, and give everything back; legal however far `startup` came."""
        self._notifier.stopping()
        if self._running:
            self._stop_feeds()
            for channel in self.channels.values():
                feed = channel.feed
                self._send_status(channel, feed.state, stopping=True)
                dropped = feed.mailbox.dropped + feed.damaged
                counts = feed.name, feed.grabbed, dropped, channel.processed
                log.info("source %s stopped: %d frames, %d dropped, %d processed", *counts)
        self._to_close.close()

    def _send_status(self, channel: Channel, state: SourceState, *, stopping: bool = False) -> None:
        channel.told_state = state
        self._notifier.status("; ".join(each.summary() for each in self.channels.values()))
        status = report.status_message(
            self._next_origin("status", channel.name),
            channel,
            state,
            self._setup,
            uptime_s=(time.monotonic_ns() - self._started_ns) / 1e9,
            last_seq=self.publisher.sent("detections", channel.name),
            journal=self.journal,
            replay=None if self._replay is None else self._replay.endpoint,
            stopping=stopping,
        )
        self.publisher.send(status)

    def _next_origin(self, kind: str, source: str) -> Origin:
        return self.publisher.next_origin(kind, source)

    def _stop_feeds(self) -> None:
        feeds = [channel.feed for channel in self.channels.values()]
        for feed in feeds:
            feed.stop()
        for feed in feeds:
            if feed.ident is None:
                continue  # never started
            feed.join(JOIN_S)
            if feed.is_alive():
                log.warning("source %s does not let go; it is abandoned", feed.name)
