"""The forwarder: what daemons publish goes on to subscribers, what loggers ask goes back to the daemons."""

from __future__ import annotations

import logging
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import zmq

from nanotally import __version__
from nanotally.daemon import pages
from nanotally.daemon.forward.config import ForwardConfig
from nanotally.daemon.forward.exchange import Exchange
from nanotally.daemon.forward.figures import Figures
from nanotally.daemon.forward.inlet import Inlet, Link
from nanotally.daemon.forward.outlet import Outlet
from nanotally.daemon.gate import Gate
from nanotally.signals import stopping_on_signals
from nanotally.wire.curve import read_pair

log = logging.getLogger(__name__)

LOOK_UP_S = 0.1
"""How soon a stop or a refusal is noticed."""

MOST_AT_ONCE = 100
"""Messages that are taken from one daemon before the next has its turn."""

STOP_S = 1.8
"""After a signal to stop the process ends within this."""


class Forwarder:
    """Many daemons at one address. Whoever calls `run` owns all sockets.

    Attributes:
        inlets: daemons by instance.
        outlet: for subscribers.
        exchange: for loggers.
        health: whether it lives.
        figures: what it counts.
    """

    def __init__(self, config: ForwardConfig) -> None:
        """Bind and connect.

        Raises:
            ConfigError: if an endpoint cannot be had, or a key file cannot be used.
        """
        self._stop = False
        self._next_look_s = 0.0
        self._polled: list[Link] = []
        self._poll = zmq.Poller()
        self._close = ExitStack()
        self.inlets: dict[str, Inlet] = {}
        with ExitStack() as opened:  # of which a fault leaves nothing open
            gate = Gate(config.security)
            own = read_pair(Path(config.security.server_key)) if config.security.is_given else None
            context = zmq.Context()
            opened.callback(context.term)
            for name, daemon in config.daemon.items():
                self.inlets[name] = inlet = Inlet(context, name, daemon, own)
                opened.callback(inlet.close)
            self.outlet = Outlet(config.publish.endpoint, daemons=len(self.inlets), gate=gate)
            opened.callback(self.outlet.close)
            self.exchange = Exchange(config.replay.endpoint, self.inlets, gate=gate)
            opened.callback(self.exchange.close)
            self.health = pages.Health({})
            self.figures = Figures(self.inlets, self.outlet, self.exchange, gate)
            if config.metrics.enabled:
                address, port = config.metrics.address, config.metrics.port
                page = pages.serving(self.figures.registry, self.health, address=address, port=port)
                log.info("metrics on %s", opened.enter_context(page))
            self._close = opened.pop_all()
        log.info("nanotally %s forwards %s", __version__, ", ".join(self.inlets))
        log.info("publishing on %s, replay on %s", self.outlet.endpoint, self.exchange.endpoint)

    def run(self) -> None:
        """Forward until told to stop."""
        with stopping_on_signals(self.stop, within_s=STOP_S), self._close:
            while not self._stop:
                self.turn()

    def stop(self) -> None:
        """End soon. May be called from any thread or signal handler."""
        self._stop = True

    def close(self) -> None:
        """Give everything back where it was not run. May be called twice."""
        self._close.close()

    def turn(self) -> None:
        """Pass on what has come, or wait for it a moment."""
        self.health.turn()
        ready = dict(self._poller().poll(round(1000 * LOOK_UP_S)))
        if self.outlet.socket in ready:
            self._pass_subscriptions()
        for inlet in self.inlets.values():
            if inlet.news.socket in ready:
                self._pass_news(inlet)
            if inlet.journal is not None and inlet.journal.socket in ready:
                self.exchange.hand_back(inlet)
        if self.exchange.socket in ready:
            self.exchange.put_through()
        if time.monotonic() >= self._next_look_s:
            self._next_look_s = time.monotonic() + LOOK_UP_S
            for inlet in self.inlets.values():
                inlet.follow()

    def _poller(self) -> zmq.Poller:
        """Of all sockets; made anew only where a journal is somewhere else than before."""
        links = [link for inlet in self.inlets.values() for link in (inlet.news, inlet.journal) if link is not None]
        if links != self._polled:
            self._polled, self._poll = links, zmq.Poller()
            for socket in (self.outlet.socket, self.exchange.socket, *(link.socket for link in links)):
                self._poll.register(socket, zmq.POLLIN)
        return self._poll

    def _pass_subscriptions(self) -> None:
        for wanted, prefix in self.outlet.answer_subscribers():
            for inlet in self.inlets.values():
                (inlet.subscribe if wanted else inlet.unsubscribe)(prefix)

    def _pass_news(self, inlet: Inlet) -> None:
        with suppress(zmq.Again):
            for _ in range(MOST_AT_ONCE):
                parts = inlet.take(replay=self.exchange.endpoint)
                if parts is not None:
                    self.outlet.send(parts)
