"""Lines to a server: a few HTTP connections that stay open, with a request in flight on each."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from queue import SimpleQueue
from urllib.parse import quote, urlsplit

from nanotally.errors import EngineError, EngineUnavailable
from nanotally.loopback import is_loopback

IN_FLIGHT = 4
"""Requests that a server gets at once, so that it can make a batch of them."""

CONNECT_S = 2.0
"""In which a connection must stand, its TLS included."""

LARGEST_ANSWER = 256_000_000
"""In bytes; a tile of 1536 px is answered with 1.2 million."""

SCHEMES = {"http": (HTTPConnection, 80), "https": (HTTPSConnection, 443)}


@dataclass(frozen=True)
class Place:
    """Where a model is served.

    Attributes:
        url: as it was given.
        scheme: `http` or `https`, which knows the server by the certificates that the system trusts.
        host, port: of the server.
        prefix: path before `/v2`, as a proxy may want one; "" or with a slash in front.
        model: its name there.
    """

    url: str
    scheme: str
    host: str
    port: int
    prefix: str
    model: str

    @classmethod
    def parse(cls, url: str) -> Place:
        """Read `http://HOST:PORT/MODEL`, or https.

        Raises:
            EngineError: if it is none, or micrographs would leave this machine unencrypted.
        """
        try:
            found = urlsplit(url)
            scheme, host, port = found.scheme, found.hostname or "", found.port
        except ValueError as error:
            raise EngineError(f"engine v2:{url}: {error}") from error
        prefix, _, model = found.path.rstrip("/").rpartition("/")
        strange = found.query or found.fragment or found.username is not None
        if scheme not in SCHEMES or not host or not model or strange:
            raise EngineError(f"engine v2:{url}: expected v2:http://HOST:PORT/MODEL or v2:https://HOST/MODEL")
        if scheme == "http" and not is_loopback(host):
            raise EngineError(
                f"engine v2:{url}: micrographs would go to {host} unencrypted, and anybody could answer: put a proxy "
                f"with TLS before the server and use https, or a tunnel (ssh -L 8000:127.0.0.1:8000 {host}) and "
                f"v2:http://127.0.0.1:8000/{model}"
            )
        return cls(url, scheme, host, port or SCHEMES[scheme][1], prefix, model)

    @property
    def path(self) -> str:
        """Of the model on the server."""
        return f"{self.prefix}/v2/models/{quote(self.model)}"


@dataclass(frozen=True)
class Request:
    """One question.

    Attributes:
        method: of HTTP.
        path: on the server.
        body: what is sent, part after part.
        headers: beside its length.
    """

    method: str
    path: str
    body: Sequence[bytes | memoryview] = ()
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """What a server said: status, headers by name in lower case, and body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Line:
    """One connection, opened when it is needed, and again when the server has hung up. One thread at a time."""

    def __init__(self, place: Place) -> None:
        connection, _ = SCHEMES[place.scheme]
        self._http = connection(place.host, place.port, timeout=CONNECT_S)
        self._is_cut = False

    def ask(self, request: Request) -> Answer:
        """The answer; asks once more where the connection broke, since a server may close one that was idle.

        Raises:
            OSError, HTTPException: there is none.
        """
        try:
            return self._ask(request)
        except TimeoutError:
            raise
        except (OSError, HTTPException):
            if self._is_cut:
                raise
        return self._ask(request)

    def _open(self) -> None:
        self._http.connect()
        self._http.sock.settimeout(None)  # from here on whoever waits for an answer cuts the line

    def _ask(self, request: Request) -> Answer:
        http = self._http
        try:
            if http.sock is None:
                self._open()
            headers = {**request.headers, "Content-Length": str(sum(map(len, request.body)))}
            http.request(request.method, request.path, request.body, headers)
            response = http.getresponse()
            if (response.length or 0) > LARGEST_ANSWER:
                raise HTTPException(f"an answer of {response.length} bytes")
            body = response.read(LARGEST_ANSWER) if response.length is None else response.read()
        except (OSError, HTTPException):
            http.close()
            raise
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, body)

    def close(self) -> None:
        """Hang up. In the thread that asks, or where none does."""
        self._http.close()

    def cut(self) -> None:
        """End what is being asked, for ever. May be called from any thread."""
        self._is_cut = True
        sock = self._http.sock
        if sock is not None:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)


class Lines:
    """Asks one server several things at once. Used by one thread, with one more for every request in flight."""

    def __init__(self, place: Place) -> None:
        self._place, self._closed = place, False
        self._all = [Line(place) for _ in range(IN_FLIGHT)]
        self._idle: SimpleQueue[Line] = SimpleQueue()
        for line in self._all:
            self._idle.put(line)
        self._threads = ThreadPoolExecutor(IN_FLIGHT, thread_name_prefix="v2")

    def ask(self, requests: Sequence[Request], *, within_s: float) -> list[Answer]:
        """An answer to each, in order, all of them within the time.

        Raises:
            EngineUnavailable: there is none to one of them. These lines are closed then.
        """
        asked = [self._threads.submit(self._on_idle, request) for request in requests]
        done, late = wait(asked, timeout=within_s, return_when=FIRST_EXCEPTION)
        fault = next(filter(None, (one.exception() for one in done)), None)
        if fault is None and not late:
            return [one.result() for one in asked]
        self.close()
        if fault is None:
            fault = TimeoutError(f"no answer within {within_s:g} s")
        raise EngineUnavailable(f"engine v2:{self._place.url}: {_readable(fault)}") from fault

    def _on_idle(self, request: Request) -> Answer:
        line = self._idle.get()
        try:
            return line.ask(request)
        finally:
            if self._closed:
                line.close()
            self._idle.put(line)

    def close(self) -> None:
        """Hang up, whatever is still being asked. May be called twice."""
        self._closed = True
        self._threads.shutdown(wait=False, cancel_futures=True)
        for line in self._all:
            line.cut()
        while not self._idle.empty():
            self._idle.get().close()


def _readable(fault: BaseException) -> str:
    """A fault of a connection in a few words."""
    if isinstance(fault, ConnectionRefusedError):
        return "connection refused; does the server run, and is that its HTTP port?"
    if isinstance(fault, OSError) and fault.strerror:
        return fault.strerror
    return f"{type(fault).__name__}: {fault}" if isinstance(fault, HTTPException) else str(fault)
