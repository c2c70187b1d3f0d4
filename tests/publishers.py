"""Simulated daemons: publishers that tell of frames, as many as a test wants, and a forwarder before them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path

from told import detections, status

from nanotally.daemon.config import JournalConfig, MetricsConfig, PublishConfig, ReplayConfig
from nanotally.daemon.forward.config import DaemonConfig, ForwardConfig
from nanotally.daemon.forward.forwarder import Forwarder
from nanotally.daemon.gate import OPEN_GATE, Gate, SecurityConfig
from nanotally.daemon.journal import Journal
from nanotally.daemon.publish import Publisher
from nanotally.daemon.replay import ReplayServer
from nanotally.wire import topic_of

ANY = "tcp://127.0.0.1:*"
WAIT_S = 20.0


class Simulated:
    """A daemon that tells what a test wants it to, with a journal if it is given a folder. Used by one thread.

    Attributes:
        publisher: its socket.
        replay: where its journal answers, or None.
    """

    def __init__(self, name: str, *, endpoint: str = ANY, gate: Gate = OPEN_GATE, folder: Path | None = None) -> None:
        self.name, self._open = name, ExitStack()
        self.publisher = self._open.enter_context(closing(Publisher(endpoint, instance=name, gate=gate)))
        directory = "" if folder is None else str(folder)
        journal = Journal(JournalConfig(directory=directory), instance=name, sources=["main"])
        self.journal, self.replay = self._open.enter_context(closing(journal)), None
        if folder is not None:
            server = self._open.enter_context(closing(ReplayServer(ANY, journal, instance=name, gate=gate)))
            server.start()
            self.replay = server.endpoint

    def tell(self, *, arrives: bool = True) -> None:
        """Detections of the next frame, which may be lost on their way."""
        made = detections()
        origin = self.publisher.next_origin("detections", "main")
        message, parts = self.journal.commit(replace(made, origin=origin, grabbed_ns=time.monotonic_ns()))
        if arrives:
            self.publisher.send(message, parts)
        else:
            self.publisher._sent[topic_of(message)] = origin.seq

    def beat(self) -> None:
        """A status."""
        made = status(
            replay=self.replay,
            last_seq=self.publisher.sent("detections", "main"),
            last_offset=self.journal.last_offset("main"),
            run_id=self.publisher.run_id,
        )
        self.publisher.send(replace(made, origin=self.publisher.next_origin("status", "main")))

    def meet(self) -> None:
        """Wait until a forwarder has subscribed to all that it always wants."""
        while self.publisher.subscriptions < 3:
            assert self.publisher._socket.poll(round(1000 * WAIT_S)), "nobody subscribes"
            self.publisher.answer_subscribers()

    def close(self) -> None:
        """May be called twice."""
        self._open.close()


def config_of(daemons: dict[str, DaemonConfig], *, security: SecurityConfig | None = None) -> ForwardConfig:
    """Of a forwarder on ports that the system chooses."""
    return ForwardConfig(
        daemon=daemons,
        publish=PublishConfig(endpoint=ANY),
        replay=ReplayConfig(endpoint=ANY),
        metrics=MetricsConfig(port=0),
        security=security or SecurityConfig(),
    )


@contextmanager
def forwarding(config: ForwardConfig) -> Iterator[Forwarder]:
    """A forwarder in a thread of its own, for as long as the block runs."""
    forwarder = Forwarder(config)
    thread = threading.Thread(target=forwarder.run)
    thread.start()
    try:
        yield forwarder
    finally:
        forwarder.stop()
        thread.join(WAIT_S)
        assert not thread.is_alive()
