import threading

import pytest

from nanotally.daemon import worker as worker_module
from nanotally.daemon.worker import Worker


def test_jobs_are_done_in_order_by_another_thread_and_close_does_the_rest() -> None:
    done: list[tuple[int, int]] = []
    worker: Worker[int] = Worker("w", lambda job: done.append((job, threading.get_ident())), capacity=100)
    assert all(worker.offer(job) for job in range(50))
    assert worker.close()
    assert worker.close()
    assert [job for job, _ in done] == list(range(50))
    assert {thread for _, thread in done}.isdisjoint({threading.get_ident()})
    assert not worker.offer(51)


def test_offer_never_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_module, "JOIN_S", 0.05)
    busy, go_on = threading.Event(), threading.Event()
    worker: Worker[int] = Worker("w", lambda job: (busy.set(), go_on.wait(10)), capacity=2)
    assert worker.offer(0)
    assert busy.wait(10)
    assert [worker.offer(job) for job in range(4)] == [True, True, False, False]
    assert not worker.close()  # a disk that hangs does not hold up the exit
    go_on.set()
    monkeypatch.setattr(worker_module, "JOIN_S", 10)
    assert worker.close()


def test_job_that_fails_is_told_of_and_the_next_is_done(caplog: pytest.LogCaptureFixture) -> None:
    done = []
    worker: Worker[int] = Worker("w", lambda job: done.append(1 / job), capacity=3)
    assert worker.offer(0)
    assert worker.offer(1)
    worker.close()
    assert done == [1.0]
    assert "w: ZeroDivisionError: division by zero" in caplog.text
