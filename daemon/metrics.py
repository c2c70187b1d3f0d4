"""Prometheus metrics. Labels are bounded: configured names, classes, stages and reasons only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import nan
from typing import get_args

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from nanotally import __version__
from nanotally.daemon.feed import Feed
from nanotally.daemon.journal import Journal
from nanotally.daemon.outage import Outage
from nanotally.daemon.publish import Publisher
from nanotally.daemon.refusals import Refusals
from nanotally.daemon.report import Setup
from nanotally.frame import FrameState
from nanotally.wire import KINDS, DetectionsMessage

BUCKETS_S = (0.0005, 0.001, 0.002, 0.003, 0.005, 0.008, 0.012, 0.02, 0.033, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10)
"""From a fast stage on a GPU to a large frame on an old CPU."""
NOT_LIVE = tuple(state for state in get_args(FrameState) if state != "live")


class Metrics(Collector):
    """All metrics of one daemon, in a registry of their own.

    What other parts count for themselves is read from them at each scrape; what only the main loop knows is
    told with `observe`.
    """

    def __init__(
        self,
        feeds: Sequence[Feed],
        publisher: Publisher,
        journal: Journal,
        setup: Setup,
        refusals: Sequence[Refusals] = (),
        outage: Outage | None = None,
    ) -> None:
        """Start all counts at zero, so that the first event is a rise."""
        disable_created_metrics()  # type: ignore[no-untyped-call] # they would double the number of series
        self._feeds, self._publisher, self._journal, self._setup = feeds, publisher, journal, setup
        self._refusals, self._outage = refusals, outage or Outage()
        self._last: dict[str, DetectionsMessage] = {}
        self.registry = CollectorRegistry()
        self._make_counters(self.registry)
        self._make_times(self.registry)
        for feed in feeds:
            for counter in (self._processed, self._truncated, self._unsafe, self._age):
                counter.labels(feed.name)
            for name in setup.classes:
                self._particles.labels(feed.name, name)
            for state in NOT_LIVE:
                self._not_live.labels(feed.name, state)
        ProcessCollector(registry=self.registry)
        self.registry.register(self)

    def _make_counters(self, registry: CollectorRegistry) -> None:
        self._processed = Counter(
            "nanotally_frames_processed", "Frames that were looked at.", ["source"], registry=registry
        )
        self._particles = Counter(
            "nanotally_particles_detected",
            "Particles found, summed over frames.",
            ["source", "class"],
            registry=registry,
        )
        self._truncated = Counter(
            "nanotally_detections_truncated",
            "Frames with more particles than the model may report.",
            ["source"],
            registry=registry,
        )
        self._not_live = Counter(
            "nanotally_frames_not_counted",
            "Frames in which nothing was counted, because they were not live.",
            ["source", "state"],
            registry=registry,
        )
        self._unsafe = Counter(
            "nanotally_messages_not_journalled",
            "Detections messages that the journal did not take, though one is kept.",
            ["source"],
            registry=registry,
        )

    def _make_times(self, registry: CollectorRegistry) -> None:
        self._last_frame = Gauge(
            "nanotally_last_frame_timestamp_seconds",
            "Wall clock when the last frame was published.",
            ["source"],
            registry=registry,
        )
        self._stage = Histogram(
            "nanotally_stage_seconds",
            "Time a frame spent in a stage.",
            ["stage"],
            buckets=BUCKETS_S,
            registry=registry,
        )
        self._age = Histogram(
            "nanotally_frame_age_seconds",
            "From the grab of a frame until its detections were published.",
            ["source"],
            buckets=BUCKETS_S,
            registry=registry,
        )

    def adopt(self, setup: Setup) -> None:
        """Go on with another model, or with other settings of it."""
        self._setup = setup
        for feed in self._feeds:
            for name in setup.classes:
                self._particles.labels(feed.name, name)

    def observe(self, told: DetectionsMessage, *, age_s: float, publish_s: float) -> None:
        """Take note of a frame that was published."""
        source = told.origin.source
        self._processed.labels(source).inc()
        self._last_frame.labels(source).set_to_current_time()
        self._age.labels(source).observe(age_s)
        self._stage.labels("publish").observe(publish_s)
        for stage, ms in told.latency_ms.items():
            self._stage.labels(stage).observe(ms / 1000)
        if told.state != "live":
            self._not_live.labels(source, told.state).inc()
        if told.truncated:
            self._truncated.labels(source).inc()
        for name, count in (told.counts or {}).items():
            self._particles.labels(source, name).inc(count)
        if self._journal.fault(source) is not None:
            self._unsafe.labels(source).inc()
        self._last[source] = told

    def collect(self) -> Iterator[Metric]:
        """Read what others count for themselves. Called in the thread of each scrape."""
        yield from self._of_feeds()
        yield from self._of_last_frames()
        yield from self._of_daemon()

    def _of_feeds(self) -> Iterator[Metric]:
        feeds = self._feeds
        yield filled(
            CounterMetricFamily(
                "nanotally_frames_captured",
                "Frames the source had, damaged ones included.",
                labels=["source"],
            ),
            *(([feed.name], feed.grabbed) for feed in feeds),
        )
        yield filled(
            CounterMetricFamily(
                "nanotally_frames_dropped", "Frames that nobody looked at.", labels=["source", "reason"]
            ),
            *(([feed.name, "overwritten"], feed.mailbox.dropped) for feed in feeds),
            *(([feed.name, "damaged"], feed.damaged) for feed in feeds),
        )
        yield filled(
            CounterMetricFamily(
                "nanotally_frames_averaged", "Frames that went into the average of a later one.", labels=["source"]
            ),
            *(([feed.name], feed.averaged) for feed in feeds),
        )
        yield filled(
            CounterMetricFamily(
                "nanotally_source_reconnects", "Sources opened in place of a broken one.", labels=["source"]
            ),
            *(([feed.name], feed.reconnects) for feed in feeds),
        )
        yield filled(
            GaugeMetricFamily("nanotally_source_up", "1 while frames come, 0 while they do not.", labels=["source"]),
            *(([feed.name], feed.state == "up") for feed in feeds),
        )

    def _of_last_frames(self) -> Iterator[Metric]:
        """Of the last frame of each source; NaN while there is none that is live."""
        told = {feed.name: self._last.get(feed.name) if feed.state == "up" else None for feed in self._feeds}
        for name, what, tally in (
            ("nanotally_particles_in_frame", "Particles in the last frame.", "counts"),
            ("nanotally_particles_unique", "Different particles since the group began.", "unique"),
        ):
            yield filled(
                GaugeMetricFamily(name, what, labels=["source", "class"]),
                *(
                    ([source, class_name], (getattr(last, tally, None) or {}).get(class_name, nan))
                    for source, last in told.items()
                    for class_name in self._setup.classes
                ),
            )
        for name, what, figure in (
            ("nanotally_picture_sharpness", "Sharpness of the last frame, 0 to about 1.", "sharpness"),
            ("nanotally_covered_ratio", "Share of the examined area that particles cover.", "covered_share"),
        ):
            values = ((source, getattr(last, figure, None)) for source, last in told.items())
            samples = (([source], nan if value is None else value) for source, value in values)
            yield filled(GaugeMetricFamily(name, what, labels=["source"]), *samples)
        known = (([source], nan if last is None else last.nm_per_px is not None) for source, last in told.items())
        text = "1 while the pixel size of the last frame is known, 0 while it is not."
        yield filled(GaugeMetricFamily("nanotally_pixel_size_known", text, labels=["source"]), *known)

    def _of_daemon(self) -> Iterator[Metric]:
        feeds = self._feeds
        yield filled(
            CounterMetricFamily("nanotally_messages_published", "Messages sent, whoever listened.", labels=["kind"]),
            *(([kind], sum(self._publisher.sent(kind, feed.name) for feed in feeds)) for kind in KINDS),
        )
        answers = self._outage.fault is None
        yield GaugeMetricFamily("nanotally_engine_up", "1 while frames are looked at, 0 while they cannot be.", answers)
        room = self._journal.free_bytes()
        text = "Room on the disk of the journal; NaN where none is kept."
        yield GaugeMetricFamily("nanotally_journal_free_bytes", text, nan if room is None else room)
        yield GaugeMetricFamily(
            "nanotally_subscriptions", "Topic prefixes subscribed to.", self._publisher.subscriptions
        )
        refused = self._publisher.gate.refused
        yield CounterMetricFamily(
            "nanotally_connections_refused", "Connections with a key that is not allowed.", refused
        )
        yield filled(
            CounterMetricFamily(
                "nanotally_requests_refused", "Requests that made no sense to a socket.", labels=["socket"]
            ),
            *(([each.socket], each.count) for each in self._refusals),
        )
        model = self._setup.model
        build = {
            "version": __version__,
            "model": model.name,
            "model_sha256": model.sha256,
            "engine": model.engine,
            "precision": model.precision,
        }
        yield InfoMetricFamily("nanotally_build", "What runs here.", build)


def filled(
    family: CounterMetricFamily | GaugeMetricFamily, *samples: tuple[list[str], float]
) -> CounterMetricFamily | GaugeMetricFamily:
    """A family with these samples, the values of its labels and its own value each."""
    for labels, value in samples:
        family.add_metric(labels, value)
    return family
