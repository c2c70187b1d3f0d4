"""One function over many items, in this process or in several: what is done, and what becomes of it."""

from __future__ import annotations

import os
import pickle
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing import get_context, parent_process
from typing import Any, Protocol, TypeVar

from nanotally import __version__
from nanotally.errors import EngineError, NanotallyError

A = TypeVar("A")
B = TypeVar("B")
AHEAD = 4
"""Items a worker that are on their way at a time: enough that none waits for the next."""


@dataclass(frozen=True)
class Failure:
    """Stands in the place of an answer that could not be had.

    Attributes:
        item: what it was about.
        error: why, in one line.
    """

    item: Any
    error: str

    def of(self, name: object) -> str:
        """The error with the name of the item before it, where it does not begin with that itself."""
        return self.error if self.error.startswith(f"{name}") else f"{name}: {self.error}"


class Spread(Protocol):
    """Where work is done. Answers do not depend on it."""

    def map(self, work: Callable[[A], B], items: Iterable[A]) -> Iterator[B | Failure]:
        """The answers of `work`, in the order of the items, as they come.

        Args:
            work: is sent to every process once, pickled; what it holds (a network) is loaded there and stays.
            items: small, and asked for as there is room.

        Raises:
            NanotallyError: if `work` cannot be loaded where it is to be done, its engine fails, or nobody is left to
                do it. All else that goes wrong with an item makes a `Failure`.
        """
        ...


class Here:
    """Does it in this process."""

    def map(self, work: Callable[[A], B], items: Iterable[A]) -> Iterator[B | Failure]:
        """See `Spread`."""
        return (tried(work, item) for item in items)


class Pool:
    """Does it in processes of this machine."""

    def __init__(self, workers: int) -> None:
        self.workers = workers

    def map(self, work: Callable[[A], B], items: Iterable[A]) -> Iterator[B | Failure]:
        """See `Spread`."""
        job, under_way = Job.of(work), deque[Future[Any]]()
        pool = ProcessPoolExecutor(self.workers, get_context("spawn"), _start_worker)
        try:
            for item in items:
                under_way.append(pool.submit(do, job, item))
                if len(under_way) >= AHEAD * self.workers:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        except BrokenProcessPool as error:
            raise NanotallyError(
                "a worker process was killed, perhaps for want of memory; do it again with fewer workers"
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


@dataclass(frozen=True)
class Job:
    """Work on its way to another process.

    Attributes:
        version: of nanotally; another one could answer something else.
        pickled: the work.
    """

    version: str
    pickled: bytes

    @classmethod
    def of(cls, work: Callable[[A], B]) -> Job:
        """Of this version."""
        return cls(__version__, pickle.dumps(work))


def tried(work: Callable[[A], B], item: A) -> B | Failure:
    """The answer, or why there is none.

    Raises:
        EngineError: that is no fault of the item.
    """
    try:
        return work(item)
    except EngineError:
        raise
    except NanotallyError as error:
        return Failure(item, str(error))
    except Exception as error:  # noqa: BLE001 - one image of a million must not end the work on the others
        return Failure(item, f"{type(error).__name__}: {' '.join(str(error).split())}")


def do(job: Job, item: Any) -> Any:
    """The answer for an item, in a process that has more to do of the same job.

    Raises:
        NanotallyError: if the job comes from another version.
    """
    if job.version != __version__:
        raise NanotallyError(f"a worker has nanotally {__version__}, here is {job.version}: install the same there")
    with _AT_WORK:
        return tried(_loaded(job), item)


_AT_WORK = threading.Lock()
"""A network is used by one thread at a time, however many a worker has."""


@lru_cache(maxsize=1)
def _loaded(job: Job) -> Callable[[Any], Any]:
    from nanotally.opencv import cv2  # a verb that spreads nothing need not load it

    cv2.setNumThreads(1)  # there is a worker a core already
    work: Callable[[Any], Any] = pickle.loads(job.pickled)
    return work


def _start_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends its workers
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A worker whose parent was killed would wait for work for ever."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
