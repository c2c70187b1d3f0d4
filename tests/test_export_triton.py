import os
import re
import subprocess
import sys
from pathlib import Path

import openvino as ov
import pytest
from msgspec.structs import replace

from nanotally.bundle import Bundle, load_bundle
from nanotally.detect.engines.openvino import core
from nanotally.detect.engines.repository import write_repository
from nanotally.errors import BundleError


def test_repository_holds_the_network_and_what_it_is(tmp_path: Path) -> None:
    bundle = load_bundle()
    model = write_repository(bundle, tmp_path / "models")
    files = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    assert files == ["models/nanotally/1/model.onnx", "models/nanotally/config.pbtxt"]
    assert (model / "1" / "model.onnx").read_bytes() == bundle.onnx.read_bytes()
    config = (model / "config.pbtxt").read_text()
    for words in (
        'input { name: "images" data_type: TYPE_FP32 dims: [1, -1, -1] }',
        'output { name: "output0" data_type: TYPE_FP32 dims: [6, -1] }',
        "dynamic_batching { }",
        f'key: "nanotally_sha256" value {{ string_value: "{bundle.manifest.sha256}" }}',
    ):
        assert words in config


def test_network_of_squares_is_served_as_such(tmp_path: Path) -> None:
    """One that takes no other size, as those of darknet and with attention."""
    bundle = load_bundle()
    squares = Bundle(bundle.path, replace(bundle.manifest, stride=None))
    config = (write_repository(squares, tmp_path) / "config.pbtxt").read_text()
    assert "dims: [1, 416, 416]" in config
    assert "dims: [6, 3549]" in config


def test_repository_is_written_anew(tmp_path: Path) -> None:
    bundle = load_bundle()
    (tmp_path / "nanotally" / "1").mkdir(parents=True)
    (tmp_path / "nanotally" / "1" / "model.onnx").write_text("an old one")
    model = write_repository(bundle, tmp_path)
    assert (model / "1" / "model.onnx").stat().st_size == bundle.onnx.stat().st_size


def test_network_that_takes_one_tile_at_a_time_is_refused(tmp_path: Path) -> None:
    bundle = load_bundle()
    network = core().read_model(bundle.onnx)
    network.reshape([1, 1, 416, 416])
    ov.save_model(network, tmp_path / "one.xml")
    single = SingleTile(tmp_path, bundle.manifest)
    with pytest.raises(BundleError, match="takes one tile at a time"):
        write_repository(single, tmp_path / "out")
    assert not (tmp_path / "out").exists()


class SingleTile(Bundle):
    """OpenVINO reads it by its ending, and writes no ONNX."""

    @property
    def onnx(self) -> Path:
        return self.path / "one.xml"


def test_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BundleError, match=r"file: cannot be written \(Not a directory\); name another folder"):
        write_repository(load_bundle(), tmp_path / "file")


def test_damaged_network_is_told(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_text("nonsense")
    with pytest.raises(BundleError, match=r"model.onnx: cannot be read"):
        write_repository(Bundle(tmp_path, load_bundle().manifest), tmp_path / "out")


@pytest.mark.train
def test_the_verb_says_how_it_is_served(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "nanotally", "export", "default", "--to", "triton", "--out", str(tmp_path / "m")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, "COLUMNS": "200"})
    assert f"tritonserver --model-repository {tmp_path / 'm'} --http-address 127.0.0.1" in done.stdout
    assert re.search(r'engine = "v2:http://127.0.0.1:8000/nanotally"$', done.stdout.strip())
    assert (tmp_path / "m" / "nanotally" / "config.pbtxt").is_file()
