"""Work on a Dask cluster: the same files as one machine writes, whoever is killed and whatever image is broken."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from spread_work import BROKEN, POISON, Unloadable, Work

pytest.importorskip("distributed", reason="Dask is not installed (the cluster extra)")
pytest.importorskip("pyarrow", reason="pyarrow is not installed (the cluster extra)")

from nanotally.bundle import load_bundle
from nanotally.cli.detect import detect
from nanotally.errors import EngineError, MicrographError, NanotallyError
from nanotally.generator.dataset import write_set
from nanotally.generator.orders import Order, make_all, make_with
from nanotally.labels import read_dataset
from nanotally.spread import Failure, Here, Spread, cluster, spread_over
from nanotally.trainer.evaluate import evaluate, figures, judge_with

WAIT_S = 120.0
ORDER = Order(mode="paper", count=10, width=416, height=320, max_particles=12, seed=5)
FORMATS = ("yolo", "coco", "masks")


def contents(folder: Path) -> dict[str, bytes]:
    """All files but the manifest, which has the time in it."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != "manifest.json"]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def until(true: Callable[[], object]) -> None:
    deadline_s = time.monotonic() + WAIT_S
    while not true():
        assert time.monotonic() < deadline_s, "waited in vain"
        time.sleep(0.01)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A labelled set."""
    folder = tmp_path_factory.mktemp("made") / "set"
    write_set(asdict(ORDER), make_all(ORDER), folder, FORMATS)
    return folder


@pytest.fixture(scope="module")
def local() -> Iterator[Spread]:
    """A cluster of this machine's own, two workers. On a busy machine a killed one takes long to be there again."""
    with pytest.MonkeyPatch.context() as patch, spread_over("local", workers=2) as spread:
        patch.setattr(cluster, "ALONE_S", 600.0)
        yield spread


