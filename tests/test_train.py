from __future__ import annotations

import csv
import json
import os
import pickle
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from nanotally.bundle import load_bundle
from nanotally.errors import DatasetError, UsageError
from nanotally.trainer.recipe import RECIPES
from nanotally.trainer.train import count_gpus, train

NO_NETWORK = ("unshare", "--user", "--map-root-user", "--net")
TILES, PASSES = 12, 3
SMOKE = RECIPES["smoke"].seeing(TILES * PASSES, pictures=TILES)
GUARD = """
import os, sys

def refuse(event, arguments):
    if event in ("socket.connect", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname"):
        with open(os.environ["ATTEMPTS"], "a") as attempts:
            print(event, *arguments, file=attempts)
        raise OSError("a test has cut the network")

sys.addaudithook(refuse)
"""
"""`sitecustomize.py` of every process that a test starts: whoever wants to be connected is written down."""


@dataclass(frozen=True)
class Workshop:
    """Where commands run without a network.

    Attributes:
        folder: for everything.
        attempts: what wanted to be connected, a line each; not there if nothing did.
    """

    folder: Path

    @property
    def attempts(self) -> Path:
        return self.folder / "attempts"

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*(NO_NETWORK if can_shut_off_the_network() else ()), sys.executable, "-m", "nanotally", *words],
            cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=os.environ | {"PYTHONPATH": str(self.folder), "ATTEMPTS": str(self.attempts)},
        )  # fmt: skip

    def run(self, *words: str) -> str:
        process = self.start(*words)
        output, complaint = process.communicate(timeout=900)
        assert process.returncode == 0, complaint[-2000:]
        assert complaint == ""  # what is not a terminal gets no progress
        return output


def can_shut_off_the_network() -> bool:
    if not shutil.which("unshare"):
        return False
    return subprocess.run([*NO_NETWORK, "true"], capture_output=True, check=False).returncode == 0


def train_words(out: str = "run") -> tuple[str, ...]:
    return "train", "smoke", "--data", "set", "--out", out, "--images", str(TILES * PASSES)


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """A training set, and a training that was killed after its first checkpoint and then went on to its end."""
    shop = Workshop(tmp_path_factory.mktemp("workshop"))
    (shop.folder / "sitecustomize.py").write_text(GUARD)
    shop.run("generate", "--out", "made", "--count", str(TILES), "--size", "96x96", "--max-particles", "6")
    shop.run("dataset", "--synthetic", "made", "--out", "set", "--tile", "96")
    killed = shop.start(*train_words())
    checkpoint = shop.folder / "run" / "train" / "weights" / "last.pt"
    give_up = time.monotonic() + 900
    while not checkpoint.exists() and killed.poll() is None and time.monotonic() < give_up:
        time.sleep(0.05)
    killed.kill()
    complaint = killed.communicate(timeout=60)[1]
    assert checkpoint.exists(), complaint
    assert not (shop.folder / "run" / "bundle").exists()
    shop.run(*train_words())
    return shop


@pytest.mark.train
def test_a_killed_training_goes_on_to_the_number_of_passes_it_was_given(workshop: Workshop) -> None:
    with (workshop.folder / "run" / "train" / "results.csv").open() as file:
        assert [int(row["epoch"]) for row in csv.DictReader(file)] == list(range(1, PASSES + 1))


@pytest.mark.train
def test_nothing_wanted_to_be_connected(workshop: Workshop) -> None:
    assert not workshop.attempts.exists(), workshop.attempts.read_text()


@pytest.mark.train
def test_the_guard_would_have_seen_it(workshop: Workshop, tmp_path: Path) -> None:
    shutil.copy(workshop.folder / "sitecustomize.py", tmp_path)
    there = Workshop(tmp_path)
    asked = [sys.executable, "-c", "import socket; socket.create_connection(('127.0.0.1', 9))"]
    environment = os.environ | {"PYTHONPATH": str(tmp_path), "ATTEMPTS": str(there.attempts)}
    assert subprocess.run(asked, env=environment, capture_output=True, check=False).returncode == 1
    assert "socket.getaddrinfo 127.0.0.1" in there.attempts.read_text()


@pytest.mark.train
def test_the_bundle_can_be_judged(workshop: Workshop) -> None:
    bundle = load_bundle(workshop.folder / "run" / "bundle")
    assert bundle.manifest.input_size_px == 96
    assert bundle.onnx.stat().st_size < 12e6
    assert '"map50"' in workshop.run("evaluate", "run/bundle", "made", "--json")


@pytest.mark.train
def test_a_finished_training_is_left_as_it_is(workshop: Workshop) -> None:
    best = train(SMOKE, workshop.folder / "set", workshop.folder / "run")
    before = best.stat().st_mtime_ns
    assert train(SMOKE, workshop.folder / "set", workshop.folder / "run") == best
    assert best.stat().st_mtime_ns == before


