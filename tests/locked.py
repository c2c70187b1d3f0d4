"""A daemon's keys and those of two people, of whom one may come in."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import zmq
from zmq.utils.monitor import recv_monitor_message

from nanotally.daemon.gate import SecurityConfig
from nanotally.wire import ClientKeys
from nanotally.wire.curve import make_keys, secure_client
from nanotally.wire.handshake import EVENTS

WAIT_S = 20.0


@dataclass(frozen=True)
class Locks:
    """Key files in a folder.

    Attributes:
        folder: of all pairs.
        config: of the daemon.
        anna: may come in.
        bert: may not.
    """

    folder: Path
    config: SecurityConfig
    anna: ClientKeys
    bert: ClientKeys

    @property
    def allow(self) -> Path:
        return Path(self.config.allow)

    def admit(self, name: str) -> None:
        shutil.copy(self.folder / f"{name}.key", self.allow)

    def options(self, name: str) -> list[str]:
        """Of a verb that connects."""
        return ["--keys", str(self.folder / f"{name}.key_secret"), "--server-key", str(self.folder / "sem.key")]

    def toml(self) -> str:
        return f'[security]\nserver_key = "{self.config.server_key}"\nallow = "{self.config.allow}"\n'


def make_locks(folder: Path) -> Locks:
    server, _ = make_keys(folder, "sem")
    people = [ClientKeys.read(make_keys(folder, name)[1], server) for name in ("anna", "bert")]
    allow = folder / "allowed"
    allow.mkdir()
    locks = Locks(folder, SecurityConfig(server_key=f"{folder}/sem.key_secret", allow=str(allow)), *people)
    locks.admit("anna")
    return locks


def shakes_hands(endpoint: str, keys: ClientKeys | None, kind: int = zmq.DEALER) -> bool:
    """Whether who listens at `endpoint` lets these keys in."""
    with zmq.Context() as context, context.socket(kind) as socket:
        socket.linger = 0
        with socket.get_monitor_socket(EVENTS) as monitor:
            secure_client(socket, keys)
            socket.connect(endpoint)
            assert monitor.poll(round(1000 * WAIT_S)), "no handshake"
            event = recv_monitor_message(monitor)["event"]
            socket.disable_monitor()
    return bool(event == zmq.EVENT_HANDSHAKE_SUCCEEDED)
