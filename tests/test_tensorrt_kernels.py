"""kernels.cu against the host path, and its PTX against the assembler of every GPU that it is for."""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from fake_device import SOURCE, FakeDevice
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nanotally.detect.decode import decode_ultralytics
from nanotally.detect.engines.tensorrt.lane import CANDIDATE, PTX, TILE, load_kernels
from nanotally.detect.tiles import Level, cut_tiles, plan_levels

ARCHITECTURES = (75, 80, 86, 87, 89, 90, 100, 110, 120)
"""From a T4 over Orin (87) and Hopper (90) to Thor (110) and Blackwell."""
OLDEST_PTX = "6.3"
HERE = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> FakeDevice:
    return FakeDevice(tmp_path_factory.mktemp("kernels"))


def cut(device: FakeDevice, field: np.ndarray, level: Level) -> np.ndarray:
    """Tiles of a level, as the kernel cuts them."""
    stream, (width, height) = device.stream(), level.tile
    tiles = np.zeros(len(level.corners), TILE)
    tiles["field"], tiles["pitch"], tiles["width"] = field.ctypes.data, field.strides[0], field.shape[1]
    tiles["height"], tiles["level_width"], tiles["level_height"] = field.shape[0], level.width, level.height
    tiles["x"], tiles["y"] = level.corners.T
    out = np.full((len(tiles), 1, height, width), np.nan, np.float32)
    addresses = [np.uint64(tiles.ctypes.data), np.uint64(out.ctypes.data)]
    grid = (-(-width // 32), -(-height // 8), len(tiles))
    load_kernels(device).cut_tiles.launch(grid, (32, 8, 1), [*addresses, np.int32(width), np.int32(height)], stream)
    stream.synchronize()
    return out


def levels(height: int, width: int, scale: float, stride: int | None) -> list[Level]:
    return plan_levels(
        height=height, width=width, input_size=64, stride=stride, overlap=24, scale=scale, most=None
    )  # fmt: skip


@HERE
@given(
    st.integers(1, 220), st.integers(1, 220), st.sampled_from([1.0, 0.5, 0.73, 0.11, 1.7, 3.0]),
    st.sampled_from([None, 32]), st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_tiles_are_those_of_the_host_within_one_grey_level(device, height, width, scale, stride, seed) -> None:
    field = np.random.default_rng(seed).integers(0, 256, (height, width), np.uint8)
    for level in levels(height, width, scale, stride):
        wanted = np.full((len(level.corners), 1, *level.tile[::-1]), np.nan, np.float32)
        cut_tiles(field, level, wanted)
        found = cut(device, field, level)
        assert np.abs(found - wanted).max() * 255 <= 1.001
        if (level.width, level.height) == (width, height):
            np.testing.assert_array_equal(found, wanted)


def test_halves_are_exact_and_other_scales_rarely_differ(device) -> None:
    field = np.random.default_rng(0).integers(0, 256, (192, 320), np.uint8)
    for scale, share in ((0.5, 0.0), (0.25, 0.04), (0.7, 0.01), (1.5, 0.2)):
        level = levels(192, 320, scale, 32)[0]
        wanted = np.empty((len(level.corners), 1, *level.tile[::-1]), np.float32)
        cut_tiles(field, level, wanted)
        assert (np.abs(cut(device, field, level) - wanted) > 0.5 / 255).mean() <= share


@HERE
@given(st.integers(1, 3), st.integers(1, 4), st.integers(1, 300), st.integers(0, 2**32 - 1))
def test_candidates_are_those_of_the_host(device, tiles: int, classes: int, anchors: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    raw = rng.random((tiles, 4 + classes, anchors), np.float32)
    raw[:, 4:] = np.round(raw[:, 4:], 1)  # classes with the same score, and scores that just reach the threshold
    raw[rng.random(raw.shape) < 0.02] = np.nan
    thresholds = rng.choice([0.5, 0.9, 2.0], classes).astype(np.float32)
    kept, count = np.zeros(tiles * anchors, CANDIDATE), np.zeros(1, np.uint32)
    stream = device.stream()
    addresses = [np.uint64(own.ctypes.data) for own in (raw, thresholds, kept, count)]
    sizes = [np.int32(tiles), np.int32(classes), np.int32(anchors)]
    load_kernels(device).keep_candidates.launch(
        (-(-tiles * anchors // 256), 1, 1), (256, 1, 1), [*addresses, *sizes], stream
    )
    stream.synchronize()
    found, wanted = kept[: count[0]], decode_ultralytics(raw, thresholds)
    np.testing.assert_array_equal(found["place"] // anchors, wanted.tile)
    for field in ("xyxy", "score", "class_id"):
        np.testing.assert_array_equal(found[field], getattr(wanted, field))
    np.testing.assert_array_equal(found["rival"], wanted.rivals.class_id)
    np.testing.assert_array_equal(found["rival_score"], wanted.rivals.score)


def test_structs_are_as_the_source_has_them(device, tmp_path: Path) -> None:
    program = tmp_path / "sizes.cpp"
    fields = "".join(f"offsetof(Tile, {name}), " for name in TILE.names)
    kept = ", ".join(
        f"offsetof(Candidate, {name})" for name in ("place", "class_id", "rival", "score", "rival_score", "x1")
    )
    structs = SOURCE.read_text().partition("#define PAD")[0]
    program.write_text(
        f"#include <cstddef>\n{structs}\nextern \"C\" const int sizes[] = "
        f"{{{fields}{kept}, sizeof(Tile), sizeof(Candidate)}};"
    )  # fmt: skip
    library = tmp_path / "sizes.so"
    subprocess.run(["g++", "-w", "-shared", "-fPIC", "-o", library, program], check=True)
    ours = [dtype.fields[name][1] for dtype in (TILE, CANDIDATE) for name in dtype.names]
    wanted = [*ours, TILE.itemsize, CANDIDATE.itemsize]
    assert list((ctypes.c_int * len(wanted)).in_dll(ctypes.CDLL(str(library)), "sizes")) == wanted


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_gpu_can_have_it(architecture: int, tmp_path: Path) -> None:
    assembler = shutil.which("ptxas")
    if assembler is None:
        pytest.skip("no ptxas; apt install nvidia-cuda-toolkit")
    command = [assembler, f"-arch=sm_{architecture}", "-o", str(tmp_path / "kernels.cubin"), str(PTX)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "is not defined for option" in done.stderr:
        pytest.skip(f"this ptxas does not know sm_{architecture}")
    assert done.returncode == 0, done.stderr


def test_ptx_asks_for_nothing_new() -> None:
    text = PTX.read_text()
    assert re.search(r"^\.version (.*)$", text, re.M)[1] == OLDEST_PTX
    assert re.search(r"^\.target (.*)$", text, re.M)[1] == "sm_75"


def test_ptx_is_made_of_the_source(tmp_path: Path) -> None:
    compiler = shutil.which("nvcc")
    if compiler is None:
        pytest.skip("no nvcc; apt install nvidia-cuda-toolkit")
    release = re.search(r"// Cuda compilation tools, (release .*)$", PTX.read_text(), re.M)[1]
    if release not in subprocess.run([compiler, "--version"], capture_output=True, text=True, check=True).stdout:
        pytest.skip(f"this nvcc is not {release}")
    made = tmp_path / "kernels.ptx"
    subprocess.run([compiler, "--ptx", "--gpu-architecture=compute_75", "-o", made, SOURCE], check=True)
    text = re.sub(r"(?m)^\.version .*$", f".version {OLDEST_PTX}", made.read_text())
    text = re.sub(r"(?m)^.*used_bytes_mask.*\n", "", text)  # a hint that old versions do not know
    assert PTX.read_text().partition("\n")[2] == text
