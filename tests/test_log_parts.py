import csv
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from told import WALL, detections

from nanotally.errors import NanotallyError, UsageError
from nanotally.log import parts as parts_module
from nanotally.log.parts import Parts, check
from nanotally.log.schema import OF_SESSION
from nanotally.log.store import Store
from nanotally.log.tables import Frames
from nanotally.wire import Session


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(Store(tmp_path / "counts.sqlite")) as made:
        yield made


@pytest.fixture(autouse=True)
def _short_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts_module, "PART_ROWS", 10)


def fill(store: Store, first: int, last: int) -> None:
    for seq in range(first, last + 1):
        store.add(detections(seq, 100 + seq), base_offset=100)
    store.commit()


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def seqs(folder: Path) -> dict[str, list[int]]:
    return {path.name: [int(row["seq"]) for row in rows(path)] for path in sorted(folder.glob("*.csv"))}


def test_csv_has_a_column_a_class_and_a_row_a_gap(store: Store, tmp_path: Path) -> None:
    store.add(replace(detections(1, 100), unique={"cube": 2, "quasi_sphere": 1}))
    store.add(detections(4, 103), base_offset=100)
    store.add(replace(detections(5, 104), counts=None, state="blank", nm_per_px=None))
    store.add(replace(detections(6, 105), counts={"rod": 7}))
    store.commit()
    assert Parts(Frames(store), tmp_path / "counts.csv").update()
    first, gap, _, blank, other = rows(tmp_path / "counts.csv")
    assert list(first)[-5:] == ["cube", "quasi_sphere", "rod", "unique_cube", "unique_quasi_sphere"]
    assert [first[name] for name in ("event", "offset", "cube", "rod", "unique_cube")] == [
        "counts",
        "100",
        "3",
        "",
        "2",
    ]
    assert [gap[name] for name in ("event", "offset", "missed", "seq", "cube")] == ["gap", "101", "2", "", ""]
    assert [blank[name] for name in ("state", "cube", "nm_per_px_x")] == ["blank", "", ""]
    assert [other[name] for name in ("cube", "rod")] == ["", "7"]


def test_every_file_has_the_session(store: Store, tmp_path: Path) -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    session = Session("s1", "Au 12", "anna", "after wash", WALL)
    store.add(replace(detections(1, 100), session=session))
    store.add(detections(2, 101))
    store.commit()
    for name in ("counts.csv", "counts.parquet"):
        assert Parts(Frames(store), tmp_path / name).update()
    of_session = ["s1", "Au 12", "anna", "after wash", "2026-03-14T15:09:26.535897Z"]
    within, without = rows(tmp_path / "counts.csv")
    assert [within[name] for name in OF_SESSION] == of_session
    assert [without[name] for name in OF_SESSION] == [""] * 5
    within, without = pq.read_table(tmp_path / "counts.parquet").to_pylist()
    assert [within[name] for name in OF_SESSION] == of_session
    assert [without[name] for name in OF_SESSION] == [None] * 5


def test_parts_have_so_many_rows_and_only_the_last_is_written_again(store: Store, tmp_path: Path) -> None:
    parts = Parts(Frames(store), tmp_path / "counts.csv")
    assert not parts.update()
    fill(store, 1, 13)
    assert parts.update()
    assert seqs(tmp_path) == {"counts.csv": list(range(1, 11)), "counts.2.csv": [11, 12, 13]}
    inode = (tmp_path / "counts.csv").stat().st_ino
    assert not parts.update()
    fill(store, 14, 25)
    assert parts.update()
    assert seqs(tmp_path)["counts.2.csv"] == list(range(11, 21))
    assert seqs(tmp_path)["counts.3.csv"] == list(range(21, 26))
    assert (tmp_path / "counts.csv").stat().st_ino == inode


@pytest.mark.parametrize("lost", ["", "counts.csv", "counts.2.csv"])
def test_the_next_logger_writes_what_is_missing(store: Store, tmp_path: Path, lost: str) -> None:
    fill(store, 1, 25)
    Parts(Frames(store), tmp_path / "counts.csv").update()
    before = seqs(tmp_path)
    if lost:
        (tmp_path / lost).unlink()
    (tmp_path / "counts.3.csv").write_text("torn")
    Parts(Frames(store), tmp_path / "counts.csv").update()
    assert seqs(tmp_path) == before
    assert not list(tmp_path.glob(".*"))


def test_it_rests_between_updates(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = Parts(Frames(store), tmp_path / "counts.csv")
    fill(store, 1, 1)
    parts.update_if_due()
    fill(store, 2, 2)
    parts.update_if_due()
    assert seqs(tmp_path) == {"counts.csv": [1]}
    later_s = parts_module.time.monotonic() + 3600
    monkeypatch.setattr(parts_module.time, "monotonic", lambda: later_s)
    parts.update_if_due()
    assert seqs(tmp_path) == {"counts.csv": [1, 2]}


def test_parquet_has_types_and_null(store: Store, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    fill(store, 1, 2)
    store.add(detections(5, 105), base_offset=100)
    store.commit()
    Parts(Frames(store), tmp_path / "counts.parquet").update()
    table = parquet.read_table(tmp_path / "counts.parquet")
    assert table.column("cube").to_pylist() == [3, 3, None, 3]
    assert table.column("missed").to_pylist() == [None, None, 2, None]
    assert table.column("wall").to_pylist()[0] == WALL
    assert str(table.schema.field("nm_per_px_x").type) == "double"


def test_a_file_of_somebody_else_is_left_alone(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "counts.csv"
    path.write_text("name,price\n")
    with pytest.raises(NanotallyError, match=r"there already, and not of counts\.sqlite; give another file"):
        Parts(Frames(store), path)
    assert path.read_text() == "name,price\n"


def test_full_disk_keeps_the_part_that_is_there(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, *_: object) -> None:
        path.write_text("torn")
        Path("/dev/full").write_text("more")

    parts = Parts(Frames(store), tmp_path / "counts.csv")
    fill(store, 1, 3)
    parts.update()
    fill(store, 4, 4)
    monkeypatch.setitem(parts_module.WRITERS, ".csv", full)
    with pytest.raises(NanotallyError, match=r"counts\.csv: No space left on device; every row is in .*counts\.sqlite"):
        parts.update()
    assert seqs(tmp_path) == {"counts.csv": [1, 2, 3]}
    assert not list(tmp_path.glob(".*"))


def test_what_cannot_be_derived_is_said_before(monkeypatch: pytest.MonkeyPatch) -> None:
    check(Path("counts.csv"))
    with pytest.raises(UsageError, match=r"only \.sqlite, \.csv and \.parquet are written"):
        check(Path("counts.xlsx"))
    monkeypatch.setattr(parts_module, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match="Parquet needs pyarrow"):
        check(Path("counts.parquet"))
