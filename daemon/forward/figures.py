"""Prometheus metrics of a forwarder. Labels are bounded: configured instances, known kinds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from nanotally.daemon.forward.exchange import Exchange
from nanotally.daemon.forward.inlet import OTHER, Inlet
from nanotally.daemon.forward.outlet import Outlet
from nanotally.daemon.gate import Gate
from nanotally.wire import KINDS


class Figures(Collector):
    """What inlets, outlet and exchange count for themselves, read at each scrape."""

    def __init__(self, inlets: Mapping[str, Inlet], outlet: Outlet, exchange: Exchange, gate: Gate) -> None:
        self._inlets, self._outlet, self._exchange, self._gate = inlets, outlet, exchange, gate
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """Called in the thread of each scrape."""
        inlets = self._inlets.items()
        messages = CounterMetricFamily(
            "nanotally_forward_messages", "Messages that went on to subscribers.", labels=["instance", "kind"]
        )
        for name, inlet in inlets:
            for kind in (*KINDS, OTHER):
                messages.add_metric([name, kind], inlet.messages[kind])
        yield messages
        for name, what, figures in (
            ("bytes", "Bytes of messages that went on.", {name: inlet.sent_bytes for name, inlet in inlets}),
            ("missed", "Messages lost before they came here.", {name: inlet.missed for name, inlet in inlets}),
            ("refused", "Messages that were none.", {name: inlet.refusals.count for name, inlet in inlets}),
        ):
            yield self._filled(CounterMetricFamily(f"nanotally_forward_{name}", what, labels=["instance"]), figures)
        yield self._filled(
            GaugeMetricFamily("nanotally_forward_up", "1 while the daemon is heard.", labels=["instance"]),
            {name: inlet.is_heard for name, inlet in inlets},
        )
        yield GaugeMetricFamily("nanotally_subscriptions", "Topic prefixes subscribed to.", len(self._outlet.wanted))
        yield CounterMetricFamily(
            "nanotally_connections_refused", "Connections with a key that is not allowed.", self._gate.refused
        )
        yield self._filled(
            CounterMetricFamily(
                "nanotally_requests_refused", "Requests that made no sense to a socket.", labels=["socket"]
            ),
            {each.socket: each.count for each in (self._outlet.refusals, self._exchange.refusals)},
        )

    @staticmethod
    def _filled(family: Metric, figures: Mapping[str, float]) -> Metric:
        for label, value in figures.items():
            family.add_metric([label], value)  # type: ignore[attr-defined]
        return family
