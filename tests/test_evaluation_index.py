from __future__ import annotations

import json
from pathlib import Path

import pytest

from nanotally.errors import DatasetError
from nanotally.trainer.evaluation.index import Entry, read_index

ROWS = [
    {
        "file": "a.png", "doi": "10.1", "modality": "SEM", "shape": "cube",
        "instances": [{"box": [0, 0, 9, 9], "border": True}, {"box": [20, 20, 30, 30], "border": False}],
    },
    {"file": "b.png", "doi": "10.2", "modality": "TEM", "shape": "other", "instances": []},
]  # fmt: skip


def test_a_set_without_index_tells_nothing(tmp_path: Path) -> None:
    assert read_index(tmp_path) == {}


def test_groups_csv_has_the_last_word_on_groups(tmp_path: Path) -> None:
    (tmp_path / "boxes.json").write_text(json.dumps(ROWS))
    (tmp_path / "groups.csv").write_text("file,group\nb.png,sample 7\nc.png,\n", encoding="utf-8-sig")
    assert read_index(tmp_path) == {
        "a.png": Entry("10.1", "SEM", "cube", ((0, 0, 9, 9),)),
        "b.png": Entry("sample 7", "TEM", "other"),
        "c.png": Entry(),
    }


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("groups.csv", "a.png,sample\n", "columns file,group"),
        ("groups.csv", b"\xff\xfe\x00", "columns file,group"),
        ("boxes.json", "{", "not an index of EMPS"),
        ("boxes.json", '[{"file": "a.png"}]', "not an index of EMPS"),
    ],
)
def test_a_bad_index_is_named(name: str, content: str | bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DatasetError, match=words) as told:
        read_index(tmp_path)
    assert name in str(told.value)
