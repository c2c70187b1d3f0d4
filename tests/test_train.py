from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from nanotally.bundle import load_bundle
from nanotally.errors import DatasetError
from nanotally.trainer.train import RECIPES, train

NO_NETWORK = ("unshare", "--user", "--map-root-user", "--net")


def nanotally(*words: str, offline: bool = False) -> subprocess.CompletedProcess[str]:
    shut_off = NO_NETWORK if offline else ()
    return subprocess.run(
        [*shut_off, sys.executable, "-m", "nanotally", *words], capture_output=True, text=True, check=False
    )


def can_shut_off_the_network() -> bool:
    if not shutil.which("unshare"):
        return False
    return subprocess.run([*NO_NETWORK, "true"], capture_output=True, check=False).returncode == 0


@pytest.mark.train
def test_from_nothing_to_a_bundle_without_a_network(tmp_path: Path) -> None:
    offline = can_shut_off_the_network()
    steps = [
        ("generate", "--out", str(tmp_path / "made"), "--count", "12", "--size", "96x96", "--max-particles", "6",
         "--seed", "3"),
        ("dataset", "--synthetic", str(tmp_path / "made"), "--out", str(tmp_path / "set"), "--tile", "96"),
        ("train", "smoke", "--data", str(tmp_path / "set"), "--out", str(tmp_path / "run")),
    ]  # fmt: skip
    for step in steps:
        done = nanotally(*step, offline=offline)
        assert done.returncode == 0, done.stderr[-2000:]
    bundle = load_bundle(tmp_path / "run" / "bundle")
    assert bundle.manifest.input_size_px == 96
    assert bundle.onnx.stat().st_size < 12e6
    judged = nanotally("evaluate", str(bundle.path), str(tmp_path / "made"), "--json", offline=offline)
    assert judged.returncode == 0, judged.stderr
    again = nanotally(*steps[-1], offline=offline)  # nothing is left to train: the bundle is written again
    assert again.returncode == 0, again.stderr[-2000:]
    assert again.stdout.splitlines()[-1] == done.stdout.splitlines()[-1]


def test_a_folder_without_a_training_set_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"no data\.yaml here"):
        train(RECIPES["smoke"], tmp_path, tmp_path / "run")


def test_an_unknown_recipe_is_wrong_usage(tmp_path: Path) -> None:
    done = nanotally("train", "huge", "--data", str(tmp_path), "--out", str(tmp_path / "run"))
    assert done.returncode == 2
    assert "recipe 'huge' is not known" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
