import multiprocessing
import os
import resource
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from told import WALL, detections

from nanotally.errors import NanotallyError
from nanotally.log.place import Place
from nanotally.log.schema import OF_SESSION
from nanotally.log.store import Store
from nanotally.wire import Session

SESSION = Session("s1", "Au 12", "anna", "after wash", WALL)
LOG_OF_SCHEMA_1 = """
PRAGMA application_id = 0x6E746C67; PRAGMA user_version = 1;
CREATE TABLE log (
    row INTEGER PRIMARY KEY, wall TEXT NOT NULL, event TEXT NOT NULL, instance TEXT NOT NULL, source TEXT NOT NULL,
    run_id TEXT NOT NULL, seq INTEGER, "offset" INTEGER, frame INTEGER, file TEXT, state TEXT, truncated INTEGER,
    missed INTEGER, nm_per_px_x REAL, nm_per_px_y REAL, settings_sha256 TEXT, counts TEXT, uniques TEXT,
    UNIQUE (instance, source, "offset"), UNIQUE (instance, source, run_id, seq)
);
CREATE TABLE place (
    instance TEXT NOT NULL, source TEXT NOT NULL, run_id TEXT NOT NULL, seq INTEGER NOT NULL, "offset" INTEGER,
    PRIMARY KEY (instance, source)
);
INSERT INTO log (wall, event, instance, source, run_id, seq, "offset", counts)
VALUES ('2026-03-14T15:09:26.000000Z', 'counts', 'sem', 'main', 'run1', 7, 106, '{"cube": 1}');
INSERT INTO place VALUES ('sem', 'main', 'run1', 7, 106);
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "counts.sqlite"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with closing(Store(path)) as made:
        yield made


def events(store: Store) -> list[tuple[object, ...]]:
    return [(row["event"], row["offset"] if row["event"] == "counts" else row["missed"]) for row in store.rows(1, 99)]


def test_a_message_is_a_row(store: Store) -> None:
    store.add(replace(detections(1, 100), unique={"cube": 2}, truncated=True))
    store.add(replace(detections(2, 101), nm_per_px=None, counts=None, state="blank"))
    store.commit()
    assert (store.counted, store.pending, store.last_row()) == (2, 0, 2)
    first, second = store.rows(1, 2)
    assert store.classes("counts", 1, 2) == ["cube", "quasi_sphere"]
    assert (store.classes("uniques", 1, 2), store.classes("uniques", 2, 2)) == (["cube"], [])
    assert first == {
        "wall": "2026-03-14T15:09:26.535897Z",
        "event": "counts",
        "instance": "sem",
        "source": "main",
        "run_id": "run1",
        "seq": 1,
        "offset": 100,
        "frame": 0,
        "file": "a.tif",
        "state": "live",
        "truncated": 1,
        "missed": None,
        "nm_per_px_x": 2.0,
        "nm_per_px_y": 2.5,
        "settings_sha256": "cd" * 32,
        "session": None,
        "sample": None,
        "operator": None,
        "notes": None,
        "session_started": None,
        "counts": {"cube": 3, "quasi_sphere": 0},
        "uniques": {"cube": 2},
        "sizes": {},
    }
    assert (second["state"], second["counts"], second["uniques"], second["nm_per_px_x"]) == ("blank", {}, {}, None)


def test_a_row_has_its_session_and_a_session_its_frames(store: Store, path: Path) -> None:
    for seq, session in enumerate((None, SESSION, SESSION), start=1):
        store.add(replace(detections(seq, 99 + seq), session=session))
    store.commit()
    without, first, second = store.rows(1, 3)
    assert [first[name] for name in OF_SESSION] == ["s1", "Au 12", "anna", "after wash", "2026-03-14T15:09:26.535897Z"]
    assert [second[name] for name in OF_SESSION] == [first[name] for name in OF_SESSION]
    assert without["session"] is None
    with closing(sqlite3.connect(path)) as other:
        ((found_id, source, frames),) = other.execute("SELECT id, source, frames FROM sessions")
    assert (found_id, source, frames) == ("s1", "main", 2)


def test_a_log_of_schema_1_is_added_to(path: Path) -> None:
    with closing(sqlite3.connect(path)) as old:
        old.executescript(LOG_OF_SCHEMA_1)
    with closing(Store(path)) as store:
        assert store.place("sem", "main") == Place("run1", 7, 106)
        store.add(replace(detections(8, 107), session=SESSION))
        store.commit()
        old_row, new_row = store.rows(1, 99)
    assert (old_row["seq"], old_row["session"], old_row["counts"]) == (7, None, {"cube": 1})
    assert (new_row["seq"], new_row["sample"]) == (8, "Au 12")
    with closing(Store(path)) as again:
        assert again.last_row() == 2


def test_what_is_missing_is_a_row_before_the_message(store: Store) -> None:
    for message in (detections(1, 100), detections(4, 103), detections(1, 104, run_id="run2")):
        store.add(message, base_offset=100)
    store.add(detections(1, None, run_id="run3"))
    store.commit()
    assert events(store) == [
        ("counts", 100), ("gap", 2), ("counts", 103), ("counts", 104), ("restart", 0), ("counts", None),
    ]  # fmt: skip
    (gap,) = store.rows(2, 2)
    assert (gap["offset"], gap["run_id"], gap["seq"], gap["counts"]) == (101, "run1", None, {})


def test_sources_are_logged_side_by_side(store: Store) -> None:
    for seq in (1, 2):
        store.add(detections(seq, 99 + seq))
        store.add(detections(seq, 500 + seq, source="chamber"))
    store.commit()
    assert [event for event, _ in events(store)] == ["counts"] * 4
    assert store.place("sem", "main") == Place("run1", 2, 101)
    assert store.place("sem", "chamber") == Place("run1", 2, 502)


def test_a_message_that_comes_twice_is_one_row(store: Store) -> None:
    store.add(detections(1, 100))
    store.add(detections(1, 100))
    store.commit()
    assert (events(store), store.counted) == ([("counts", 100)], 1)


def test_the_next_logger_goes_on_behind_the_last_commit(path: Path) -> None:
    with closing(Store(path)) as first:
        first.add(detections(1, 100))
        first.commit()
        first.add(detections(2, 101))
    with closing(Store(path)) as second:
        assert second.place("sem", "main") == Place("run1", 1, 100)
        assert events(second) == [("counts", 100)]


def _add_and_die(path: Path) -> None:
    store = Store(path)
    for seq in (1, 2, 3):
        store.add(detections(seq, 99 + seq))
        if seq < 3:
            store.commit()
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_logger_that_is_killed_keeps_what_was_committed(path: Path) -> None:
    child = multiprocessing.get_context("fork").Process(target=_add_and_die, args=(path,))
    child.start()
    child.join(20)
    assert child.exitcode == -signal.SIGKILL
    with closing(Store(path)) as store:
        assert store.place("sem", "main") == Place("run1", 2, 101)
        assert events(store) == [("counts", 100), ("counts", 101)]


def _fill(path: Path) -> None:
    store = Store(path)
    store.add(detections(1, 100))
    store.commit()
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
    try:
        for seq in range(2, 10_000):
            store.add(detections(seq, 99 + seq))
            store.commit()
    except NanotallyError as error:
        path.with_suffix(".txt").write_text(str(error))


def test_full_disk_is_one_line_and_keeps_the_rows_before(path: Path) -> None:
    child = multiprocessing.get_context("fork").Process(target=_fill, args=(path,))
    child.start()
    child.join(20)
    said = path.with_suffix(".txt").read_text()
    assert said.startswith(f"{path}: ")
    assert said.endswith("what was logged before is in it")
    with closing(Store(path)) as store:
        place = store.place("sem", "main")
        assert place is not None
        assert place.seq == store.last_row() > 5
        store.add(detections(place.seq + 1, 100 + place.seq))
        store.commit()
        assert store.counted == 1


def test_others_may_read_while_it_is_written(store: Store) -> None:
    store.add(detections(1, 100))
    store.commit()
    store.add(detections(2, 101))
    with closing(sqlite3.connect(store.path)) as other:
        select = "SELECT json_extract(counts, '$.cube') FROM log"
        assert other.execute(select).fetchall() == [(3,)]
        store.commit()
        assert other.execute(select).fetchall() == [(3,), (3,)]


@pytest.mark.parametrize("kind", ["text", "database", "newer"])
def test_the_file_of_another_program_is_left_alone(path: Path, kind: str) -> None:
    if kind == "text":
        path.write_text("name,price\n" * 100)
    elif kind == "newer":
        Store(path).close()
    with closing(sqlite3.connect(path)) as other:
        if kind == "newer":
            other.execute("PRAGMA user_version = 4")
        elif kind == "database":
            other.execute("CREATE TABLE prices (name)")
        other.commit()
    before = path.read_bytes()
    said = "a log of schema 4, this version knows 3: update nanotally" if kind == "newer" else "give another file"
    with pytest.raises(NanotallyError, match=said):
        Store(path)
    assert path.read_bytes() == before


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(NanotallyError, match="nowhere: no such folder; make it first"):
        Store(tmp_path / "nowhere" / "counts.sqlite")
