"""Prometheus metrics on loopback. Labels are bounded: configured names, classes, stages and reasons only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from errno import EADDRINUSE
from math import nan
from typing import get_args

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    start_http_server,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from nanotally import __version__
from nanotally.daemon.feed import Feed
from nanotally.daemon.publish import Publisher
from nanotally.daemon.report import Setup
from nanotally.errors import ConfigError
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

    def __init__(self, feeds: Sequence[Feed], publisher: Publisher, setup: Setup) -> None:
        """Start all counts at zero, so that the first event is a rise."""
        disable_created_metrics()  # type: ignore[no-untyped-call] # they would double the number of series
        self._feeds, self._publisher, self._setup = feeds, publisher, setup
        self._counts = {feed.name: dict.fromkeys(setup.classes, nan) for feed in feeds}
        self.registry = registry = CollectorRegistry()
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
        for feed in feeds:
            for counter in (self._processed, self._truncated, self._age):
                counter.labels(feed.name)
            for name in setup.classes:
                self._particles.labels(feed.name, name)
            for state in NOT_LIVE:
                self._not_live.labels(feed.name, state)
        ProcessCollector(registry=registry)
        registry.register(self)

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
        self._counts[source] = {name: (told.counts or {}).get(name, nan) for name in self._setup.classes}

    def collect(self) -> Iterator[Metric]:
        """Read what the feed and the publisher count themselves. Called in the thread of each scrape."""
        feeds = self._feeds
        yield _filled(
            CounterMetricFamily(
                "nanotally_frames_captured",
                "Frames the source had, damaged ones included.",
                labels=["source"],
            ),
            *(([feed.name], feed.grabbed) for feed in feeds),
        )
        yield _filled(
            CounterMetricFamily(
                "nanotally_frames_dropped", "Frames that nobody looked at.", labels=["source", "reason"]
            ),
            *(([feed.name, "overwritten"], feed.mailbox.dropped) for feed in feeds),
            *(([feed.name, "damaged"], feed.damaged) for feed in feeds),
        )
        yield _filled(
            CounterMetricFamily(
                "nanotally_source_reconnects", "Sources opened in place of a broken one.", labels=["source"]
            ),
            *(([feed.name], feed.reconnects) for feed in feeds),
        )
        yield _filled(
            GaugeMetricFamily("nanotally_source_up", "1 while frames come, 0 while they do not.", labels=["source"]),
            *(([feed.name], feed.state == "up") for feed in feeds),
        )
        yield _filled(
            GaugeMetricFamily(
                "nanotally_particles_in_frame",
                "Particles in the last frame; NaN while there is no frame to count in.",
                labels=["source", "class"],
            ),
            *(
                ([feed.name, name], count if feed.state == "up" else nan)
                for feed in feeds
                for name, count in self._counts[feed.name].items()
            ),
        )
        yield _filled(
            CounterMetricFamily("nanotally_messages_published", "Messages sent, whoever listened.", labels=["kind"]),
            *(([kind], sum(self._publisher.sent(kind, feed.name) for feed in feeds)) for kind in KINDS),
        )
        yield GaugeMetricFamily(
            "nanotally_subscriptions", "Topic prefixes subscribed to.", self._publisher.subscriptions
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


def _filled(
    family: CounterMetricFamily | GaugeMetricFamily, *samples: tuple[list[str], float]
) -> CounterMetricFamily | GaugeMetricFamily:
    for labels, value in samples:
        family.add_metric(labels, value)
    return family


@contextmanager
def serving(registry: CollectorRegistry, *, address: str, port: int) -> Iterator[str]:
    """Serve `registry` to Prometheus for as long as the block runs; gives the URL.

    Raises:
        ConfigError: if the address cannot be had.
    """
    try:
        server, thread = start_http_server(port, address, registry)
    except OSError as error:
        advice = "; does another instance run?" if error.errno == EADDRINUSE else ""
        raise ConfigError(f"metrics {address}:{port}: {error.strerror}{advice}") from error
    try:
        yield f"http://{address}:{server.server_port}/metrics"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
