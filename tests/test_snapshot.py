import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kept import frame_of, speckle, told_of

from nanotally.daemon.picture import name_of, write_picture
from nanotally.daemon.snapshot import ENDINGS, reserve, write_snapshot
from nanotally.draw import overlay
from nanotally.micrograph import read_micrograph
from nanotally.opencv import cv2

BOXES = [[2, 3, 20, 22.5], [40, 10, 60.25, 31], [70, 40, 90, 60]]


def test_snapshot_is_the_frame_its_overlay_and_its_particles(tmp_path: Path) -> None:
    frame = frame_of(12)
    told = told_of(frame, BOXES, [0.5, 0.75, 1], [0, 1, 1])
    place = reserve(tmp_path / "new", told)
    write_snapshot(place, frame, told)
    assert place.name == "main-20250615T150652123456Z-000012"
    assert sorted(file.name for file in (tmp_path / "new").iterdir()) == sorted(place.name + e for e in ENDINGS)
    micrograph = read_micrograph(place.with_name(f"{place.name}.tif"))
    np.testing.assert_array_equal(micrograph.image, frame.image)
    assert micrograph.nm_per_px == pytest.approx((2.48, 2.5))
    drawn = cv2.imread(str(place.with_name(f"{place.name}.overlay.png")))
    np.testing.assert_array_equal(drawn, overlay(frame.image, told.detections, nm_per_px=2.48))
    with place.with_name(f"{place.name}.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["class_name"] for row in rows] == ["cube", "quasi_sphere", "quasi_sphere"]
    assert [[float(row[f"{edge}_px"]) for edge in ("x1", "y1", "x2", "y2")] for row in rows] == BOXES
    assert [float(row["score"]) for row in rows] == [0.5, 0.75, 1]
    facts = json.loads(place.with_name(f"{place.name}.json").read_text())
    assert (facts["frame"], facts["counts"], facts["nm_per_px"]) == (12, {"cube": 1, "quasi_sphere": 2}, [2.48, 2.5])


def test_nothing_is_written_over(tmp_path: Path) -> None:
    told = told_of(frame_of(1))
    places = [reserve(tmp_path, told) for _ in range(3)]
    assert [place.name for place in places] == [name_of(told), f"{name_of(told)}-1", f"{name_of(told)}-2"]


def test_frame_without_pixel_size_or_particles_is_a_snapshot_too(tmp_path: Path) -> None:
    frame = replace(frame_of(1), nm_per_px=None, pixel_size_from=None, state="blank")
    told = told_of(frame)
    place = reserve(tmp_path, told)
    write_snapshot(place, frame, told)
    assert read_micrograph(place.with_name(f"{place.name}.tif")).nm_per_px is None
    assert json.loads(place.with_name(f"{place.name}.json").read_text())["counts"] is None


@given(x=st.floats(0.01, 900), ratio=st.floats(0.8, 1.2))
def test_pixel_size_comes_back(tmp_path_factory: pytest.TempPathFactory, x: float, ratio: float) -> None:
    file = tmp_path_factory.mktemp("p") / "a.tif"
    write_picture(file, replace(frame_of(0, speckle(0, (16, 24))), nm_per_px=(x, x * ratio)))
    assert read_micrograph(file).nm_per_px == pytest.approx((x, x * ratio), rel=1e-6)
