from __future__ import annotations

import csv
import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from roifile import ROI_TYPE, roiread

from nanotally.bundle import sha256
from nanotally.cli import detect as verb
from nanotally.cli import main
from nanotally.detections import CLASSES
from nanotally.errors import MicrographError
from nanotally.labels import read_coco, read_voc, read_yolo
from nanotally.micrograph import list_micrographs, read_micrograph
from nanotally.opencv import cv2
from nanotally.results import FORMATS

HERE = [name for name in FORMATS if name != "parquet" or find_spec("pyarrow")]


def nanotally(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "nanotally", *words], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def micrographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "set"
    done = nanotally("generate", "--out", folder, "--count", "2", "--size", "640x480", "--seed", "4", "--mode", "paper")
    assert done.returncode == 0, done.stderr
    return folder / "images"


def test_help_names_every_format() -> None:
    assert tuple(FORMATS) == verb.FORMATS


def test_all_formats_hold_the_same_particles(micrographs: Path, tmp_path: Path) -> None:
    done = nanotally("detect", micrographs, "--out", tmp_path, "--to", ",".join(HERE), "--overlay")
    assert done.returncode == 0, done.stderr
    assert (
        done.stdout
        == f"{tmp_path}: 2 images, {len((tmp_path / 'particles.csv').read_text().splitlines()) - 1} particles\n"
    )
    told = json.loads((tmp_path / "particles.json").read_text())["images"]
    rows = list(csv.DictReader((tmp_path / "particles.csv").read_text().splitlines()))
    coco = {labels.image: labels for labels in read_coco(tmp_path / "coco.json")}
    assert [image["image"] for image in told] == ["000000.png", "000001.png"]
    for image in told:
        n, stem = sum(image["counts"].values()), Path(image["image"]).stem
        assert n > 20
        boxes = np.array([p["xyxy"] for p in image["particles"]])
        mine = [row for row in rows if row["image"] == image["image"]]
        np.testing.assert_allclose(
            [[float(row[k]) for k in ("x1_px", "y1_px", "x2_px", "y2_px")] for row in mine], boxes
        )
        np.testing.assert_allclose(coco[image["image"]].detections.xyxy, boxes, atol=0.02)
        voc = read_voc(tmp_path / "voc" / f"{stem}.xml").detections
        at_the_border = (voc.xyxy == 0) & (boxes < 1.51)  # VOC's 1 is the border, see nanotally/labels/voc.py
        np.testing.assert_allclose(voc.xyxy, np.where(at_the_border, 0, boxes), atol=0.51)
        yolo = read_yolo(tmp_path / "yolo" / f"{stem}.txt", image="", width=640, height=480, classes=CLASSES).detections
        np.testing.assert_allclose(yolo.xyxy, boxes, atol=0.02)
        rois = roiread(tmp_path / "imagej" / f"{stem}.zip")
        assert [roi.name for roi in rois] == [f"{p['particle']:04d}-{p['class']}" for p in image["particles"]]
        for roi, particle in zip(rois, image["particles"], strict=True):
            measured = particle["area_px2"] is not None
            assert measured == (roi.roitype == ROI_TYPE.POLYGON)
            outline = roi.coordinates().astype(np.float32)  # as read it is big-endian, which OpenCV does not see
            if measured:
                assert cv2.contourArea(outline) == pytest.approx(particle["area_px2"], rel=1e-3)
            else:
                box = [roi.xd, roi.yd, roi.xd + roi.widthd, roi.yd + roi.heightd]
                np.testing.assert_allclose(box, particle["xyxy"], atol=0.01)
        drawn = cv2.imread(str(tmp_path / "overlay" / f"{stem}.png"))
        assert drawn is not None
        assert drawn.shape == (480, 640, 3)
    # No pixel size, no nanometres; sizes in pixels then.
    assert all(row["ecd_nm"] == row["edge_nm"] == "" for row in rows)
    assert sum(row["ecd_px"] != "" for row in rows) > len(rows) / 4
    assert all(image["density_per_um2"] is None and 0 < image["covered_share"] < 1 for image in told)
    assert json.loads((tmp_path / "particles.json").read_text())["sizes"] == {}