@pytest.mark.train
def test_a_folder_with_a_run_of_another_recipe_is_not_touched(workshop: Workshop) -> None:
    with pytest.raises(DatasetError, match="holds a run with seed 0, not 7; name another folder"):
        train(replace(SMOKE, seed=7), workshop.folder / "set", workshop.folder / "run")


@pytest.mark.train
def test_a_training_starts_from_the_weights_of_another(workshop: Workshop, tmp_path: Path) -> None:
    import torch

    start = workshop.folder / "run" / "train" / "weights" / "best.pt"
    frozen = replace(SMOKE, epochs=1, learning_rate=0.0, start=start)  # whatever is not taken over would show
    best = train(frozen, workshop.folder / "set", tmp_path / "run")
    was, now = (torch.load(path, weights_only=False)["model"].state_dict() for path in (start, best))
    assert list(was) == list(now)
    assert all(torch.equal(was[name], now[name]) for name in was if "bn" not in name)
    with pytest.raises(DatasetError, match=r"best\.pt: holds no yolo11n as it is now"):
        train(replace(frozen, architecture="yolo11n"), workshop.folder / "set", tmp_path / "other")


@pytest.mark.train
def test_what_is_no_checkpoint_is_named(tmp_path: Path) -> None:
    write_set(tmp_path)
    (tmp_path / "start.pt").write_text("weights")
    with pytest.raises(DatasetError, match=r"start\.pt: cannot be read as a checkpoint"):
        train(replace(SMOKE, start=tmp_path / "start.pt"), tmp_path, tmp_path / "run")


@pytest.mark.train
def test_several_gpus_are_handed_to_the_librarys_distributed_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloudpickle = pytest.importorskip("cloudpickle")
    import torch
    import ultralytics

    from nanotally.trainer.loop import CALLBACKS, Trainer

    given: dict[str, Any] = {}
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(ultralytics.YOLO, "train", lambda self, **options: given.update(options, acts=self.callbacks))
    write_set(tmp_path)
    train(SMOKE, tmp_path, tmp_path / "run", device="0,1")
    assert given["device"] == "0,1"
    assert given["trainer"] is Trainer
    assert given["workers"] >= 1
    state = Trainer, {event: given["acts"][event] for event in CALLBACKS}  # what every process is handed as a file
    assert pickle.loads(cloudpickle.dumps(state)) == state
    assert all(set(acts) <= set(given["acts"][event]) for event, acts in CALLBACKS.items())


@pytest.mark.train
def test_each_of_two_processes_is_handed_the_recipe_and_our_callbacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the library's own launcher, on the processor, where it would go no further: it trains so on GPUs only."""
    pytest.importorskip("cloudpickle")
    import torch
    import ultralytics
    from told_trainer import ToldTrainer
    from ultralytics.utils.dist import ddp_cleanup, generate_ddp_command

    from nanotally.trainer.loop import CALLBACKS

    told = ToldTrainer.__new__(ToldTrainer)
    told.resume, told.save_dir, told.world_size, told.model = False, tmp_path / "old", 2, None
    told.save_dir.mkdir()

    def take(self: Any, *, trainer: type, **options: Any) -> None:
        told.args, told.callbacks = SimpleNamespace(**options), self.callbacks

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(ultralytics.YOLO, "train", take)
    write_set(tmp_path)
    train(SMOKE, tmp_path, tmp_path / "run", device="0,1")
    command, file = generate_ddp_command(told)
    try:
        subprocess.run(command, check=True, timeout=900, cwd=tmp_path, capture_output=True)
    finally:
        ddp_cleanup(told, file)
    for rank in ("0", "1"):
        handed = json.loads((tmp_path / "run" / f"{rank}.json").read_text())
        assert handed == {"options": vars(told.args), "ours": list(CALLBACKS), "world": "2"}
        assert handed["options"]["device"] == "0,1"
        assert handed["options"]["epochs"] == SMOKE.epochs


def write_set(folder: Path) -> None:
    (folder / "images" / "train").mkdir(parents=True)
    (folder / "data.yaml").write_text("")


@pytest.mark.parametrize(("device", "count"), [("cpu", 0), ("0", 1), ("1", 1), ("0,1", 2)])
def test_gpus_are_counted(device: str, count: int) -> None:
    assert count_gpus(device, present=2) == count


@pytest.mark.parametrize(
    ("device", "reason"), [("gpu", "expected cpu, or numbers"), ("0,", "expected cpu"), ("0,2", "there are 2 GPUs")]
)
def test_a_device_that_is_not_here_is_wrong_usage(device: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        count_gpus(device, present=2)


def test_a_folder_without_a_training_set_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"no data\.yaml with images/train here"):
        train(RECIPES["smoke"], tmp_path, tmp_path / "run")


def test_an_unknown_recipe_is_wrong_usage(tmp_path: Path) -> None:
    words = ["train", "huge", "--data", str(tmp_path), "--out", str(tmp_path / "run")]
    done = subprocess.run([sys.executable, "-m", "nanotally", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "recipe 'huge' is not known" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
