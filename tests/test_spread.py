"""The same answers in the same order wherever work is done; Dask itself is in test_dask.py."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from spread_work import BROKEN, DAMAGED, POISON, Unloadable, Work, process_of, without_an_engine
from waiting import WAIT_S

import nanotally.spread
from nanotally.errors import EngineError, NanotallyError, UsageError
from nanotally.spread import Failure, Here, Pool, Spread, spread_over
from nanotally.spread.work import Job, do

SPREADS = [Here(), Pool(2)]


@pytest.mark.parametrize("spread", SPREADS, ids=["here", "pool"])
def test_answers_come_in_order_and_a_failure_stands_in_its_place(spread: Spread, tmp_path: Path) -> None:
    work = Work(tmp_path / "loads")
    broken, damaged = Failure(BROKEN, "ValueError: two lines"), Failure(DAMAGED, "a.png: cannot be read")
    assert list(spread.map(work, [3, BROKEN, 4, DAMAGED, *range(20)])) == [
        9, broken, 16, damaged, *(n * n for n in range(20)),
    ]  # fmt: skip
    loads = work.loads.read_text().split() if work.loads.exists() else []
    assert len(set(loads)) == len(loads) <= 2  # once a process


def test_a_pool_works_in_other_processes() -> None:
    assert os.getpid() not in set(Pool(2).map(process_of, range(8)))


@pytest.mark.parametrize("spread", SPREADS, ids=["here", "pool"])
def test_an_engine_that_fails_is_no_fault_of_the_item(spread: Spread) -> None:
    with pytest.raises(EngineError, match="no engine"):
        list(spread.map(without_an_engine, [1, 2]))


def test_what_cannot_be_loaded_ends_all() -> None:
    with pytest.raises(EngineError, match="nothing to run it"):
        list(Pool(2).map(Unloadable(), [1, 2]))


def test_a_worker_that_is_killed_ends_all_with_a_line(tmp_path: Path) -> None:
    with pytest.raises(NanotallyError, match="a worker process was killed"):
        list(Pool(2).map(Work(tmp_path / "loads"), [1, POISON, 2]))


def test_workers_end_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    program = (
        "import os; from nanotally.spread import Pool; from spread_work import process_of\n"
        "if __name__ == '__main__':\n"
        "    for worker in Pool(1).map(process_of, range(1000)):\n"
        "        print(worker, flush=True); os.kill(os.getpid(), 9)\n"
    )
    (tmp_path / "parent.py").write_text(program)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    said = subprocess.run(
        [sys.executable, tmp_path / "parent.py"], env=environment, stdout=subprocess.PIPE, check=False
    )
    worker = Path("/proc", said.stdout.decode().split()[0])
    deadline = time.monotonic() + WAIT_S
    while worker.exists() and ") Z " not in (worker / "stat").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_failure_is_named_once() -> None:
    assert Failure(1, "a.png: cannot be read").of("a.png") == "a.png: cannot be read"
    assert Failure(1, "ValueError: seven").of("a.png") == "a.png: ValueError: seven"


def test_another_version_of_nanotally_does_no_work() -> None:
    job = Job.of(process_of)
    assert do(job, 1) == os.getpid()
    with pytest.raises(NanotallyError, match=r"has nanotally .*, here is 0\.0\.0"):
        do(Job("0.0.0", job.pickled), 1)


def test_no_worker_is_too_few() -> None:
    with pytest.raises(UsageError, match="workers is 0"), spread_over(workers=0):
        pass


def test_without_dask_one_line_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nanotally.spread, "find_spec", lambda _name: None)
    with pytest.raises(UsageError, match=r"pip install 'nanotally\[cluster\]'"), spread_over("local"):
        pass
