"""Plans on disk: found again when nothing changed, and never loaded when anything did."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from nanotally.bundle import Bundle, load_bundle
from nanotally.detect.engines.tensorrt import cache
from nanotally.detect.engines.tensorrt.probe import Device
from nanotally.errors import EngineError

BUNDLE = load_bundle()
ORIN = Device("Orin", "8.7", "12.6", "10.3.0")
PLAN = bytes(range(256)) * 100


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CACHE_DIRECTORY", str(tmp_path))


def key(**changed: str) -> cache.Key:
    return cache.key_of(BUNDLE, msgspec.structs.replace(ORIN, **changed))


def test_a_plan_comes_back_as_it_was(tmp_path: Path) -> None:
    path = cache.write_plan(key(), PLAN)
    assert cache.read_plan(key()) == PLAN
    assert path.parent == tmp_path / "plans"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("field", ["gpu", "capability", "driver", "tensorrt"])
def test_another_device_or_version_has_another_plan(field: str) -> None:
    cache.write_plan(key(), PLAN)
    with pytest.raises(EngineError, match="no such plan"):
        cache.read_plan(key(**{field: "other"}))


def test_so_has_another_network_precision_and_shape() -> None:
    cache.write_plan(key(), PLAN)
    for changed in ({"sha256": "ab" * 32}, {"precision": "fp16"}, {"stride": None}, {"stride": 64}):
        other = Bundle(BUNDLE.path, msgspec.structs.replace(BUNDLE.manifest, **changed))
        with pytest.raises(EngineError, match="no such plan"):
            cache.read_plan(cache.key_of(other, ORIN))


def test_a_file_under_the_name_of_another_key_is_not_loaded() -> None:
    old = cache.write_plan(key(driver="12.2"), PLAN)
    old.rename(cache.path_of(key()))
    with pytest.raises(EngineError, match="was built for something else"):
        cache.read_plan(key())


@pytest.mark.parametrize("kept", [0, 1, 20, 21, 300, -1])
def test_a_half_written_file_is_not_loaded(kept: int) -> None:
    path = cache.write_plan(key(), PLAN)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(EngineError, match=r"is no plan|header cannot be read|half-written"):
        cache.read_plan(key())


@pytest.mark.parametrize("place", [0, 18, 40, -1])
def test_a_damaged_file_is_not_loaded(place: int) -> None:
    path = cache.write_plan(key(), PLAN)
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    with pytest.raises(EngineError):
        cache.read_plan(key())


def test_an_engine_of_another_program_is_not_loaded() -> None:
    path = cache.path_of(key())
    path.parent.mkdir()
    path.write_bytes(b"ftrt" + PLAN)
    with pytest.raises(EngineError, match="is no plan of nanotally's"):
        cache.read_plan(key())


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file away")
def test_a_file_of_somebody_else_is_not_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    path = cache.write_plan(key(), PLAN)
    os.chown(path, 12345, 12345)
    with pytest.raises(EngineError, match="belongs to somebody else"):
        cache.read_plan(key())


def test_a_folder_that_cannot_be_written_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CACHE_DIRECTORY", "/proc")
    with pytest.raises(EngineError, match=r"/proc/plans.*cannot be written"):
        cache.write_plan(key(), PLAN)


def test_who_is_killed_while_writing_leaves_no_plan(tmp_path: Path) -> None:
    program = (
        "import os, signal; from nanotally.detect.engines.tensorrt import cache; from test_tensorrt_cache import *\n"
        "os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)\n"
        "cache.write_plan(key(), PLAN)"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    child = subprocess.run([sys.executable, "-c", program], env=environment, timeout=120, check=False)
    assert child.returncode == -9
    with pytest.raises(EngineError, match="no such plan"):
        cache.read_plan(key())
