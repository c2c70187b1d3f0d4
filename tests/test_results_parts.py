"""Parquet parts of an archive: in a folder or at a URL, of one analysis only."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from analysed import draw_discs, result_of, run_of

pytest.importorskip("pyarrow", reason="pyarrow is not installed (the cluster extra)")
pytest.importorskip("fsspec", reason="fsspec is not installed (the cluster extra)")

import fsspec
from pyarrow import parquet

import nanotally.results.parts
from nanotally.detections import CLASSES
from nanotally.errors import NanotallyError, UsageError
from nanotally.results import Input, Output
from nanotally.results.parts import Parts, check_parts
from nanotally.results.row import Row, row_of
from nanotally.spread import Failure

IMAGES = 5


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> list[Input]:
    folder = tmp_path_factory.mktemp("images")
    return [Input(draw_discs(folder / f"{number}.png"), f"{number}.png") for number in range(IMAGES)]


def answers(inputs: Sequence[Input]) -> list[Row | Failure]:
    """As a cluster gives them; the third image is broken."""
    return [
        Failure(each, "broken") if each.name == "2.png" else row_of(result_of(each.path), each.path, CLASSES)
        for each in inputs
    ]


def parts_at(url: str, inputs: Sequence[Input]) -> Parts:
    return Parts(url, run_of(len(inputs)), inputs, images_a_part=2)


def write(parts: Parts, numbers: Sequence[int]) -> None:
    for number in numbers:
        parts.write(number, answers(parts.inputs_of(number)))


def read(url: str) -> dict[str, Any]:
    """All files at the URL: tables as rows, the manifest without its time."""
    files, root = fsspec.core.url_to_fs(url)
    found = {}
    for path in files.find(root):
        content = files.cat_file(path)
        name = path.removeprefix(root).lstrip("/")
        found[name] = parquet.read_table(io.BytesIO(content)) if name.endswith(".parquet") else json.loads(content)
    found["manifest.json"].pop("written")
    return found


@pytest.mark.parametrize("place", ["{tmp}/out", "file://{tmp}/out", "memory://{tmp}/out"])
def test_parts_are_the_same_wherever_they_are_and_go_on_where_they_were(
    place: str, inputs: list[Input], tmp_path: Path
) -> None:
    url = place.format(tmp=tmp_path)
    first = parts_at(url, inputs)
    assert first.left() == [0, 1, 2]
    write(first, [0])
    assert read(url)["manifest.json"]["complete"] is False
    again = parts_at(url, inputs)
    assert again.left() == [1, 2]
    assert (again.images, again.particles) == (2, 12)
    write(again, again.left())
    again.close()
    there = read(url)
    assert there["manifest.json"]["complete"] is True
    assert [len(there[f"images/part.{number:05d}.parquet"]) for number in range(3)] == [2, 2, 1]
    assert (again.images, again.particles, len(again.faults)) == (4, 24, 1)
    assert again.faults[0].endswith("2.png: broken")
    third = parts_at(url, inputs)
    assert third.left() == []
    assert third.faults == again.faults


def test_the_rows_are_those_of_the_single_table(inputs: list[Input], tmp_path: Path) -> None:
    parts = parts_at(str(tmp_path / "parts"), inputs)
    write(parts, parts.left())
    with Output(tmp_path / "files", run_of(IMAGES), ["parquet"]) as output:
        for each in inputs:
            if each.name != "2.png":
                output.add(result_of(each.path))
    whole = parquet.read_table(tmp_path / "files" / "particles.parquet")
    assert parquet.read_table(tmp_path / "parts" / "particles").to_pylist() == whole.to_pylist()
    images = parquet.read_table(tmp_path / "parts" / "images").to_pylist()
    assert [row["image"] for row in images] == [each.name for each in inputs]
    assert [row["count_quasi_sphere"] for row in images] == [5, 5, None, 5, 5]
    assert [row["fault"] is None for row in images] == [True, True, False, True, True]


def test_parts_of_another_analysis_are_left_alone(inputs: list[Input], tmp_path: Path) -> None:
    write(parts_at(str(tmp_path), inputs), [0])
    before = read(str(tmp_path))
    for run, images, size, said in (
        (replace(run_of(IMAGES), thresholds={"cube": 0.6, "quasi_sphere": 0.4}), inputs, 2, "thresholds differ"),
        (run_of(IMAGES), inputs[1:], 2, "images_sha256 differ"),
        (run_of(IMAGES), inputs, 3, "images_a_part differ"),
    ):
        with pytest.raises(NanotallyError, match=said):
            Parts(str(tmp_path), run, images, images_a_part=size)
    # Where it ran and by which words makes no difference.
    assert Parts(str(tmp_path), replace(run_of(IMAGES), command=["again"]), inputs, images_a_part=2).left() == [1, 2]
    assert read(str(tmp_path)) == before


def test_what_cannot_be_written_to_is_one_line(inputs: list[Input], tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(NanotallyError, match="holds no parts"):
        parts_at(str(tmp_path), inputs)
    with pytest.raises(UsageError, match="nowhere"):
        parts_at("nowhere://bucket/x", inputs)
    with pytest.raises(UsageError, match="images-a-part 0"):
        Parts(str(tmp_path / "out"), run_of(IMAGES), inputs, images_a_part=0)


def test_without_pyarrow_one_line_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nanotally.results.parts, "find_spec", lambda _name: None)
    with pytest.raises(UsageError, match=r"pip install 'nanotally\[cluster\]'"):
        check_parts()
