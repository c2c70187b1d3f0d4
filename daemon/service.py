"""The daemon's life: startup, main loop, tick, shutdown; and a frame's way through it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from threading import Event

from nanotally import __version__
from nanotally.daemon import metrics, pages, report
from nanotally.daemon.channel import Channel
from nanotally.daemon.config import Config
from nanotally.daemon.desk import Desk
from nanotally.daemon.feed import Feed, stop_all
from nanotally.daemon.gate import Gate
from nanotally.daemon.heartbeat import Heartbeat
from nanotally.daemon.journal import Journal
from nanotally.daemon.keeping import Keeper, Keeping
from nanotally.daemon.keeping_metrics import KeepingMetrics
from nanotally.daemon.loading import load_detector, warm_up
from nanotally.daemon.looking import Look, Looking
from nanotally.daemon.notify import Notifier
from nanotally.daemon.outage import Outage
from nanotally.daemon.preparation import Preparation
from nanotally.daemon.publish import Publisher
from nanotally.daemon.replay import ReplayServer
from nanotally.daemon.showing import show
from nanotally.daemon.sources import open_source
from nanotally.daemon.stages import timed
from nanotally.daemon.succession import Succession
from nanotally.detect import Detector, Found
from nanotally.frame import Frame
from nanotally.signals import calling_on_hangup, stopping_on_signals

log = logging.getLogger(__name__)

TICK_S = 0.1
"""Longest wait for a frame: how soon a stop, a new subscriber or a lost source is noticed."""

COUNTS_EVERY_S = 1.0
"""A live feed tells its counts at most this often; a replay tells them for every frame."""

SETTLE_S = 0.3
"""From binding to the first frame at least: a waiting subscriber tries to connect every 0.1 to 0.2 s."""

STOP_S = 1.8
"""After a signal to stop the process ends within this, whatever hangs: an engine, a driver, a disk."""


class Service:
    """One daemon: its sources, one detector, one socket. The thread that calls `run` owns the socket.

    Attributes:
        config: what it was told, with what was set over it.
        looking: the thread of the engine.
        detector: finds the particles, from `startup` on.
        setup: how it does that, from `startup` on.
        publisher: the socket, from `startup` on.
        journal: where detections are kept before they are sent, from `startup` on.
        channels: the sources by name, from `startup` on.
        desk: where requests are carried out.
        bell: rung when the main loop has something to do.
        succession: puts a better engine in place of the first one.
        outage: whether the engine answers, where it is on a server.
        keeping: recordings, snapshots and the harvest, from `startup` on.
        keepers: who gets every frame that was told of.
        stopped: whether it was told to stop.
    """

    detector: Detector
    setup: report.Setup
    publisher: Publisher
    journal: Journal
    keeping: Keeping

    def __init__(
        self,
        config: Config,
        make_detector: Callable[[Config], Detector] = load_detector,
        *,
        reread: Callable[[], Config] | None = None,
    ) -> None:
        """Begin with nothing open.

        Args:
            config: what it is told.
            make_detector: loads model and engine, now and whenever the model changes.
            reread: reads the configuration again, for a reload; None: it stays as it is.
        """
        self.config = config
        self.channels: dict[str, Channel] = {}
        self.keepers: list[Keeper] = []
        self.make_detector = make_detector
        self.stopped = False
        self._running = False
        self.replay: ReplayServer | None = None
        self._to_close = ExitStack()
        self._health = pages.Health(self.channels)
        self.notifier = Notifier()
        self._to_close.callback(self.notifier.close)
        self.bell = Event()
        self.looking = Looking()
        self._to_close.callback(self.looking.close)
        self.outage = Outage()
        self.desk = Desk(self, reread or (lambda: config))
        self.heartbeat = Heartbeat(self)
        self.succession = Succession(self)
        self._to_close.callback(self.succession.close)

    def run(self) -> None:
        """Live from startup to shutdown.

        Raises:
            NanotallyError: the daemon could not start, its engine failed, or a replay broke off.
        """
        with stopping_on_signals(self.stop, within_s=STOP_S), calling_on_hangup(self.desk.reload):
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
        self.stopped = True

    def startup(self) -> None:
        """Bind, load, open, in this order: waiting subscribers are back before the first frame is sent."""
        config, close = self.config, self._to_close
        log.info("nanotally %s, instance %s", __version__, config.instance)
        self._gate = Gate(config.security)
        self.publisher = Publisher(config.publish.endpoint, instance=config.instance, gate=self._gate)
        settled_s = time.monotonic() + SETTLE_S
        close.callback(self.publisher.close)
        self._open_journal()
        log.info("publishing on %s, run %s", self.publisher.endpoint, self.publisher.run_id)
        self.desk.open(self._gate)
        close.callback(self.desk.close)
        self.detector = self.looking.do(partial(self.make_detector, config))
        close.callback(self._close_engine)
        warm_up()
        self.setup = report.Setup.of(self.detector)
        self.keeping = Keeping(config, classes=self.setup.classes)
        self.keepers.append(self.keeping)
        close.callback(self.keeping.close)
        close.callback(self._stop_feeds)
        for name, source in config.source.items():
            log.info("source %s: %s", name, source.uri)
            feed = Feed(name, partial(open_source, source.uri, gate=self._gate), Preparation(source), bell=self.bell)
            self.channels[name] = Channel(feed, source, self.setup)
        feeds = [channel.feed for channel in self.channels.values()]
        refusals = [self.publisher.refusals, self.desk.control.refusals]
        refusals += [self.replay.refusals] if self.replay else []
        self._metrics = metrics.Metrics(feeds, self.publisher, self.journal, self.setup, refusals, self.outage)
        self._metrics.registry.register(KeepingMetrics(self.keeping, config.source))
        self.desk.take_up()
        self._health.turn()
        if config.metrics.enabled:
            address, port = config.metrics.address, config.metrics.port
            serving = pages.serving(self._metrics.registry, self._health, address=address, port=port)
            log.info("metrics on %s", close.enter_context(serving))
        time.sleep(max(0.0, settled_s - time.monotonic()))
        for channel in self.channels.values():
            channel.feed.start()
        self._running = True
        self.notifier.ready()

    def _open_journal(self) -> None:
        config, close = self.config, self._to_close
        self.journal = Journal(config.journal, instance=config.instance, sources=config.source)
        close.callback(self.journal.close)
        if self.journal.books:
            self.replay = ReplayServer(config.replay.endpoint, self.journal, instance=config.instance, gate=self._gate)
            close.callback(self.replay.close)
            self.replay.start()
            log.info("replay on %s", self.replay.endpoint)

    def adopt(self, config: Config, detector: Detector) -> None:
        """Look at the frames to come in another way, perhaps with another model. Between two frames, never fails."""
        if detector is not self.detector:
            self._close_engine()
        self.config, self.detector, self.setup = config, detector, report.Setup.of(detector)
        self.keeping.config = config
        self._metrics.adopt(self.setup)
        for name, channel in self.channels.items():
            channel.look_with(self.setup)
            channel.feed.adopt(config.source[name])

    def _close_engine(self) -> None:
        self.looking.do(self.detector.engine.close)

    def main_loop(self) -> None:
        """Turn until told to stop or all feeds are over."""
        while not self.stopped and self.tick():
            pass
        self.settle()

    def tick(self) -> bool:
        """Turn once, and carry out what waits between two frames. False: all feeds are over."""
        self.desk.turn()
        self.succession.turn()
        return self.turn()

    def turn(self) -> bool:
        """Signs of life, subscribers, heartbeats, and frames; False when all feeds are over.

        While the frames of the last turn are measured and told of, the engine looks at those that wait already.
        """
        self.notifier.alive()
        self._health.turn()
        self.publisher.answer_subscribers()
        self.heartbeat.turn()
        look = self.looking.end(self.outage)
        waiting = self._next_frames(0.0 if look else TICK_S)
        if waiting:
            self.looking.begin(self.detector, waiting)
        if look:
            self.tell_of(look)
        return self.looking.busy or not all(channel.over for channel in self.channels.values())

    def settle(self) -> None:
        """Tell of the frames that are being looked at, before anything changes under them."""
        look = self.looking.end(self.outage)
        if look:
            self.tell_of(look)

    def _next_frames(self, patience_s: float) -> list[tuple[Channel, Frame]]:
        """At most one frame of each source, so that none keeps another waiting; none came in time: empty."""
        self.bell.wait(patience_s)
        self.bell.clear()
        open_ones = [channel for channel in self.channels.values() if not channel.over]
        taken = [(channel, frame) for channel in open_ones if (frame := channel.take()) is not None]
        if any(channel.feed.mailbox.holds for channel in open_ones):
            self.bell.set()
        return taken

    def tell_of(self, look: Look) -> None:
        """Tell of all frames of a look that is over."""
        found = look.found()
        found_ns = time.monotonic_ns()
        for (channel, frame), own in zip(look.frames, found, strict=True):
            self.tell(channel, frame, own, look.taken_ns, found_ns)

    def tell(self, channel: Channel, frame: Frame, found: Found, taken_ns: int, found_ns: int) -> None:
        """Publish what was found in a frame, its tally, and what it looks like if somebody looks."""
        channel.catch_up(frame)
        if frame.state == "live":
            found = channel.region.mark(found)
        frame = channel.calibrated(frame, found.detections)
        name, population = channel.name, channel.population
        origin_of, send = self.publisher.next_origin, self.publisher.send
        latency_ms = {"wait": (taken_ns - frame.grabbed_ns) / 1e6, **found.latency_ms}
        measured = tracks = None
        if frame.state == "live":
            with timed(latency_ms, "size"):
                measured = channel.measure(frame, found.detections)
            with timed(latency_ms, "track"):
                tracks = population.take(frame, found.detections, measured)
        told = report.detections_message(
            origin_of("detections", name),
            frame,
            found,
            channel.setup,
            latency_ms,
            population=population,
            session=channel.session,
            measured=measured,
            tracks=tracks,
        )
        told, parts = self.journal.commit(told)
        send(told, parts)
        sent_ns = time.monotonic_ns()
        if not channel.feed.live or channel.is_due("counts", every_s=COUNTS_EVERY_S):
            send(report.counts_message(origin_of("counts", name), told, population))
        show(self.publisher, channel, frame, told, measured)
        channel.tell_of(told)
        for keeper in self.keepers:
            keeper.take(frame, told)
        self._metrics.observe(told, age_s=(sent_ns - frame.grabbed_ns) / 1e9, publish_s=(sent_ns - found_ns) / 1e9)

    def shutdown(self) -> None:
        """Stop the sources, say so, and give everything back; legal however far `startup` came, and twice."""
        self.notifier.stopping()
        if self._running:
            self._running = False
            self._stop_feeds()
            self.heartbeat.stop()
        self._to_close.close()

    def _stop_feeds(self) -> None:
        stop_all([channel.feed for channel in self.channels.values()])
