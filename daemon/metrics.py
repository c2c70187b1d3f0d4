"""Prometheus metrics on loopback. Labels are bounded: configured names, classes, stages and reasons only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from errno import EADDRINUSE
from math import nan

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
from nanotally.wire import KINDS, DetectionsMessage

BUCKETS_S = (0.0005, 0.001, 0.002, 0.003, 0.005, 0.008, 0.012, 0.02, 0.033, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10)
"""From a fast stage on a GPU to a large frame on an old CPU."""


class Metrics(Collector):
    """All metrics of one daemon, in a registry of their own.

    What other parts count for themselves is read from them at each scrape; what only the main loop knows is
    told with `observe`.
    """

    def __init__(self, feed: Feed, publisher: Publisher, setup: Setup) -> None:
        """Start all counts at zero, so that the first event is a rise."""
        disable_created_metrics()  # type: ignore[no-untyped-call] # they would double the number of series
        self._feed, self._publisher, self._setup = feed, publisher, setup
        self._counts: dict[str, float] = dict.fromkeys(setup.classes, nan)
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
        for counter in (self._processed, self._truncated, self._age):
            counter.labels(feed.name)
        for name in setup.classes:
            self._particles.labels(feed.name, name)
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
        if told.truncated:
            self._truncated.labels(source).inc()
        for name, count in (told.counts or {}).items():
            self._particles.labels(source, name).inc(count)
        self._counts = {name: (told.counts or {}).get(name, nan) for name in self._setup.classes}

    def collect(self) -> Iterator[Metric]:
        """Read what the feed and the publisher count themselves. Called in the thread of each scrape."""
        feed, source, up = self._feed, self._feed.name, self._feed.state == "up"
        yield _filled(
            CounterMetricFamily(
                "nanotally_frames_captured",
                "Frames the source had, damaged ones included.",
                labels=["source"],
            ),
            ([source], feed.grabbed),
        )
        yield _filled(
            CounterMetricFamily(
                "nanotally_frames_dropped", "Frames that nobody looked at.", labels=["source", "reason"]
            ),
            ([source, "overwritten"], feed.mailbox.dropped),
            ([source, "damaged"], feed.damaged),
        )
        yield _filled(
            CounterMetricFamily(
                "nanotally_source_reconnects", "Sources opened in place of a broken one.", labels=["source"]
            ),
            ([source], feed.reconnects),
        )
        yield _filled(
            GaugeMetricFamily("nanotally_source_up", "1 while frames come, 0 while they do not.", labels=["source"]),
            ([source], up),
        )
        yield _filled(
            GaugeMetricFamily(
                "nanotally_particles_in_frame",
                "Particles in the last frame; NaN while there is no frame to count in.",
                labels=["source", "class"],
            ),
            *(([source, name], count if up else nan) for name, count in self._counts.items()),
        )
        yield _filled(
            CounterMetricFamily("nanotally_messages_published", "Messages sent, whoever listened.", labels=["kind"]),
            *(([kind], self._publisher.sent(kind, source)) for kind in KINDS),
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
