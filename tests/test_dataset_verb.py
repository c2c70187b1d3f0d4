"""`nanotally dataset` as people call it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from labelled_sets import FORMATS, some, write_set

from nanotally.labels import read_dataset


def nanotally(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "nanotally", *map(str, words)], capture_output=True, text=True, check=False
    )


def test_synthetic_and_real_sets_of_any_format_become_one_set(tmp_path: Path) -> None:
    made = nanotally("generate", "--out", tmp_path / "made", "--count", "3", "--size", "64x64", "--max-particles", "4",
                     "--seed", "3", "--labels", ",".join(FORMATS))  # fmt: skip
    assert made.returncode == 0, made.stderr
    real = [write_set(tmp_path / form, some(form, 4), form) for form in FORMATS]
    named = [word for folder in real for word in ("--real", folder)]
    done = nanotally("dataset", "--synthetic", tmp_path / "made", *named, "--views", "2", "--tile", "64",
                     "--out", tmp_path / "set")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    for said in (
        "made: 3 pictures, labels read as coco (createml, voc, yolo beside it say the same)",
        "voc: 4 pictures, labels read as voc; each picture is a group of its own",
        "report.html",
    ):
        assert said in done.stdout
    manifest = json.loads((tmp_path / "set" / "manifest.json").read_text())
    assert [each["label_format"] for each in manifest["inputs"]] == ["yolo", "voc", "coco", "createml", "masks", "coco"]
    assert sum(len(files) for files in manifest["real"].values()) == 20
    assert manifest["counts"]["val"]["tiles"] == 8 * len(read_dataset(tmp_path / "set" / "real-val").samples)
    for name in ("data.yaml", "report.html", "contact-sheet.png"):
        assert (tmp_path / "set" / name).stat().st_size > 50


def test_all_that_is_wrong_is_said_at_once_and_nothing_is_written(tmp_path: Path) -> None:
    one, two = (write_set(tmp_path / name, some(name, 8), "yolo") for name in ("one", "two"))
    (one / "labels" / "one1.txt").write_text("0 0.99 0.5 0.1 0.1\n0 0.5 0.5 -0.1 0.1\n9 0.5 0.5 0.1 0.1\n")
    (two / "labels" / "two2.txt").unlink()
    (two / "labels" / "stray.txt").write_text("")
    words = ("dataset", "--real", one, "--real", two, "--tile", "64", "--views", "1", "--out", tmp_path / "set")
    done = nanotally(*words)
    assert done.returncode == 1
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 6
    assert lines[-1].startswith("nanotally: 5 faults in the input, nothing is written")
    assert all(line.startswith(str(tmp_path)) and ": " in line for line in lines[:-1])
    assert not (tmp_path / "set").exists()
    assert nanotally(*words, "--skip-bad").returncode == 0
    manifest = json.loads((tmp_path / "set" / "manifest.json").read_text())
    assert manifest["left_out"] == lines[:-1]
    assert sum(len(files) for files in manifest["real"].values()) == 14


def test_no_view_is_wrong_usage(tmp_path: Path) -> None:
    done = nanotally("dataset", "--real", tmp_path, "--views", "0", "--out", tmp_path / "set")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
