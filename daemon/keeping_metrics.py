"""Prometheus metrics of what is kept of frames: recordings and the harvest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import nan
from typing import get_args

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from nanotally.daemon.harvest.harvest import PassedOver
from nanotally.daemon.keeping import Keeping
from nanotally.daemon.metrics import filled
from nanotally.daemon.recording.totals import EndReason


class KeepingMetrics(Collector):
    """Reads at each scrape what is counted by whoever keeps frames."""

    def __init__(self, keeping: Keeping, sources: Iterable[str]) -> None:
        """All series are there from the start, so that the first event is a rise.

        Args:
            keeping: that is read.
            sources: names of all feeds.
        """
        self._keeping, self._sources = keeping, tuple(sources)

    def collect(self) -> Iterator[Metric]:
        """Called in the thread of each scrape."""
        yield from self._of_recordings()
        yield from self._of_harvest()

    def _of_recordings(self) -> Iterator[Metric]:
        running = {name: self._keeping.recording(name) is not None for name in self._sources}
        totals = {name: self._keeping.totals[name] for name in self._sources}
        text = "1 while the source is being recorded."
        gauge = GaugeMetricFamily("nanotally_recording_active", text, labels=["source"])
        yield filled(gauge, *(([name], runs) for name, runs in running.items()))
        for name, text, figure in (
            ("nanotally_recording_frames", "Frames written into recordings.", "frames"),
            ("nanotally_recording_frames_missed", "Frames that the disk was too slow to record.", "missed"),
            ("nanotally_recording_bytes", "Written into recordings: pictures and messages.", "size_bytes"),
        ):
            samples = (([source], getattr(total, figure)) for source, total in totals.items())
            yield filled(CounterMetricFamily(name, text, labels=["source"]), *samples)
        ended = CounterMetricFamily(
            "nanotally_recordings_ended", "Recordings that ended, and why.", labels=["source", "reason"]
        )
        reasons = get_args(EndReason)
        yield filled(ended, *(([name, why], total.ended[why]) for name, total in totals.items() for why in reasons))

    def _of_harvest(self) -> Iterator[Metric]:
        harvest, sources = self._keeping.harvest, self._sources
        for name, text, figure in (
            ("nanotally_harvest_frames", "Doubtful frames that are kept now; NaN where none are.", "frames"),
            ("nanotally_harvest_bytes", "Size of them with their labels; NaN as above.", "size_bytes"),
        ):
            yield GaugeMetricFamily(name, text, nan if harvest is None else getattr(harvest, figure))
        kept = CounterMetricFamily("nanotally_harvest_frames_kept", "Doubtful frames kept.", labels=["source"])
        yield filled(kept, *(([name], harvest.kept[name] if harvest else 0) for name in sources))
        passed = CounterMetricFamily(
            "nanotally_harvest_frames_dropped", "Frames not kept, and why.", labels=["source", "reason"]
        )
        pairs = [(name, why) for name in sources for why in get_args(PassedOver)]
        yield filled(passed, *(([*pair], harvest.dropped[pair] if harvest else 0) for pair in pairs))
