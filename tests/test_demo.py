from __future__ import annotations

import csv
import re
import subprocess
import sys
from pathlib import Path

from nanotally.opencv import cv2


def demo(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "nanotally", "demo", *words], capture_output=True, text=True, check=False, timeout=120
    )


def test_the_whole_path_ends_in_a_table_a_picture_and_a_log(tmp_path: Path) -> None:
    out = tmp_path / "demo"
    done = demo("--out", str(out), "--frames", "12", "--fps", "4")
    assert done.returncode == 0, done.stderr
    table = {line.split()[0]: line.split()[1:] for line in done.stdout.splitlines() if re.match(r"cube|quasi", line)}
    for name in ("cube", "quasi_sphere"):
        there, found, missed, _, share = table[name]
        assert int(there) == int(found) + int(missed) > 0
        assert float(share) > 80
    assert re.search(r"\d+ frames of 640x480 px, \d+ dropped, [\d.]+ frames a second", done.stdout)
    assert re.search(r"age of a result: p50 \d+ ms, p99 \d+ ms", done.stdout)
    picture = cv2.imread(str(out / "overlay.png"))
    assert picture is not None
    assert picture.shape == (480, 640, 3)
    rows = [row for row in csv.DictReader((out / "counts.csv").read_text().splitlines()) if row["event"] == "counts"]
    assert rows
    assert all(int(row["cube"]) > 0 and row["nm_per_px_x"] == "3.0" for row in rows)


def test_a_model_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    done = demo("--out", str(tmp_path), "--model", str(tmp_path / "nowhere"))
    assert done.returncode == 1
    assert "no manifest.json here" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
