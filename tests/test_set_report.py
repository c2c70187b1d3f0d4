from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np

from nanotally.detections import Detections
from nanotally.opencv import cv2
from nanotally.trainer.census import Census, Sight
from nanotally.trainer.contact_sheet import contact_sheet
from nanotally.trainer.set_report import write_set_report


def census() -> Census:
    made = Census(seed=0)
    found = Detections(np.array([[10, 10, 60, 60]], np.float32))
    made.add("train, real", Sight(np.full((140, 140), 90, np.uint8), found, np.zeros(1, bool)))
    made.add("val", Sight(np.full((140, 140), 90, np.uint8), Detections.empty(), np.zeros(0, bool)))
    return made


def test_the_report_is_one_file_that_asks_for_nothing_else(tmp_path: Path) -> None:
    write_set_report(tmp_path, census().tallies, notes=["a & b"], left_out=["<x>.png: no labels"])
    page = (tmp_path / "report.html").read_text()
    assert "<script" not in page
    assert "default-src 'none'" in page
    (address,) = re.findall(r'(?:src|href)="([^"]{0,30})', page)
    assert address.startswith("data:image/jpeg;base64,")
    for said in ("a &amp; b", "&lt;x&gt;.png: no labels", "Left out: 1", "Contact sheet", "Counts, density and sizes"):
        assert said in page
    drawn = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert len(drawn) == 2
    assert all(ET.fromstring(each).tag == "svg" for each in drawn)


def test_the_contact_sheet_lies_beside_it_as_png(tmp_path: Path) -> None:
    made = census()
    write_set_report(tmp_path, made.tallies, notes=[], left_out=[])
    assert "Left out" not in (tmp_path / "report.html").read_text()
    png = cv2.imread(str(tmp_path / "contact-sheet.png"), cv2.IMREAD_COLOR)
    assert png is not None
    np.testing.assert_array_equal(png, contact_sheet(made.tallies))


def test_a_set_without_any_particle_has_a_report(tmp_path: Path) -> None:
    empty = Census(seed=0)
    empty.add("val", Sight(np.full((40, 40), 90, np.uint8), Detections.empty(), np.zeros(0, bool)))
    write_set_report(tmp_path, empty.tallies, notes=[], left_out=[])
    assert (tmp_path / "report.html").read_text().count("<svg") == 1
