"""A Dask cluster as a place where work is done. Alone imports Dask."""

from __future__ import annotations

import logging
import os
import socket
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

from dask import config
from distributed import CancelledError, Client, Future, KilledWorker, LocalCluster, TimeoutError  # noqa: A004
from distributed.comm.addressing import get_address_host_port
from distributed.comm.core import CommClosedError

from nanotally.errors import NanotallyError
from nanotally.spread.work import AHEAD, Failure, Job, do

A = TypeVar("A")
B = TypeVar("B")
T = TypeVar("T")

LOCAL = "local"
DEAF = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"
"""Run by our own workers: Ctrl-C is for the parent, which ends them."""
ANY_PORT = "127.0.0.1:0"
"""Of our own scheduler's HTTP server, which it has even without a dashboard; its usual one may be taken."""
RESTART_S = 600.0
"""So long a killed worker of our own has to be there again. After Dask's own 15 s a busy machine has none left."""
CONNECT_S = 20.0
LOOK_S = 5.0
"""Between two looks at who is there."""
ALONE_S = 60.0
"""A cluster without any worker for so long is given up."""


@contextmanager
def cluster_at(address: str, *, workers: int | None = None) -> Iterator[Cluster]:
    """The cluster of a scheduler, or one of this machine's own for as long as it is used.

    Args:
        address: `tcp://HOST:8786`, or `local`.
        workers: processes of a cluster of our own; None: one a core.

    Raises:
        NanotallyError: if no scheduler answers there.
    """
    for name in ("distributed", "distributed.client"):  # what matters of what they say is told in our words
        logging.getLogger(name).setLevel(logging.CRITICAL)
    with ExitStack() as stack:
        if address == LOCAL:
            stack.enter_context(config.set({"distributed.deploy.lost-worker-timeout": RESTART_S}))
            own = LocalCluster(  # type: ignore[no-untyped-call]
                n_workers=workers or os.cpu_count() or 1, threads_per_worker=1, host="127.0.0.1",
                dashboard_address=None, silence_logs=logging.CRITICAL, preload=[DEAF],
                scheduler_kwargs={"allowed_failures": 0, "dashboard_address": ANY_PORT},
            )  # fmt: skip
            stack.enter_context(own)
        try:
            if address != LOCAL:  # a Client that finds nobody takes long to say so
                socket.create_connection(get_address_host_port(address), CONNECT_S).close()
            client = Client(own if address == LOCAL else address, timeout=CONNECT_S)  # type: ignore[no-untyped-call]
        except (OSError, ValueError) as error:
            raise NanotallyError(
                f"--dask {address}: no scheduler answers there ({error}); start one with `dask scheduler`, and workers"
            ) from error
        stack.enter_context(client)
        yield Cluster(client, address)


class Cluster:
    """Workers of a scheduler."""

    def __init__(self, client: Client, address: str) -> None:
        self._client, self._address = client, address
        self._threads, self._counted_s = 0, float("-inf")

    def map(self, work: Callable[[A], B], items: Iterable[A]) -> Iterator[B | Failure]:
        """See `Spread`."""
        job = Job.of(work)
        under_way: deque[tuple[A, Future[Any]]] = deque()
        try:
            for item in items:
                under_way.append((item, self._send(job, item)))
                while len(under_way) >= AHEAD * max(1, self._count_threads()):
                    yield self._answer(job, *under_way.popleft(), under_way)
            while under_way:
                yield self._answer(job, *under_way.popleft(), under_way)
        except (CancelledError, CommClosedError) as error:
            raise NanotallyError(f"--dask {self._address}: the scheduler is gone; start it and this again") from error
        except ModuleNotFoundError as error:
            raise NanotallyError(f"--dask {self._address}: {error}; install nanotally there as it is here") from error

    def _send(self, job: Job, item: Any) -> Future[Any]:
        return self._client.submit(do, job, item, pure=False)

    def _answer(self, job: Job, item: Any, future: Future[Any], others: Iterable[tuple[Any, Future[Any]]]) -> Any:
        try:
            return self._patiently(future.result)
        except KilledWorker:
            pass
        # All that a worker had before it when it died is blamed by Dask. Guilty is who kills without neighbours.
        for _, other in others:
            self._patiently(other.exception)
        try:
            return self._patiently(self._send(job, item).result)
        except KilledWorker:
            return Failure(item, "ends the process of every worker that tries it")

    def _patiently(self, ask: Callable[[float], T]) -> T:
        """The answer of `ask`, which gives up after as many seconds as it is told; not while there are workers."""
        last_seen_s = time.monotonic()
        while True:
            try:
                return ask(LOOK_S)
            except TimeoutError as error:  # noqa: PERF203 - it is what is waited with
                if self._count_threads():
                    last_seen_s = time.monotonic()
                elif time.monotonic() - last_seen_s > ALONE_S:
                    raise NanotallyError(f"--dask {self._address}: no worker is left there; start some") from error

    def _count_threads(self) -> int:
        if time.monotonic() - self._counted_s >= LOOK_S:
            try:
                self._threads = sum(self._client.nthreads().values())  # type: ignore[no-untyped-call]
            except OSError as error:
                raise CommClosedError from error
            self._counted_s = time.monotonic()
        return self._threads
