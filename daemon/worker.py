"""A thread that works off what it is given, so that whoever gives it never waits."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

log = logging.getLogger(__name__)

Job = TypeVar("Job")

JOIN_S = 1.5
"""How long `close` waits for what is still to be done; a disk that hangs does not hold up the exit."""


class Worker(Generic[Job]):
    """Does jobs one after another in a thread of its own. A job that fails is logged, and the next one is done."""

    def __init__(self, name: str, work: Callable[[Job], None], *, capacity: int) -> None:
        """Start the thread.

        Args:
            name: of the thread, and of the work in the log.
            work: what is done with each job.
            capacity: how many jobs may wait.
        """
        self._name, self._work, self._capacity = name, work, capacity
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def offer(self, job: Job) -> bool:
        """Leave a job if there is room; False if there is none, or the worker is closed. For one thread."""
        if self._closed or self._jobs.qsize() >= self._capacity:
            return False
        self._jobs.put(job)
        return True

    def close(self) -> bool:
        """Take no more jobs and do those that wait; False if that took too long. May be called twice."""
        if not self._closed:
            self._closed = True
            self._jobs.put(None)
        self._thread.join(JOIN_S)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            self._do(job)

    def _do(self, job: Job) -> None:
        try:
            self._work(job)
        except Exception as error:  # noqa: BLE001 - whatever is kept beside it, the count goes on
            log.error("%s: %s: %s", self._name, type(error).__name__, error)
