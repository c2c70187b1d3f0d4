"""What is written of an analysis, from results made by hand."""

import csv
import json
import math
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from analysed import DISCS, boxes, draw_discs, result_of, run_of
from roifile import roiread

from nanotally.bundle import sha256
from nanotally.errors import UsageError
from nanotally.labels import read_classes, read_coco, read_voc, read_yolo
from nanotally.results import COLUMNS, FORMATS, Output, Result, check_formats


@pytest.fixture
def result(tmp_path: Path) -> Result:
    return result_of(draw_discs(tmp_path / "discs.png"))


def write(out: Path, result: Result, *formats: str, name: str = "discs.png") -> Path:
    with Output(out, run_of(1), formats) as output:
        output.add(replace(result, name=name))
    return out


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_parquet_is_the_csv_with_types(result: Result, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed (the log extra)")
    write(tmp_path / "out", result, "csv", "parquet")
    rows = parquet.read_table(tmp_path / "out" / "particles.parquet").to_pylist()
    cells = table(tmp_path / "out" / "particles.csv")
    assert list(rows[0]) == list(cells[0]) == list(COLUMNS)
    for row, cell in zip(rows, cells, strict=True):
        assert {name: "" if value is None else str(value) for name, value in row.items()} == cell
    assert rows[-1]["ecd_nm"] is None
    assert [row["particle"] for row in rows] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(("nm_per_px", "unit"), [(2.5, "nm"), (None, "pixel")])
def test_results_table_has_the_columns_and_units_that_imagej_has(
    result: Result, tmp_path: Path, nm_per_px: float | None, unit: str
) -> None:
    told = result_of(result.path, nm_per_px=nm_per_px)
    folder = write(tmp_path / "out", told, "imagej") / "imagej"
    assert b"\r" not in (folder / "Results.csv").read_bytes()
    rows = table(folder / "Results.csv")
    assert list(rows[0])[:12] == [
        " ", "Label", "Area", "X", "Y", "BX", "BY", "Width", "Height", "Angle", "Feret", "MinFeret",
    ]  # fmt: skip
    rois = roiread(folder / "discs.zip")
    assert [row["Label"] for row in rows] == [f"discs.png:{roi.name}" for roi in rois]
    scale = nm_per_px or 1.0
    for row, (x, y, radius) in zip(rows, DISCS, strict=False):
        assert float(row["X"]) == pytest.approx(x * scale, abs=0.3 * scale)
        assert float(row["Y"]) == pytest.approx(y * scale, abs=0.3 * scale)
        assert float(row["Area"]) == pytest.approx(math.pi * (radius * scale) ** 2, rel=0.03)
        assert float(row["Feret"]) == pytest.approx(2 * radius * scale, rel=0.05)
        assert float(row["BX"]) == pytest.approx((x - radius) * scale, abs=0.01 * scale)
    assert {row["Unit"] for row in rows} == {unit}
    assert [rows[5][name] for name in ("Area", "Feret", "Class")] == ["NaN", "NaN", "cube"]
    assert float(rows[5]["X"]) == pytest.approx(310 * scale)


def test_labels_are_called_as_their_image_below_its_folder(result: Result, tmp_path: Path) -> None:
    out = write(tmp_path / "out", result, "coco", "voc", "yolo", "imagej", "overlay", name="one/two/discs.png")
    (labels,) = read_coco(out / "coco.json")
    assert labels.image == "one/two/discs.png"
    assert labels.truncated.tolist() == [False] * 5 + [True]
    voc = read_voc(out / "voc" / "one" / "two" / "discs.xml")
    classes = read_classes(out / "yolo" / "classes.txt")
    yolo = read_yolo(out / "yolo/one/two/discs.txt", image="", width=320, height=240, classes=classes)
    for read, atol in ((labels, 1e-3), (voc, 0.51), (yolo, 1e-3)):
        np.testing.assert_allclose(read.detections.xyxy, boxes(), atol=atol)
    assert len(roiread(out / "imagej/one/two/discs.zip")) == 6
    assert (out / "overlay/one/two/discs.png").is_file()


def test_manifest_has_what_it_takes_to_do_it_again(result: Result, tmp_path: Path) -> None:
    told = json.loads((write(tmp_path / "out", result, "csv") / "manifest.json").read_text())
    assert told["command"] == ["nanotally", "detect", "a <b>.png"]
    assert told["model"]["sha256"] == "ab" * 32
    assert {"nanotally", "numpy", "openvino", "opencv-python", "python"} <= told["versions"].keys()
    (image,) = told["images"]
    assert image["sha256"] == sha256(result.path)
    assert (image["nm_per_px"], image["pixel_size_from"], image["particles"]) == ([2.5, 2.5], "config", 6)
    assert told["complete"]
    assert told["started"] == "2026-03-14T15:09:26Z"


def test_the_files_beside_an_image_are_in_the_manifest_too(tmp_path: Path) -> None:
    path = draw_discs(tmp_path / "discs.png")
    path.with_suffix(".txt").write_text("$CM_MAG 1000\n")
    out = write(tmp_path / "out", result_of(path), "csv")
    (image,) = json.loads((out / "manifest.json").read_text())["images"]
    assert image["sidecars"] == {"discs.txt": sha256(path.with_suffix(".txt"))}


def test_what_breaks_off_is_whole_and_says_that_it_is_not_complete(result: Result, tmp_path: Path) -> None:
    def break_off() -> None:
        with Output(tmp_path / "out", run_of(3), ["csv", "json", "coco", "html"]) as output:
            output.add(result)
            output.faults.append("b.png: cannot be read")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        break_off()
    told = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert not told["complete"]
    assert told["not_read"] == ["b.png: cannot be read"]
    assert len(json.loads((tmp_path / "out" / "particles.json").read_text())["images"]) == 1
    assert len(read_coco(tmp_path / "out" / "coco.json")) == 1
    assert "b.png: cannot be read" in (tmp_path / "out" / "report.html").read_text()


def test_an_older_manifest_does_not_vouch_for_results_that_are_being_written(result: Result, tmp_path: Path) -> None:
    write(tmp_path / "out", result, "csv")
    with Output(tmp_path / "out", run_of(1), ["csv"]):
        assert not (tmp_path / "out" / "manifest.json").exists()
    assert (tmp_path / "out" / "manifest.json").exists()


def test_memory_does_not_grow_with_the_number_of_images(
    result: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed (the log extra)")
    monkeypatch.setattr("nanotally.results.tables.GROUP_ROWS", 30)
    monkeypatch.setattr("nanotally.results.report.MOST_PICTURES", 3)

    def held_after(images: int) -> int:
        with Output(tmp_path / str(images), run_of(images), list(FORMATS)) as output:
            for number in range(images):
                output.add(replace(result, name=f"{number:04d}.png"))
            return tracemalloc.get_traced_memory()[0]

    held_after(5)  # what is loaded at the first time is no growth
    tracemalloc.start()
    try:
        few, many = held_after(10), held_after(50)
    finally:
        tracemalloc.stop()
    # Of an image only its sizes stay, four bytes a particle, in two of the writers.
    assert many - few < result.micrograph.image.nbytes


def test_parquet_without_its_library_is_told_before_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nanotally.results.output.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"pip install 'nanotally\[log\]'"):
        check_formats(["parquet"])


def test_formats_that_cannot_be_had_are_told_before_the_work() -> None:
    check_formats([name for name in FORMATS if name != "parquet"])
    with pytest.raises(UsageError, match="xlsx, mat: not known; there are csv"):
        check_formats(["csv", "xlsx", "mat"])
