"""`nanotally evaluate`: a picture that cannot be read costs itself and no other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from labelled_sets import some, write_set

from nanotally.cli.evaluate import evaluate
from nanotally.errors import MicrographError
from nanotally.micrograph import Micrograph, read_micrograph
from nanotally.trainer.evaluation import questions


@pytest.mark.parametrize("form", ["coco", "yolo"])
def test_a_broken_picture_is_named_and_the_rest_is_judged(
    form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_set(tmp_path, some("a", 3), form)
    broken = folder / "images" / "a1.png"
    broken.write_bytes(broken.read_bytes()[:1500])
    with pytest.raises(MicrographError, match=r"a1\.png") as told:
        evaluate(["default"], folder, as_json=True)
    assert len(told.value.faults) == 1
    assert json.loads(capsys.readouterr().out)["images"] == 2


def test_a_picture_that_breaks_while_it_is_judged_is_named_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_set(tmp_path, some("a", 3), "coco")

    def read(path: Path) -> Micrograph:
        if path.name == "a1.png":
            raise MicrographError(f"{path}: gone")
        return read_micrograph(path)

    monkeypatch.setattr(questions, "read_micrograph", read)
    with pytest.raises(MicrographError, match=r"a1\.png: gone"):
        evaluate(["default"], folder, as_json=True)
    assert json.loads(capsys.readouterr().out)["images"] == 2


def test_a_set_of_broken_pictures_has_no_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_set(tmp_path, some("a", 1), "coco")
    (folder / "images" / "a0.png").write_bytes((folder / "images" / "a0.png").read_bytes()[:1500])
    with pytest.raises(MicrographError, match=r"a0\.png"):
        evaluate(["default"], folder, as_json=True, report=tmp_path / "report")
    assert capsys.readouterr().out == ""
    assert not (tmp_path / "report").exists()
