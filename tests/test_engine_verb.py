"""`nanotally engine`: what it prints, and a real plan where TensorRT-RTX can build one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nanotally.bundle import Bundle, load_bundle
from nanotally.cli import app, engine  # noqa: F401 - adds its verb
from nanotally.detect.engines import tensorrt
from nanotally.detect.engines.tensorrt import cache, probe
from nanotally.errors import EngineError

ORIN = probe.Device("Orin", "8.7", "12.6", "1.7.1")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CACHE_DIRECTORY", str(tmp_path))


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A machine with a GPU; names of what was built."""
    built: list[str] = []

    def build(trt: object, bundle: Bundle, progress: Callable[[str, float], None]) -> bytes:
        progress("Building engine", 0.5)
        built.append(bundle.path.name)
        return b"plan"

    monkeypatch.setattr(probe, "_asked_once", lambda: ORIN)
    monkeypatch.setattr(tensorrt, "import_module", lambda name: None)
    monkeypatch.setattr(tensorrt, "build_plan", build)
    return built


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "_asked_once", lambda: "no NVIDIA driver")


def told(*words: str) -> str:
    done = CliRunner().invoke(app, ["engine", *words], catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout.strip()


def configuration(folder: Path, model: str) -> str:
    path = folder / "sem.toml"
    path.write_text(f'[source.main]\nuri = "sim:"\n[model]\n{model}\n')
    return str(path)


def test_a_plan_is_built_once_and_its_place_is_told(gpu: list[str]) -> None:
    place = told()
    assert cache.read_plan(cache.key_of(load_bundle(), ORIN)) == b"plan"
    assert place == str(cache.path_of(cache.key_of(load_bundle(), ORIN)))
    assert told("default") == place
    assert gpu == ["default"]
    assert told("--again") == place
    assert gpu == ["default", "default"]


def test_the_model_is_that_of_the_configuration(gpu: list[str], tmp_path: Path) -> None:
    assert told("--config", configuration(tmp_path, 'bundle = "default-int8"')).endswith(".plan")
    assert gpu == ["default-int8"]


@pytest.mark.usefixtures("no_gpu")
def test_without_a_gpu_it_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="no NVIDIA driver"):
        told()
    with pytest.raises(EngineError, match="no NVIDIA driver"):
        told("--config", configuration(tmp_path, 'engine = "tensorrt"'))
    assert told("--config", configuration(tmp_path, "")) == (
        "TensorRT cannot run here: no NVIDIA driver; OpenVINO serves"
    )


def test_who_wants_openvino_needs_no_plan(gpu: list[str], tmp_path: Path) -> None:
    assert "needs no plan" in told("--config", configuration(tmp_path, 'engine = "openvino"'))
    assert gpu == []


def test_a_fault_is_one_line() -> None:
    command = [sys.executable, "-m", "nanotally", "engine", "no/such/bundle"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("nanotally: no/such/bundle: no manifest.json")
    assert len(done.stderr.splitlines()) == 1


def test_a_real_plan_is_built_and_found_again(monkeypatch: pytest.MonkeyPatch) -> None:
    trt = pytest.importorskip("tensorrt_rtx_bindings", reason="no TensorRT-RTX; pip install 'nanotally[tensorrt-test]'")
    monkeypatch.setitem(sys.modules, "tensorrt", trt)
    monkeypatch.setattr(probe, "_asked_once", lambda: ORIN)
    assert tensorrt.find_plan(load_bundle()) is None
    place = Path(told())
    assert place.stat().st_size > 1_000_000
    assert tensorrt.find_plan(load_bundle()) == place
    assert cache.read_plan(cache.key_of(load_bundle(), ORIN)).startswith(b"vtrt")
