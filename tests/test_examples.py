"""The examples, as they are, against a daemon whose detector is a stand-in."""

import csv
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from overlay_pictures import contours_of
from told import detections

from nanotally.detections import Detections
from nanotally.wire import Subscriber, records_from

WAIT_S = 60.0
ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples"


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of a daemon that follows a simulated stage without end."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    config = tmp_path_factory.mktemp("daemon") / "sem.toml"
    config.write_text(
        '[source.main]\nuri = "sim:?width=96&height=64&particles=3&fps=10"\n'
        f'[publish]\nendpoint = "{address}"\n[control]\nendpoint = "tcp://127.0.0.1:*"\n[metrics]\nport = 0\n'
    )
    command = [sys.executable, str(ROOT / "tests" / "stand_in_daemon.py"), str(config)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    yield address
    process.kill()
    process.wait(WAIT_S)


@contextmanager
def running(*command: str | Path) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    watchdog = threading.Timer(WAIT_S, process.kill)  # whoever waits for a line then gets an empty one
    watchdog.start()
    try:
        yield process
    finally:
        watchdog.cancel()
        process.kill()
        process.communicate(timeout=WAIT_S)


def example(name: str) -> ModuleType:
    spec = spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_log_to_csv_writes_counts_until_it_is_stopped(endpoint: str, tmp_path: Path) -> None:
    path = tmp_path / "counts.csv"
    with running(sys.executable, EXAMPLES / "log_to_csv.py", path, endpoint) as process:
        deadline = time.monotonic() + WAIT_S
        while not path.exists() or len(path.read_text().splitlines()) < 3:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        assert process.wait(WAIT_S) == 0
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert all(int(row["cubes"]) + int(row["quasi-spheres"]) >= 0 for row in rows if row["state"] == "live")
    assert any(row["state"] == "live" for row in rows)
    assert [int(row["frame"]) for row in rows] == sorted({int(row["frame"]) for row in rows})


def test_stage_is_stopped_when_enough_different_particles_were_counted(endpoint: str) -> None:
    with running(sys.executable, EXAMPLES / "stop_stage.py", "30", endpoint) as process:
        said, wrong = process.communicate(timeout=2 * WAIT_S)
    assert wrong == ""
    *counted, last = said.splitlines()
    assert last == "stage stopped"
    numbers = [int(line.split(": ")[1].split(" of ")[0]) for line in counted]
    assert numbers[-1] >= 30
    assert all(n < 30 for n in numbers[:-1])


def test_program_in_another_language_needs_only_the_page(endpoint: str) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node.js is not installed (Debian package nodejs)")
    assert 'require("node:net")' in (EXAMPLES / "counts.js").read_text()
    assert (EXAMPLES / "counts.js").read_text().count("require(") == 1
    with running(node, EXAMPLES / "counts.js", *endpoint.removeprefix("tcp://").split(":")) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline().split() for _ in range(3)]
    assert {line[0] for line in lines} == {"counts/sem/main/"}
    seqs = [int(line[1]) for line in lines]
    assert seqs == list(range(seqs[0], seqs[0] + 3))
    assert all(line[3] in ("live", "frozen", "partial", "blank") for line in lines)
    assert any('"cube":' in line[4] for line in lines)


def test_particles_become_a_table_of_pandas(endpoint: str) -> None:
    if find_spec("pandas") is None:
        pytest.skip("pandas is not installed (Debian package python3-pandas)")
    with running(sys.executable, EXAMPLES / "notebook_pandas.py", endpoint, "3") as process:
        said, wrong = process.communicate(timeout=WAIT_S)
    assert process.returncode == 0, wrong
    assert "count" in said


def test_layer_of_napari_has_its_corners_where_the_boxes_are() -> None:
    found = Detections(np.array([[10, 20, 30, 50], [0, 0, 5.5, 4]]), [0.9, 0.6], [1, 0])
    message = replace(detections(), records=records_from(found), nm_per_px=(2.0, 3.0))
    corners, options, kind = example("napari_layer").particles_layer(message)
    assert kind == "shapes"
    for (x1, y1, x2, y2), shape in zip(found.xyxy, corners, strict=True):
        # Rows before columns; napari's pixel 0 begins at -0.5.
        np.testing.assert_allclose(shape.min(axis=0), [y1 - 0.5, x1 - 0.5])
        np.testing.assert_allclose(shape.max(axis=0), [y2 - 0.5, x2 - 0.5])
        turns = np.roll(shape, -1, axis=0) - shape
        assert ((turns == 0).sum(axis=1) == 1).all()  # along the sides, never across
    assert options["scale"] == (3.0, 2.0)
    assert options["features"]["class"].tolist() == ["quasi_sphere", "cube"]
    assert len(options["edge_color"]) == 2


def test_layer_of_napari_has_contours_where_they_are_known() -> None:
    message = detections(particles=2)
    xy = np.array([[[3, 4], [8, 7], [3, 9]], [[np.nan] * 2] * 3], np.float32)
    known, box = example("napari_layer").particles_layer(message, contours_of(message, xy))[0]
    np.testing.assert_array_equal(known, [[3.5, 2.5], [6.5, 7.5], [8.5, 2.5]])
    assert len(box) == 4


def test_layer_of_napari_comes_with_the_picture_of_its_frame(endpoint: str) -> None:
    napari_layer = example("napari_layer")
    with Subscriber(endpoint, kinds=["detections", "contours", "frames"]) as subscriber:
        watchdog = threading.Timer(WAIT_S, subscriber.close)
        watchdog.start()
        picture, message, contours = napari_layer.picture_and_particles(subscriber)
        watchdog.cancel()
    assert picture.shape == (64, 96) == (message.height, message.width)
    assert len(napari_layer.particles_layer(message, contours)[0]) == len(message.records) == len(contours.outlines)


@pytest.mark.skipif(find_spec("napari") is None, reason="napari is not installed (pip install 'napari[all]')")
def test_napari_takes_the_layer() -> None:
    from napari.layers import Layer

    message = detections(particles=2)
    xy = np.array([[[3, 4], [8, 7], [3, 9]], [[np.nan] * 2] * 3], np.float32)
    layer = Layer.create(*example("napari_layer").particles_layer(message, contours_of(message, xy)))
    assert layer.nshapes == 2


def test_every_example_is_told_of() -> None:
    page = (EXAMPLES / "README.md").read_text()
    files = {path.name for path in EXAMPLES.iterdir() if path.suffix in (".py", ".js")}
    assert {name for name in files if f"`{name}`" not in page} == set()
