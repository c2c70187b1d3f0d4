"""The gate: who may connect to the daemon's sockets."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import zmq
from zmq.auth.thread import ThreadAuthenticator
from zmq.utils import z85

from nanotally.errors import ConfigError
from nanotally.wire.curve import DOMAIN, PUBLIC, read_pair, read_public, secure_server

log = logging.getLogger(__name__)

WARN_EVERY_S = 10.0
"""Refused connections are counted one by one, but told at most this often."""


@dataclass(frozen=True, kw_only=True)
class SecurityConfig:
    """Keys of the sockets: both are given and every socket has them, or neither and all are of this machine only.

    Attributes:
        server_key: file of the daemon's secret key, as `nanotally keys` makes it.
        allow: folder with the public key file of everyone who may connect.
    """

    server_key: str = ""
    allow: str = ""

    def __post_init__(self) -> None:
        if bool(self.server_key) != bool(self.allow):
            raise ValueError("server_key and allow belong together: give both (docs/security.md), or neither")

    @property
    def is_given(self) -> bool:
        """Whether the sockets have keys."""
        return bool(self.server_key)


class Gate:
    """Guards every socket of a daemon: where there are keys, all are CURVE servers, also those on loopback.

    The allow-list is read again for each connection, so a key that is copied there or deleted counts from the next
    one on. What cannot be read lets nobody in. One gate serves all sockets; any thread may use it.

    Attributes:
        refused: connections refused because their key is not in the list.
    """

    def __init__(self, config: SecurityConfig = SecurityConfig()) -> None:
        """Read the keys.

        Raises:
            ConfigError: if a key file cannot be used, or the allow-list cannot be read.
        """
        self.refused = 0
        self._warn_at_s = 0.0
        self._counting = threading.Lock()
        self._pair = None
        if config.is_given:
            self._pair, self._allow = read_pair(Path(config.server_key)), Path(config.allow)
            allowed, faults = read_allowed(self._allow)
            if faults:
                raise ConfigError(f"security.allow: {faults[0]}")
            log.info("sockets have keys; %d are allowed in %s", len(allowed), self._allow)

    @property
    def is_locked(self) -> bool:
        """Whether a key is needed to come in."""
        return self._pair is not None

    def guard(self, socket: zmq.Socket[bytes]) -> Callable[[], None]:
        """Guard a socket, before it is bound.

        A context has one such socket. What is returned ends the guard: call it when the socket is closed, and before
        its context is terminated.
        """
        if self._pair is None:
            return _nothing
        authenticator = _Authenticator(socket.context)
        authenticator.gate = self
        authenticator.start()
        authenticator.configure_curve_callback(DOMAIN.decode(), self)
        secure_server(socket, self._pair)
        return authenticator.stop

    def callback(self, domain: str, key: bytes) -> bool:
        """Whether a public key, in Z85, may come in: pyzmq asks, in a thread for each context."""
        allowed, faults = read_allowed(self._allow)
        if key not in allowed:
            self._refuse(key, faults)
        return key in allowed

    def name_of(self, key: bytes) -> str:
        """Name of a public key's file, by which people know whose it is."""
        return read_allowed(self._allow)[0].get(key, key.decode())

    def _refuse(self, key: bytes, faults: list[str]) -> None:
        with self._counting:
            self.refused += 1
            if time.monotonic() < self._warn_at_s:
                return
            self._warn_at_s = time.monotonic() + WARN_EVERY_S
        said = key.decode(), self._allow, "".join(f"; {fault}" for fault in faults), self.refused
        log.warning("refused a connection: key %s is not in %s%s (%d so far)", *said)


class _Authenticator(ThreadAuthenticator):
    """Tells sockets who sent a message by name, as the message's property `User-Id`."""

    gate: Gate

    def curve_user_id(self, client_public_key: bytes) -> str:
        return self.gate.name_of(z85.encode(client_public_key))


OPEN_GATE = Gate()
"""Lets everybody in; for sockets that only this machine can reach."""


def read_allowed(folder: Path) -> tuple[dict[bytes, str], list[str]]:
    """Public keys in a folder, in Z85, with their files' names; and what is wrong with files that cannot be read."""
    allowed: dict[bytes, str] = {}
    faults = []
    try:
        for path in folder.iterdir():
            if path.suffix == PUBLIC:
                try:
                    allowed[read_public(path)] = path.stem
                except ConfigError as error:
                    faults.append(str(error))
    except OSError as error:
        faults.append(f"{folder}: {error.strerror}; make the folder, and copy every client's {PUBLIC} file into it")
    return allowed, faults


def _nothing() -> None:
    pass