def test_what_the_manifest_says_gives_the_same_table_again(
    micrographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(words: list[str], folder: str) -> None:
        monkeypatch.chdir(folder)
        monkeypatch.setattr(sys, "argv", words)
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 0
        assert capsys.readouterr().err == ""

    words = ["nanotally", "detect", "a", "b", "--out", "out", "--to", "csv", "--score", "0.6", "--nm-per-px", "2.5"]
    for folder, name in (("a", "000000.png"), ("b", "000001.png")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_bytes((micrographs / name).read_bytes())
    run(words, str(tmp_path))
    told = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert told["complete"]
    for image in told["images"]:
        assert image["sha256"] == sha256(Path(told["folder"], image["path"]))
        assert (image["nm_per_px"], image["pixel_size_from"]) == ([2.5, 2.5], "command line")
    assert told["model"]["sha256"] == sha256(Path(told["model"]["path"]) / "model.onnx")
    assert told["thresholds"] == {"cube": 0.6, "quasi_sphere": 0.6}
    (tmp_path / "out").rename(tmp_path / "before")
    run(told["command"], told["folder"])
    table, before = ((tmp_path / each / "particles.csv").read_bytes() for each in ("out", "before"))
    assert table == before
    assert len(table.splitlines()) > 20
    again = json.loads((tmp_path / "out" / "manifest.json").read_text())
    differing = {key for key in told if told[key] != again[key]}
    assert differing <= {"started", "ended"}


def test_a_corrupt_file_is_named_the_rest_is_done_and_the_exit_code_is_1(micrographs: Path, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "good.png").write_bytes((micrographs / "000000.png").read_bytes())
    (folder / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n rest of it is gone")
    done = nanotally("detect", folder, "--out", tmp_path / "out")
    assert done.returncode == 1
    assert "bad.png" in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert len(json.loads((tmp_path / "out" / "particles.json").read_text())["images"]) == 1


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("detect", "{tmp}/empty", "--out", "{tmp}/o"), 1, "empty"),
        (("detect", "{tmp}/nowhere.png", "--out", "{tmp}/o"), 1, "nowhere.png"),
        (("detect", "{made}", "--out", "{tmp}/o", "--model", "{tmp}"), 1, "no manifest.json"),
        (("detect", "{made}", "--out", "{tmp}/o", "--to", "xlsx"), 2, "xlsx"),
        (("detect", "{made}", "--out", "{made}/000000.png"), 1, "000000.png: cannot be written"),
        (("detect", "{made}", "{tmp}/twice", "--out", "{tmp}/o", "--to", "voc"), 2, "twice.bmp and"),
        (("detect", "{made}", "--out", "{tmp}/o", "--engine", "abacus"), 1, "abacus"),
        (("detect", "{made}", "--out", "{tmp}/o", "--score", "7"), 1, "score"),
    ],
)
def test_bad_input_is_one_clear_line(
    words: tuple[str, ...], code: int, said: str, micrographs: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "twice").mkdir()
    for ending in ("bmp", "png"):
        (tmp_path / "twice" / f"twice.{ending}").write_bytes(b"")
    done = nanotally(*(word.format(tmp=tmp_path, made=micrographs) for word in words))
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_two_thousand_particles_in_a_frame_are_not_capped_by_anything(tmp_path: Path) -> None:
    made = tmp_path / "made"
    done = nanotally("generate", "--out", made, "--count", "1", "--size", "2400x1800", "--seed", "2", "--mode", "paper",
                     "--max-particles", "2100", "--json")  # fmt: skip
    totals = json.loads(done.stdout)
    there = totals["cube"] + totals["quasi_sphere"]
    assert there == 2100 or "no space left" in (made / "facts" / "000000.json").read_text()
    done = nanotally("detect", made / "images", "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    (image,) = json.loads((tmp_path / "out" / "particles.json").read_text())["images"]
    assert sum(image["counts"].values()) >= 0.9 * there
    assert not image["truncated"]


@pytest.mark.real
def test_calibrated_micrographs_give_nanometres_and_no_particle_in_the_databar(
    shared_data: Path, tmp_path: Path
) -> None:
    done = nanotally("detect", shared_data / "vendor" / "thermofisher", "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    for image in json.loads((tmp_path / "particles.json").read_text())["images"]:
        assert image["nm_per_px"] is not None
        assert image["field"][3] < image["height"]
        assert all(p["xyxy"][3] <= image["field"][3] for p in image["particles"])
    rows = list(csv.DictReader((tmp_path / "particles.csv").read_text().splitlines()))
    sized = [row for row in rows if row["ecd_nm"]]
    assert sized
    assert all(row["ecd_px"] == "" for row in rows)
    for row in sized:
        width, height = (float(row[f"{axis}2_px"]) - float(row[f"{axis}1_px"]) for axis in "xy")
        box_nm = (width * float(row["nm_per_px_x"]), height * float(row["nm_per_px_y"]))
        assert 0.5 * min(box_nm) < float(row["ecd_nm"]) < 1.2 * max(box_nm)


@pytest.mark.real
def test_what_is_doubtful_in_a_file_is_said_on_stderr_and_the_work_is_done(shared_data: Path, tmp_path: Path) -> None:
    folders = (folder for folder in (shared_data / "vendor").iterdir() if folder.is_dir())
    warned = [file for folder in folders for file in list_micrographs(folder) if _warnings(file)]
    if not warned:
        pytest.skip("no vendor file has a warning")
    done = nanotally("detect", warned[0], "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    said = _warnings(warned[0])
    assert done.stderr.splitlines() == [f"nanotally: {warned[0].name}: {warning}" for warning in said]
    assert json.loads((tmp_path / "particles.json").read_text())["images"][0]["warnings"] == said


def _warnings(file: Path) -> list[str]:
    try:
        return list(read_micrograph(file).warnings)
    except MicrographError:
        return []
