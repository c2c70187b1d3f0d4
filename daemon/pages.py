"""The daemon's HTTP pages on loopback: `/metrics` for Prometheus, `/healthz` and `/readyz` for a supervisor."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from errno import EADDRINUSE
from http import HTTPStatus
from typing import Any

from prometheus_client import CollectorRegistry, start_http_server

from nanotally.daemon.channel import Channel
from nanotally.errors import ConfigError

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
"""As PEP 3333 has it; `wsgiref.types` came with Python 3.11."""

HUNG_AFTER_S = 30.0
"""A main loop that did not turn for this long hangs; the unit's watchdog waits as long."""


class Health:
    """Whether the daemon lives, and whether it does its work. Read by any thread."""

    def __init__(self, channels: Mapping[str, Channel]) -> None:
        """Judge by these sources."""
        self._channels = channels
        self._turned_s = time.monotonic()

    def turn(self) -> None:
        """Take down that the main loop turns."""
        self._turned_s = time.monotonic()

    def live(self) -> tuple[bool, str]:
        """Whether the main loop turns, and a line that says so. False: start the daemon again."""
        still_s = time.monotonic() - self._turned_s
        if still_s > HUNG_AFTER_S:
            return False, f"the main loop has not turned for {still_s:.0f} s"
        return True, "alive"

    def ready(self) -> tuple[bool, str]:
        """Whether every source gives frames, and a line for each. False: a source is lost or stalled."""
        alive, said = self.live()
        if not alive:
            return False, said
        states = {name: channel.feed.state for name, channel in self._channels.items()}
        faults = {name: channel.feed.fault for name, channel in self._channels.items()}
        lines = [f"{name}: {state}" + (f": {faults[name]}" if faults[name] else "") for name, state in states.items()]
        return all(state in ("up", "ended") for state in states.values()), "\n".join(lines)


@contextmanager
def serving(registry: CollectorRegistry, health: Health, *, address: str, port: int) -> Iterator[str]:
    """Serve the pages for as long as the block runs; gives the URL of the metrics.

    Raises:
        ConfigError: if the address cannot be had.
    """
    try:
        server, thread = start_http_server(port, address, registry)
    except OSError as error:
        advice = "; does another instance run?" if error.errno == EADDRINUSE else ""
        raise ConfigError(f"metrics {address}:{port}: {error.strerror}{advice}") from error
    metrics = server.get_app()
    if metrics is not None:
        server.set_app(_with_health(metrics, {"/healthz": health.live, "/readyz": health.ready}))
    try:
        host = f"[{address}]" if ":" in address else address
        yield f"http://{host}:{server.server_port}/metrics"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _with_health(metrics: Application, checks: Mapping[str, Callable[[], tuple[bool, str]]]) -> Application:
    """An application that answers the checks, and everything else as `metrics` does."""

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        check = checks.get(environ["PATH_INFO"])
        if check is None:
            return metrics(environ, start_response)
        good, said = check()
        status = HTTPStatus.OK if good else HTTPStatus.SERVICE_UNAVAILABLE
        start_response(f"{status.value} {status.phrase}", [("Content-Type", "text/plain; charset=utf-8")])
        return [f"{said}\n".encode()]

    return answer