@pytest.fixture(scope="module")
def archive(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images in a folder, one of them broken."""
    folder = tmp_path_factory.mktemp("archive") / "images"
    folder.mkdir()
    for path in (made / "images").iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / "000004.png").write_bytes((folder / "000004.png").read_bytes()[:2000])
    return folder


@pytest.fixture(scope="module")
def on_one_machine(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What parts of one image each are without Dask."""
    out = tmp_path_factory.mktemp("one") / "out"
    with pytest.raises(MicrographError, match=r"000004\.png"):
        detect([archive], out=str(out), to="parts", images_a_part=1)
    return contents(out)


def test_a_set_has_the_same_bytes(made: Path, local: Spread, tmp_path: Path) -> None:
    write_set(asdict(ORDER), make_with(local, ORDER), tmp_path / "set", FORMATS)
    assert contents(tmp_path / "set") == contents(made)
    assert (tmp_path / "set" / "manifest.json").read_bytes() == (made / "manifest.json").read_bytes()


def test_who_kills_its_worker_is_named_and_its_neighbours_are_done(local: Spread, tmp_path: Path) -> None:
    items = [*range(6), POISON, BROKEN, *range(6, 12)]
    work = Work(tmp_path / "loads")
    answers = list(local.map(work, items))
    assert answers[6] == Failure(POISON, "ends the process of every worker that tries it")
    assert answers[7] == Failure(BROKEN, "ValueError: two lines")
    assert answers[:6] + answers[8:] == [n * n for n in range(12)]
    loads = work.loads.read_text().split()
    assert len(set(loads)) == len(loads)  # no process has loaded it twice


def test_what_cannot_be_loaded_there_ends_all(local: Spread) -> None:
    with pytest.raises(EngineError, match="nothing to run it"):
        list(local.map(Unloadable(), [1, 2]))


def test_two_commands_may_have_a_cluster_each(local: Spread) -> None:
    with spread_over("local", workers=1) as other:  # a warning of a port that is taken would be an error here
        assert [*other.map(abs, [-2]), *local.map(abs, [-3])] == [2, 3]


class Programs:
    """A scheduler and two workers as programs. They have a working directory of their own, and no nanny."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.address = f"tcp://127.0.0.1:{port}"
        self._folder, self._stack = folder, stack
        self.scheduler = self.start("scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard")
        until(self._answers)
        self.workers = [self.start_worker(), self.start_worker()]

    def start_worker(self) -> subprocess.Popen[bytes]:
        return self.start("worker", self.address, "--nthreads", "1", "--no-nanny", "--no-dashboard",
                          "--death-timeout", str(WAIT_S))  # fmt: skip

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        program = [sys.executable, "-m", "dask", *words]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        process = subprocess.Popen(program, cwd=self._folder, **quiet)  # type: ignore[call-overload]
        self._stack.callback(process.wait, WAIT_S)
        self._stack.callback(process.kill)
        return process  # type: ignore[no-any-return]

    def _answers(self) -> bool:
        host, port = self.address.removeprefix("tcp://").split(":")
        try:
            socket.create_connection((host, int(port)), 1).close()
        except OSError:
            return False
        return True


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Programs]:
    with ExitStack() as stack:
        yield Programs(tmp_path_factory.mktemp("cluster"), stack)


def test_a_bundle_is_judged_the_same(made: Path, programs: Programs) -> None:
    bundle, labelled = load_bundle(), read_dataset(made)
    labelled = replace(labelled, samples=labelled.samples[:3])
    with spread_over(programs.address) as spread:
        here, there = ([*judge_with(where, bundle, labelled)] for where in (Here(), spread))
    assert [one.name for one in there] == [one.name for one in here]
    assert [one.found.xyxy.tobytes() for one in there] == [one.found.xyxy.tobytes() for one in here]
    assert figures(evaluate(there, bundle)) == figures(evaluate(here, bundle))


def parts_in(out: Path) -> int:
    return len(list(out.glob("images/part.*.parquet")))


def test_a_worker_is_killed_half_way_and_nothing_is_missing(
    programs: Programs, archive: Path, on_one_machine: dict[str, bytes], tmp_path: Path
) -> None:
    out, there = tmp_path / "out", []

    def kill_one() -> None:
        until(lambda: parts_in(out) >= 2)
        there.append(parts_in(out))
        programs.workers[0].kill()

    killer = threading.Thread(target=kill_one)
    killer.start()
    with pytest.raises(MicrographError, match=r"000004\.png"):
        detect([archive], out=str(out), to="parts", images_a_part=1, dask=programs.address)
    killer.join()
    assert there[0] < ORDER.count  # it was half-way
    assert contents(out) == on_one_machine
    assert json.loads((out / "manifest.json").read_text())["complete"] is True


def test_a_run_that_was_killed_goes_on_where_it_was(
    programs: Programs, archive: Path, on_one_machine: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["detect", "images", "--to", "parts", "--images-a-part", "1", "--dask", programs.address]
    verb = [sys.executable, "-m", "nanotally", *words, "--out", str(tmp_path / "out")]
    first = subprocess.Popen(verb, cwd=archive.parent, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        until(lambda: parts_in(tmp_path / "out") >= 2)
        first.send_signal(signal.SIGKILL)
    finally:
        first.kill()
        assert first.wait(WAIT_S) == -signal.SIGKILL
    there = {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "images").glob("part.*")}
    assert 2 <= len(there) < ORDER.count
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["complete"] is False
    monkeypatch.chdir(archive.parent)
    with pytest.raises(MicrographError, match=r"000004\.png"):  # also where it was read by the first run
        detect([Path("images")], out=str(tmp_path / "out"), to="parts", images_a_part=1, dask=programs.address)
    assert {path: path.stat().st_mtime_ns for path in there} == there
    # The paths of the images are told as they were given, and here they were given otherwise.
    assert sorted(contents(tmp_path / "out")) == sorted(on_one_machine)
    particles = {name: own for name, own in on_one_machine.items() if name.startswith("particles")}
    assert particles.items() <= contents(tmp_path / "out").items()


def test_a_cluster_without_workers_is_given_up(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    for worker in programs.workers:
        worker.kill()
    monkeypatch.setattr(cluster, "ALONE_S", 0.5)
    monkeypatch.setattr(cluster, "LOOK_S", 0.2)
    with spread_over(programs.address) as spread, pytest.raises(NanotallyError, match="no worker is left"):
        list(spread.map(abs, [-1]))


def test_a_scheduler_that_goes_is_one_line(programs: Programs, capfd: pytest.CaptureFixture[str]) -> None:
    with spread_over(programs.address) as spread:
        killer = threading.Timer(0.3, programs.scheduler.kill)
        killer.start()
        with pytest.raises(NanotallyError, match="the scheduler is gone"):
            list(spread.map(abs, [-1]))
        killer.join()
    assert capfd.readouterr().err == ""


def test_nobody_at_the_address_is_one_line() -> None:
    with (
        pytest.raises(NanotallyError, match=r"tcp://127\.0\.0\.1:9: no scheduler answers"),
        spread_over("tcp://127.0.0.1:9"),
    ):
        pass
