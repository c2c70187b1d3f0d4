"""The heartbeat: how every source is, once a second, at once when it changes, and a last time."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from nanotally.daemon import report
from nanotally.daemon.channel import Channel
from nanotally.frame import SourceState

if TYPE_CHECKING:
    from nanotally.daemon.service import Service

log = logging.getLogger(__name__)

HEARTBEAT_S = 1.0

CLOCK_MOVED_S = 2.0
"""By which the wall clock must run off from the monotonic one at once to be worth a line."""

STATE_LEVELS: dict[SourceState, int] = {
    "up": logging.INFO,
    "stalled": logging.WARNING,
    # The feed itself says why it is lost or ended.
    "lost": logging.DEBUG,
    "ended": logging.DEBUG,
}


class Heartbeat:
    """Publishes the status of every source of a service, and tells systemd. Used by the main loop."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._started_ns = time.monotonic_ns()
        self._clock_ns = time.time_ns() - self._started_ns

    def turn(self) -> None:
        """Send a status of each source for which it is time, or whose state changed."""
        self._watch_clock()
        for channel in self._service.channels.values():
            state = channel.feed.state
            changed = state != channel.told_state
            if changed:
                log.log(STATE_LEVELS[state], "source %s is %s", channel.name, state)
            if channel.is_due("status", every_s=HEARTBEAT_S) or changed:
                self.send(channel, state)

    def _watch_clock(self) -> None:
        """Say when somebody has set the wall clock: times that people read jump, and nothing else does."""
        before_ns, self._clock_ns = self._clock_ns, time.time_ns() - time.monotonic_ns()
        moved_s = (self._clock_ns - before_ns) / 1e9
        if abs(moved_s) >= CLOCK_MOVED_S:
            log.warning("the wall clock was set by %+.1f s; only wall times follow it", moved_s)

    def stop(self) -> None:
        """Send the last status of each source."""
        for channel in self._service.channels.values():
            feed = channel.feed
            self.send(channel, feed.state, stopping=True)
            dropped = feed.mailbox.dropped + feed.damaged
            counts = feed.name, feed.grabbed, dropped, channel.processed
            log.info("source %s stopped: %d frames, %d dropped, %d processed", *counts)

    def send(self, channel: Channel, state: SourceState, *, stopping: bool = False) -> None:
        """Send a status."""
        service, publisher = self._service, self._service.publisher
        channel.told_state = state
        channel.take_stock()
        service.notifier.status("; ".join(each.summary() for each in service.channels.values()))
        status = report.status_message(
            publisher.next_origin("status", channel.name),
            channel,
            state,
            uptime_s=(time.monotonic_ns() - self._started_ns) / 1e9,
            last_seq=publisher.sent("detections", channel.name),
            journal=service.journal,
            replay=None if service.replay is None else service.replay.endpoint,
            stopping=stopping,
            recording=not stopping and service.keeping.recording(channel.name) is not None,
            engine_fault=service.outage.fault,
        )
        publisher.send(status)
