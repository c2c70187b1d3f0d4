"""What is said where TensorRT cannot run, whatever the driver does to who asks it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from nanotally.bundle import load_bundle
from nanotally.detect import load_engine
from nanotally.detect.engines import tensorrt
from nanotally.detect.engines.tensorrt import probe
from nanotally.errors import EngineError


def asked(program: str) -> probe.Device:
    return probe.ask([sys.executable, "-c", program])


def test_a_device_is_what_the_process_says() -> None:
    said = '{"gpu":"Orin","capability":"8.7","driver":"12.6","tensorrt":"10.3.0"}'
    assert asked(f"print({said!r})") == probe.Device("Orin", "8.7", "12.6", "10.3.0")


@pytest.mark.parametrize(
    ("program", "fault"),
    [
        ("import os; os.kill(os.getpid(), 11)", r"ends who asks it \(signal 11\)"),
        ("raise SystemExit('no such device')", "^no such device$"),
        ("print('{')", "exit code 0"),
        ("import os; os._exit(3)", "exit code 3"),
    ],
)
def test_a_bad_end_is_said_in_a_line(program: str, fault: str) -> None:
    with pytest.raises(EngineError, match=fault):
        asked(program)


def test_a_driver_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "PATIENCE_S", 0.5)
    with pytest.raises(EngineError, match=r"does not answer within 0\.5 s"):
        asked("import time; time.sleep(60)")


@pytest.fixture
def missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "_asked_once", lambda: "no NVIDIA driver")


@pytest.mark.usefixtures("missing")
def test_auto_takes_openvino_and_says_why() -> None:
    engine = load_engine("auto", load_bundle())
    assert engine.name == "openvino"
    assert engine.description.endswith("; TensorRT cannot run here: no NVIDIA driver")


@pytest.mark.usefixtures("missing")
def test_tensorrt_says_what_is_missing() -> None:
    with pytest.raises(EngineError, match=r"^TensorRT cannot run here: no NVIDIA driver$"):
        load_engine("tensorrt", load_bundle())


def test_the_driver_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    probe._asked_once.cache_clear()
    calls = []
    monkeypatch.setattr(probe, "LIBRARY", "libc.so.6")
    monkeypatch.setattr(probe, "ask", lambda command: calls.append(command) or probe.Device("a", "9.0", "13.0", "11.4"))
    assert probe.device() is probe.device()
    probe._asked_once.cache_clear()
    assert calls == [[sys.executable, "-m", "nanotally.detect.engines.tensorrt.probe"]]


def test_the_process_that_asks_says_what_it_misses() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "nanotally.detect.engines.tensorrt.probe"], capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0 or "PyCUDA" in done.stderr or "device" in done.stderr or "TensorRT" in done.stderr


def test_where_there_is_no_plan_tensorrt_says_how_to_have_one(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("CACHE_DIRECTORY", str(tmp_path))
    monkeypatch.setattr(probe, "_asked_once", lambda: probe.Device("Orin", "8.7", "12.6", "10.3.0"))
    with pytest.raises(tensorrt.NoPlanError, match=r"^TensorRT: /.*plan: no such plan; nanotally engine builds it$"):
        load_engine("tensorrt", load_bundle())
    engine = load_engine("auto", load_bundle())
    assert (engine.name, tensorrt.find_plan(load_bundle())) == ("openvino", None)
    assert engine.description.endswith("no such plan; nanotally engine builds it")
