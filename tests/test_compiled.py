"""Compiled functions: kept for the next process, and there also where nothing can be kept."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numba
import pytest

from nanotally import compiled

PROGRAM = """
import numpy as np
from nanotally.measure.closed_path import closed_path
assert closed_path(np.zeros((8, 4), np.float32), 0.1, 1).tolist() == [0] * 8
print(sum(closed_path.stats.cache_hits.values()), sum(closed_path.stats.cache_misses.values()))
"""


def told(**environment: str) -> list[int]:
    """How often a process of its own found it in the cache, and how often not."""
    process = subprocess.run(
        [sys.executable, "-c", PROGRAM], env={**os.environ, **environment}, capture_output=True, text=True, check=True
    )
    return [int(number) for number in process.stdout.split()]


def test_what_was_compiled_is_kept(tmp_path: Path) -> None:
    assert told(CACHE_DIRECTORY=str(tmp_path)) == [0, 1]
    assert told(CACHE_DIRECTORY=str(tmp_path)) == [1, 0]
    (folder,) = (tmp_path / "compiled").iterdir()
    assert list(folder.rglob("closed_path*.nbc"))


def test_where_nothing_can_be_kept_it_is_compiled_all_the_same() -> None:
    assert told(CACHE_DIRECTORY="/proc") == [0, 1]


def test_a_change_of_any_function_is_seen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    package = tmp_path / "nanotally"
    (package / "measure").mkdir(parents=True)
    monkeypatch.setattr(compiled, "__file__", str(package / "compiled.py"))
    monkeypatch.setenv("CACHE_DIRECTORY", str(tmp_path / "cache"))
    folders = set()
    for text in ("1", "2", "1"):
        (package / "measure" / "one.py").write_text(text)
        folders.add(compiled._folder.__wrapped__())
    assert len(folders) == 2


def test_the_cache_of_other_programs_stays_where_it_was() -> None:
    settings: Any = numba.config
    before = settings.CACHE_DIR
    assert compiled.compiled(lambda: 1)() == 1
    assert before == settings.CACHE_DIR
