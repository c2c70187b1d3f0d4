"""The benchmark for a GPU: without one it says so, and on stand-ins it runs to its end, so that it is ready."""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path
from types import ModuleType

import pytest
from fake_device import FakeDevice
from fake_tensorrt import FakeTensorRt

from nanotally.bundle import Bundle
from nanotally.detect.engines import tensorrt
from nanotally.detect.engines.tensorrt import TensorRtEngine, probe

BENCHMARK = Path(__file__).parent.parent / "benchmarks" / "tensorrt.py"
SMALL = "sim:?width=448&height=320&fields=1.5&particles=80&size_px=15&fps=0&frames=3"


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> None:
    """As `python benchmarks/tensorrt.py WORDS`."""
    monkeypatch.setattr(sys, "argv", [str(BENCHMARK), *words])
    monkeypatch.setattr(sys, "path", list(sys.path))
    runpy.run_path(str(BENCHMARK), run_name="__main__")


@pytest.mark.parametrize(("words", "said"), [((), "no NVIDIA driver"), (("--model", "none"), "no manifest.json here")])
def test_what_is_missing_is_one_line(monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], said: str) -> None:
    monkeypatch.setattr(probe, "_asked_once", lambda: "no NVIDIA driver")
    with pytest.raises(SystemExit, match=rf"^tensorrt\.py: [^\n]*{said}[^\n]*$"):
        run(monkeypatch, *words)


@pytest.mark.parametrize("squares", [False, True], ids=["whole fields", "squares"])
def test_it_measures_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], squares: bool
) -> None:
    def load(bundle: Bundle) -> TensorRtEngine:
        device = FakeDevice(tmp_path)
        return TensorRtEngine(bundle, bundle.onnx.read_bytes(), trt=FakeTensorRt(device), cuda=device)

    benchmark = ModuleType("benchmark")
    exec(compile(BENCHMARK.read_text(), BENCHMARK, "exec"), benchmark.__dict__)  # its name is that of another module
    monkeypatch.setattr(tensorrt, "find_plan", lambda bundle: tmp_path)
    monkeypatch.setattr(tensorrt, "load", load)
    for name, value in {"simulated": lambda number: SMALL, "SAMPLE_S": 0.1, "memory_mb": lambda: (1.0, 2.0)}.items():
        monkeypatch.setattr(benchmark, name, value)
    benchmark.main(seconds=0.1, memory_s=0.3, squares=squares, daemon=False)
    told = capsys.readouterr().out
    assert told.startswith("TensorRT 11.4.0 on ")
    same = re.findall(r"\| of OpenVINO's, here too \(IoU 0\.9, class\) \| ([\d.]+) \|", told)
    assert [share for share in same if float(share) > 0.97] == same != []
    assert told.count("engine, two frames on their way") == 2
    assert told.count("of the network alone |") == 8
    assert "| GPU | +0.0 MB |" in told
