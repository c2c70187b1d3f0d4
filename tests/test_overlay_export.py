"""Downloads as their readers read them."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from roifile import roiread
from told import WALL, detections

from nanotally.detections import FLAG_MASKED, Detections
from nanotally.labels import read_coco
from nanotally.overlay.export import COLUMNS, FORMATS, image_name, rows
from nanotally.overlay.selection import Selection
from nanotally.wire import DetectionsMessage, Session, columns_with, records_from

SESSION = Session("ab", "Au-12", "anna", "", WALL)


def frames() -> list[DetectionsMessage]:
    """Two frames with three particles, of which one is masked; between them one without any."""
    measured = {"ecd_nm": np.array([9.5, np.nan, 7], np.float32), "agglomerate": np.array([0, 1, -1], np.int32)}
    boxes = np.array([[1, 2, 9, 12], [20, 30, 31.5, 40], [40, 1, 50, 9]], np.float32)
    found = Detections(boxes, class_id=np.array([0, 1, 1]), flags=np.array([1, 0, FLAG_MASKED]))
    told = [detections(seq, offset=10 + seq, particles=0) for seq in range(1, 4)]
    told = [replace(each, session=SESSION, file="", wall=WALL + timedelta(seconds=each.frame)) for each in told]
    whole = {"records": records_from(found, measured=measured), "columns": columns_with(measured)}
    return [replace(told[0], **whole), told[1], replace(told[2], **whole)]


def written(folder: Path, kind: str, told: Iterator[DetectionsMessage] | None = None) -> Path:
    path = folder / f"x.{FORMATS[kind].suffix}"
    FORMATS[kind].write(path, iter(frames()) if told is None else told)
    return path


def test_csv_has_a_row_a_particle(tmp_path: Path) -> None:
    with written(tmp_path, "csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [row["frame"] for row in table] == ["0"] * 3 + ["2"] * 3
    first = table[0]
    assert tuple(first) == COLUMNS
    assert first["image"] == "main-20260314T150926535897Z-000000.tif"
    assert first["wall"] == "2026-03-14T15:09:26.535897Z"
    assert (first["class"], first["ecd_nm"], first["ecd_px"], first["agglomerate"]) == ("cube", "9.5", "", "0")
    assert (first["session"], first["sample"], first["operator"]) == ("ab", "Au-12", "anna")
    assert (first["x1_px"], first["nm_per_px_y"], first["at_border"], first["masked"]) == ("1.0", "2.5", "1", "0")
    assert (table[1]["ecd_nm"], table[2]["masked"]) == ("", "1")


def test_parquet_has_the_same_rows(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    table = parquet.read_table(written(tmp_path, "parquet")).to_pylist()
    assert [{name: value for name, value in row.items() if value is not None} for row in table] == [
        row for message in frames() for row in rows(message)
    ]
    assert table[0]["wall"] == WALL


def test_regions_are_those_of_the_particles_that_count(tmp_path: Path) -> None:
    rois = roiread(written(tmp_path, "imagej"))
    assert [roi.position for roi in rois] == [1, 1, 3, 3]
    assert len({roi.name for roi in rois}) == 4
    assert rois[0].name.startswith("main-20260314T150926535897Z-000000.tif-0001-cube")
    assert (rois[1].xd, rois[1].yd, rois[1].widthd, rois[1].heightd) == (20.0, 30.0, 11.5, 10.0)


def test_coco_is_read_back(tmp_path: Path) -> None:
    images = read_coco(written(tmp_path, "coco"))
    assert [image.image for image in images] == [image_name(message) for message in frames()]
    assert [len(image.detections) for image in images] == [2, 0, 2]
    assert images[0].truncated.tolist() == [True, False]


def test_selection_is_of_live_frames_of_a_session_or_a_group() -> None:
    told = frames()[0]
    assert Selection(session="ab").holds(told)
    assert not Selection(session="ac").holds(told)
    assert not Selection(session="ab").holds(replace(told, session=None))
    assert not Selection(session="ab").holds(replace(told, state="frozen"))
    assert Selection(run_id="run1", group=1).holds(told)
    assert not Selection(run_id="run1", group=2).holds(told)
    assert not Selection(run_id="run2", group=1).holds(told)


@given(st.text())
def test_file_name_of_a_download_is_harmless(name: str) -> None:
    pytest.importorskip("starlette", reason="the overlay extra is not installed")
    from nanotally.overlay.downloads import _attached

    (header,) = _attached(name).values()
    kept = header.removeprefix('attachment; filename="').removesuffix('"')
    assert header.isascii()
    assert not set(kept) & set('"\\/\r\n; ')
