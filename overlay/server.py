"""The server: where the page is, until somebody stops it."""

from __future__ import annotations

import logging
import os
import socket
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import uvicorn

from nanotally.errors import UsageError
from nanotally.overlay.address import Address, ControlAddress
from nanotally.overlay.app import application
from nanotally.overlay.bind import Bind
from nanotally.signals import stopping_on_signals

log = logging.getLogger(__name__)

OPTIONS: dict[str, Any] = {
    "log_config": None,
    "log_level": "warning",
    "access_log": False,
    "server_header": False,
    "proxy_headers": False,
    "limit_concurrency": 256,
    "timeout_graceful_shutdown": 2,
    "ws": "websockets-sansio",
    "ws_max_size": 4096,
    "ws_per_message_deflate": False,
}
"""Of uvicorn. A viewer has little to say; JPEG cannot be made smaller; who asks is whoever is at the other end."""


def serve(
    addresses: Sequence[Address],
    controls: Mapping[str, ControlAddress],
    *,
    bind: Bind,
    password: str | None,
    until_eof: bool,
) -> None:
    """Serve the page until SIGTERM or SIGINT.

    Args:
        addresses: of the daemons, and of forwarders.
        controls: where daemons behind a forwarder take requests, by instance.
        bind: where.
        password: that is asked for; None: nobody is asked, which only this machine may be.
        until_eof: end also when standard input ends.

    Raises:
        UsageError: `bind` cannot be had, or can be reached from elsewhere and there is no password.
    """
    if password is None and not bind.is_loopback:
        raise UsageError(
            f"--bind {bind}: {bind.host} can be reached from other machines, and there is no password: give "
            "--password-file, or listen on 127.0.0.1 and use a tunnel (ssh -L)"
        )
    listening = _listen(bind)
    server = uvicorn.Server(uvicorn.Config(application(addresses, controls, password), **OPTIONS))

    def stop() -> None:
        server.should_exit = True

    def stop_at_eof() -> None:
        while os.read(sys.stdin.fileno(), 4096):  # not by sys.stdin itself, whose lock would hold up the exit
            pass
        stop()

    if until_eof:
        threading.Thread(target=stop_at_eof, name="until-eof", daemon=True).start()
    log.info("the page is at http://%s", Bind(*listening.getsockname()[:2]))
    with stopping_on_signals(stop):
        server.run(sockets=[listening])


def _listen(bind: Bind) -> socket.socket:
    listening = socket.socket(socket.AF_INET6 if ":" in bind.host else socket.AF_INET)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(bind)
        listening.listen()  # whoever comes before the server is up waits
    except OSError as error:
        listening.close()
        raise UsageError(f"--bind {bind}: {error.strerror or error}") from error
    return listening
