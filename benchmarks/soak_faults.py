"""What goes wrong around the daemon in a soak, one thing after the other, again and again."""

from __future__ import annotations

import resource
import signal
import socket
import threading
from collections.abc import Callable
from contextlib import suppress

import zmq
from soak_site import SAVED, Site, picture

from nanotally.opencv import cv2
from nanotally.wire import ReplayClient
from nanotally.wire.control import ControlClient

PAUSE_S = 2.0
ANSWER_S = 10.0
GUESTS = 30

Wait = Callable[[float], object]
"""Waits so many seconds, or until the soak is over."""


def whole_file(site: Site, turn: int, wait: Wait) -> None:
    """No fault: the microscope saves a picture; old ones are tidied away."""
    for path in sorted(site.saved.glob("whole-*.tif"))[:-20]:
        path.unlink()
    (site.saved / f"whole-{turn:06d}.tif").write_bytes(_encoded(turn))


def half_written_file(site: Site, turn: int, wait: Wait) -> None:
    """The microscope's software pauses in the middle of a picture."""
    whole = _encoded(turn)
    with (site.saved / f"whole-{turn:06d}h.tif").open("wb") as file:
        file.write(whole[: len(whole) // 2])
        file.flush()
        wait(PAUSE_S)
        file.write(whole[len(whole) // 2 :])


def corrupt_file(site: Site, turn: int, wait: Wait) -> None:
    """A picture that never becomes whole."""
    (site.saved / f"corrupt-{turn:06d}.tif").write_bytes(_encoded(turn)[:-400])


def folder_away(site: Site, turn: int, wait: Wait) -> None:
    """The share with the pictures is not there for a while."""
    aside = site.folder / "elsewhere"
    site.saved.rename(aside)
    wait(PAUSE_S)
    aside.rename(site.saved)


def sender_away(site: Site, turn: int, wait: Wait) -> None:
    """The program that pushes ends, and is started again."""
    site.push_no_more()
    wait(PAUSE_S)
    site.push()


def malformed_frames(site: Site, turn: int, wait: Wait) -> None:
    """Somebody pushes what is no picture."""
    _send(site, zmq.PUSH, "frames", [b"x"], [b"{}", b""], [b'{"width": 9, "height": 9}', b"1"])


def nonsense(site: Site, turn: int, wait: Wait) -> None:
    """Malformed requests to every socket, and bytes that are no ZeroMQ at all."""
    _send(site, zmq.DEALER, "control", [b""], [b"{"], [b"{}"], [b"[]", b"\xff"])
    _send(site, zmq.DEALER, "replay", [b""], [b"{"], [b'{"source": "nobody"}'])
    _send(site, zmq.XSUB, "publish", [b""], [b"\x01\xff\xff"], [b"\x02"])
    for name in site.ports:
        with suppress(OSError), socket.create_connection(("127.0.0.1", site.ports[name]), timeout=ANSWER_S) as stranger:
            stranger.sendall(b"\x00\xff no request at all\r\n\r\n" * 40)


def disk_full(site: Site, turn: int, wait: Wait) -> None:
    """The daemon's files may not grow for a while, as on a full disk."""
    no_limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.prlimit(site.daemon.pid, resource.RLIMIT_FSIZE, (10, no_limit[1]))
    wait(PAUSE_S)
    resource.prlimit(site.daemon.pid, resource.RLIMIT_FSIZE, no_limit)


def logger_killed(site: Site, turn: int, wait: Wait) -> None:
    """The logger is killed, and started again."""
    site.logger.kill()
    site.logger.wait()
    wait(PAUSE_S)
    site.logger = site.start_logger()


def guests(site: Site, turn: int, wait: Wait) -> None:
    """Many subscribers come, look at pictures, and go."""
    with zmq.Context() as context:
        sockets = [context.socket(zmq.SUB) for _ in range(GUESTS)]
        for guest in sockets:
            guest.linger = 0
            guest.subscribe(b"")
            guest.connect(site.endpoint("publish"))
        wait(PAUSE_S)
        for guest in sockets:
            guest.close()


def reload(site: Site, turn: int, wait: Wait) -> None:
    """The configuration changes; every other time it is none."""
    site.configure(score=0.5 + 0.01 * (turn % 20))
    if turn % 2:
        site.config.write_text("[detect\n")
    site.daemon.send_signal(signal.SIGHUP)


def orders(site: Site, turn: int, wait: Wait) -> None:
    """No fault: somebody confirms the pixel size, and begins a session; another asks for what was sent."""
    with ControlClient(site.endpoint("control")) as control:
        control.ask("set", {"source.stage.nm_per_px": 3.0}, timeout_s=ANSWER_S)
        control.ask("session-start", {"sample": f"sample {turn}"}, timeout_s=ANSWER_S)
    client = ReplayClient(site.endpoint("replay"))
    client.ask(SAVED, after_offset=None, limit=10, timeout_s=ANSWER_S)
    client.close()


ALL = (
    corrupt_file, whole_file, half_written_file, sender_away, guests, nonsense, disk_full, malformed_frames,
    reload, logger_killed, whole_file, folder_away, orders,
)  # fmt: skip


class Faults:
    """Throws one thing after the other in, every so many seconds, in a thread of its own.

    Attributes:
        thrown: how many so far.
    """

    def __init__(self, site: Site, *, every_s: float) -> None:
        self._site, self._every_s = site, every_s
        self._over = threading.Event()
        self.thrown = 0
        self._thread = threading.Thread(target=self._throw)
        self._thread.start()

    def _throw(self) -> None:
        while not self._over.wait(self._every_s):
            ALL[self.thrown % len(ALL)](self._site, self.thrown, self._over.wait)
            self.thrown += 1

    def close(self) -> None:
        """Throw nothing more; what was taken away is back."""
        self._over.set()
        self._thread.join()


def _encoded(number: int) -> bytes:
    return bytes(cv2.imencode(".tif", picture(number))[1])


def _send(site: Site, kind: int, name: str, *messages: list[bytes]) -> None:
    with zmq.Context() as context, context.socket(kind) as stranger:
        stranger.linger = 500
        stranger.connect(site.endpoint(name))
        for parts in messages:
            stranger.send_multipart(parts)
