from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from judged import image, square
from oracle import oracle_bundle

from nanotally.errors import DatasetError
from nanotally.measure.judged import Judged
from nanotally.opencv import cv2
from nanotally.trainer.evaluation.checkpoints import Trial
from nanotally.trainer.evaluation.gallery import FALSE, FOUND, MISSED, WRONG_CLASS, worst
from nanotally.trainer.evaluation.report import write_report
from nanotally.trainer.evaluation.score import evaluate


@pytest.fixture
def judged(tmp_path: Path) -> list[Judged]:
    """Three images: one with every kind of mistake, one with a false detection, one without fault."""
    cv2.imwrite(str(tmp_path / "grey.png"), np.full((100, 100), 60, np.uint8))
    every = [
        image(
            [square(5, 5), square(30, 5), square(55, 5)],
            [(square(5, 5), 0.9, 0), (square(30, 5), 0.8, 1), (square(5, 60), 0.7, 0)],
            name="<all>.png",
        ),
        image([square(5)], [(square(5), 0.9), (square(50), 0.9)], name="one.png"),
        image([square(5)], [(square(5), 0.9)], name="none.png"),
    ]
    return [replace(one, path=tmp_path / "grey.png") for one in every]


def trial(judged: list[Judged]) -> Trial:
    return Trial(oracle_bundle(), judged, evaluate(judged, oracle_bundle()))


def near(picture: np.ndarray, colour: tuple[int, int, int]) -> int:
    return int((np.abs(picture.astype(int) - colour).max(axis=2) < 40).sum())


def test_the_worst_comes_first_and_what_is_without_fault_is_not_shown(judged: list[Judged]) -> None:
    shown = worst(judged)
    assert [exhibit.name for exhibit in shown] == ["<all>.png", "one.png"]
    assert (shown[0].counts.found, shown[0].counts.missed, shown[0].counts.false) == (1, 2, 2)
    assert [exhibit.name for exhibit in worst(judged, 1)] == ["<all>.png"]


def test_every_kind_of_box_has_its_colour(judged: list[Judged]) -> None:
    picture = cv2.imdecode(np.frombuffer(worst(judged)[0].jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert picture.shape == (480, 480, 3)
    for colour in (FOUND, MISSED, FALSE, WRONG_CLASS):
        assert near(np.asarray(picture), colour) > 100


def test_the_report_is_one_file_that_asks_for_nothing_else(judged: list[Judged], tmp_path: Path) -> None:
    page = write_report(tmp_path / "new" / "report", [trial(judged)], dataset="a & b").read_text()
    assert "<script" not in page
    assert "default-src 'none'" in page
    addresses = re.findall(r'(?:src|href)="([^"]{0,30})', page)
    assert len(addresses) == 2
    assert all(address.startswith("data:image/jpeg;base64,") for address in addresses)
    assert "url(" not in page
    assert "a &amp; b" in page
    assert "&lt;all&gt;.png" in page
    for heading in ("Precision and recall", "Confusion", "Breakdown", "The worst pictures"):
        assert heading in page
    assert "Checkpoints" not in page


def test_several_bundles_have_curves(judged: list[Judged], tmp_path: Path) -> None:
    page = write_report(tmp_path, [trial(judged), trial(judged[1:])], dataset="set").read_text()
    assert "Checkpoints" in page
    assert page.count("<svg") == 5


def test_a_folder_that_cannot_be_made_is_named(judged: list[Judged], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DatasetError, match=r"file/index\.html: cannot be written"):
        write_report(tmp_path / "file", [trial(judged)], dataset="set")
