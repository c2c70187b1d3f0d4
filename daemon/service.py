"""The daemon's life: startup, main loop, tick, shutdown; and a frame's way through it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import ExitStack

from nanotally import __version__
from nanotally.bundle import load_bundle
from nanotally.daemon import metrics, report
from nanotally.daemon.config import Config
from nanotally.daemon.feed import Feed
from nanotally.daemon.publish import Publisher, to_jpeg
from nanotally.daemon.sources import open_source
from nanotally.detect import Detector, load_engine
from nanotally.frame import Frame, FrameState, SourceState
from nanotally.signals import stopping_on_signals
from nanotally.wire import Origin, StatusMessage

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
"""A live feed tells its counts this often; a replay tells them for every frame."""

SETTLE_S = 0.3
"""From binding to the first frame at least: a waiting subscriber tries to connect every 0.1 to 0.2 s."""

JOIN_S = 5.0
"""How long a source may take to let go before it is abandoned: its thread does not hold up the exit."""


def load_detector(config: Config) -> Detector:
    """Load model and engine in the calling thread, the only one that may use them."""
    bundle = load_bundle(config.model.bundle or None)
    engine = load_engine(config.model.engine, bundle)
    log.info("model %s (%s) on %s", bundle.manifest.name, bundle.manifest.sha256[:12], engine.description)
    return Detector(bundle, engine, config.detect)


class Service:
    """One daemon: one source, one detector, one socket. The thread that calls `run` owns the last two.

    Attributes:
        config: what it was told.
        publisher: the socket, from `startup` on.
        feed: the source and its thread, from `startup` on.
        processed: frames that became a detections message.
    """

    publisher: Publisher
    feed: Feed

    def __init__(self, config: Config, make_detector: Callable[[Config], Detector] = load_detector) -> None:
        self.config = config
        self._make_detector = make_detector
        self._stop = False
        self._running = False
        self._to_close = ExitStack()
        self._started_ns = time.monotonic_ns()
        self._frame_state: FrameState | None = None
        self.processed = 0
        self._counts_due_ns = 0
        self._beat_due_ns = 0
        self._told_state: SourceState | None = None

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
        if self.feed.fault is not None and not self.feed.live:
            raise self.feed.fault

    def stop(self) -> None:
        """End after the frame that is being looked at. May be called from any thread or signal handler."""
        self._stop = True

    def startup(self) -> None:
        """Bind, load, open, in this order: waiting subscribers are back before the first frame is sent."""
        config, close = self.config, self._to_close
        ((name, source),) = config.source.items()
        log.info("nanotally %s, instance %s, source %s: %s", __version__, config.instance, name, source.uri)
        self.publisher = Publisher(config.publish.endpoint, instance=config.instance)
        settled_s = time.monotonic() + SETTLE_S
        close.callback(self.publisher.close)
        log.info("publishing on %s, run %s", self.publisher.endpoint, self.publisher.run_id)
        self._detector = self._make_detector(config)
        close.callback(self._detector.engine.close)
        self._setup = report.Setup.of(self._detector)
        self.feed = Feed(name, lambda: open_source(source.uri), nm_per_px=source.nm_per_px)
        close.callback(self._stop_feed)
        self._metrics = metrics.Metrics(self.feed, self.publisher, self._setup)
        if config.metrics.enabled:
            address, port = config.metrics.address, config.metrics.port
            serving = metrics.serving(self._metrics.registry, address=address, port=port)
            log.info("metrics on %s", close.enter_context(serving))
        time.sleep(max(0.0, settled_s - time.monotonic()))
        self.feed.start()
        self._running = True

    def main_loop(self) -> None:
        """Turn until told to stop or the feed is over."""
        while not self._stop and self.tick():
            pass

    def tick(self) -> bool:
        """Turn once: subscribers, the heartbeat, the next frame if there is one. False: the feed is over."""
        self.publisher.answer_subscribers()
        self.beat()
        try:
            frame = self.feed.mailbox.take(TICK_S)
        except EOFError:
            return False
        if frame is not None:
            self.process(frame)
        return True

    def process(self, frame: Frame) -> None:
        """Find the particles of a frame; publish them, their tally, and the picture if somebody looks."""
        taken_ns = time.monotonic_ns()
        found = self._detector.detect(frame.image, field=frame.field)
        found_ns = time.monotonic_ns()
        latency_ms = {"wait": (taken_ns - frame.grabbed_ns) / 1e6, **found.latency_ms}
        told = report.detections_message(self._next_origin("detections"), frame, found, self._setup, latency_ms)
        self.publisher.send(told)
        sent_ns = time.monotonic_ns()
        if not self.feed.live or sent_ns >= self._counts_due_ns:
            self.publisher.send(report.counts_message(self._next_origin("counts"), told))
            self._counts_due_ns = sent_ns + round(COUNTS_EVERY_S * 1e9)
        if self.publisher.is_wanted("frames", self.feed.name):
            picture = report.frame_message(self._next_origin("frames"), told, to_jpeg(frame.image))
            self.publisher.send(picture)
        self.processed += 1
        self._frame_state = frame.state
        self._metrics.observe(told, age_s=(sent_ns - frame.grabbed_ns) / 1e9, publish_s=(sent_ns - found_ns) / 1e9)

    def beat(self) -> None:
        """Send a status when it is time, and at once when the source changes its state."""
        state = self.feed.state
        if state != self._told_state:
            log.log(STATE_LEVELS[state], "source %s is %s", self.feed.name, state)
        elif time.monotonic_ns() < self._beat_due_ns:
            return
        self._send_status(state)

    def shutdown(self) -> None:
        """Stop the source, say so, and give everything back; legal however far `startup` came."""
        if self._running:
            self._stop_feed()
            self._send_status(self.feed.state, stopping=True)
            dropped = self.feed.mailbox.dropped + self.feed.damaged
            log.info("stopped: %d frames, %d dropped, %d processed", self.feed.grabbed, dropped, self.processed)
        self._to_close.close()

    def _send_status(self, state: SourceState, *, stopping: bool = False) -> None:
        feed, now_ns = self.feed, time.monotonic_ns()
        self._told_state, self._beat_due_ns = state, now_ns + round(HEARTBEAT_S * 1e9)
        self.publisher.send(
            StatusMessage(
                origin=self._next_origin("status"),
                wall=report.wall(time.time_ns()),
                uptime_s=round((now_ns - self._started_ns) / 1e9, 3),
                version=__version__,
                model=self._setup.model,
                source_state=state,
                frame_state=self._frame_state,
                fault=None if feed.fault is None else str(feed.fault),
                frames_grabbed=feed.grabbed,
                frames_dropped=feed.mailbox.dropped + feed.damaged,
                frames_processed=self.processed,
                last_seq=self.publisher.sent("detections", feed.name),
                stopping=stopping,
            )
        )

    def _next_origin(self, kind: str) -> Origin:
        return self.publisher.next_origin(kind, self.feed.name)

    def _stop_feed(self) -> None:
        self.feed.stop()
        if self.feed.ident is None:
            return  # never started
        self.feed.join(JOIN_S)
        if self.feed.is_alive():
            log.warning("source %s does not let go; it is abandoned", self.feed.name)
