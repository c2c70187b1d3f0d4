"""The verb `nanotally simulate`."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from nanotally.cli.simulate import simulate as simulate_verb
from nanotally.errors import DatasetError, NanotallyError, SourceError, UsageError

URI = "sim:?width=96&height=64&particles=10&frames=9&blank_every=4&blank_frames=1"


def simulate(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """The verb in a process of its own."""
    child = [sys.executable, "-m", "nanotally", "simulate", *words]
    return subprocess.run(child, cwd=folder, capture_output=True, text=True, timeout=120, check=False)


def test_a_video_with_its_truth_for_people_and_for_programs(tmp_path: Path) -> None:
    told = simulate(URI, "--out", "stage.mkv", folder=tmp_path)
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout.startswith("stage.mkv: 9 frames, 7 live, 2 blank, ")
    assert told.stdout.endswith(" particles; truth in stage.jsonl\n")
    done = simulate(URI, "--out", "again.mkv", "--json", folder=tmp_path)
    totals = json.loads(done.stdout)
    assert {**totals, "particles": 0} == {
        "out": "again.mkv", "truth": "again.jsonl", "live": 7, "frozen": 0, "blank": 2, "particles": 0
    }  # fmt: skip
    assert f", {totals['particles']} particles;" in told.stdout
    assert (tmp_path / "again.mkv").read_bytes() == (tmp_path / "stage.mkv").read_bytes()
    assert len((tmp_path / "stage.jsonl").read_text().splitlines()) == 9


@pytest.mark.parametrize(
    ("uri", "out", "kind", "said"),
    [
        ("sim:", "new.mkv", UsageError, "sim:: has no end; say how many frames"),
        ("dir:pictures", "new.mkv", UsageError, "dir:pictures: expected a simulation"),
        (URI, "new.avi", UsageError, "new.avi: a video is written as .mkv or .mp4"),
        (URI, "old.mkv", UsageError, "old.mkv: exists already; choose another name"),
        (URI, "nowhere/new.mkv", DatasetError, "nowhere/new.mkv: cannot be written: No such file or directory"),
        (URI + "&zoom=0", "new.mkv", SourceError, "zoom='0': expected a number between 1 and 8"),
    ],
)
def test_bad_input_is_told(tmp_path: Path, uri: str, out: str, kind: type[NanotallyError], said: str) -> None:
    (tmp_path / "old.mkv").write_text("mine")
    with pytest.raises(kind, match=re.escape(said)):
        simulate_verb(uri, out=tmp_path / out)
    assert [path.name for path in tmp_path.iterdir()] == ["old.mkv"]
    assert (tmp_path / "old.mkv").read_text() == "mine"


@pytest.mark.parametrize(("words", "code"), [(("sim:",), 2), (("sim:?frames=x",), 1)])
def test_a_fault_is_one_line_and_an_exit_code(tmp_path: Path, words: tuple[str, ...], code: int) -> None:
    done = simulate(*words, "--out", "new.mkv", folder=tmp_path)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith("nanotally: sim:")
    assert done.stderr.count("\n") == 1
