"""Sizes in the log: a few figures a frame, and each particle where it is asked for, once."""

from __future__ import annotations

import csv
import json
import multiprocessing
import os
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from told import WALL, detections
from waiting import WAIT_S

from nanotally.detections import Detections
from nanotally.log import Frames, Particles, Parts, Store
from nanotally.log import parts as parts_module
from nanotally.log.schema import APPLICATION_ID, LOG, OF_PARTICLE, SESSIONS
from nanotally.wire import DetectionsMessage, Session, columns_with, records_from

SIDES = np.array([10, 20, 30, 40, 50, np.nan, 60, 80], np.float32)
"""Sizes of eight particles: five cubes, of which the last was not measured, and two others behind one."""
CLASS = np.array([0, 0, 0, 0, 0, 0, 1, 1], np.uint16)


def measured(seq: int = 1, offset: int | None = 100, *, unit: str = "nm") -> DetectionsMessage:
    """A message with the columns that a live frame has."""
    n = len(SIDES)
    boxes = np.stack([np.arange(n), np.zeros(n), np.arange(n) + 9.5, np.full(n, 8)], 1).astype(np.float32)
    found = Detections(boxes, np.full(n, 0.75, np.float32), CLASS)
    columns = {
        f"area_{unit}2": SIDES**2,
        f"ecd_{unit}": SIDES * np.float32(1.5),
        f"feret_max_{unit}": SIDES * 2,
        f"feret_min_{unit}": SIDES,
        f"edge_{unit}": np.where(CLASS == 0, SIDES, np.float32(np.nan)),
        "orientation_deg": SIDES / 2,
        "agglomerate": np.arange(n, dtype=np.int32),
    }
    tracks = np.arange(-1, n - 1)
    return replace(
        detections(seq, offset, particles=0),
        counts={"cube": 6, "quasi_sphere": 2},
        nm_per_px=(2.0, 2.0) if unit == "nm" else None,
        columns=columns_with(columns),
        records=records_from(found, tracks, columns),
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "counts.sqlite"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with closing(Store(path, particles=True)) as made:
        yield made


def select(store: Store, what: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(store.path)) as other:
        return other.execute(what).fetchall()


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_row_has_the_sizes_of_each_class(store: Store) -> None:
    store.add(measured())
    store.commit()
    (row,) = store.rows(1, 1)
    cube, other = row["sizes"]["cube"], row["sizes"]["quasi_sphere"]
    d10, d50, d90 = np.percentile([10, 20, 30, 40, 50], (10, 50, 90))
    assert cube == {"quantity": "edge", "n": 5, "mean_nm": 30, "d10_nm": d10, "d50_nm": d50, "d90_nm": d90}
    assert (other["quantity"], other["n"], other["d50_nm"]) == ("ecd", 2, 105)
    assert select(store, "SELECT json_extract(sizes, '$.cube.d50_nm') FROM log") == [(30.0,)]


def test_nothing_in_nanometres_is_said_of_what_is_in_pixels_or_not_live(store: Store) -> None:
    store.add(measured(1, 100, unit="px"))
    store.add(replace(detections(2, 101, particles=0), state="blank", counts=None))
    store.commit()
    assert [row["sizes"] for row in store.rows(1, 2)] == [{}, {}]
    assert select(store, "SELECT count(ecd_nm), count(ecd_px), max(edge_px) FROM particle") == [(0, 7, 50.0)]


def test_every_particle_is_a_row_with_what_was_told_of_it(store: Store) -> None:
    store.add(measured())
    store.commit()
    names = [f'"{name}"' for name in OF_PARTICLE]
    told = select(store, f"SELECT row, {', '.join(names)} FROM particle ORDER BY number")
    assert len(told) == store.last_particle() == 8
    first, unmeasured, last = told[0], told[5], told[7]
    in_px = (None,) * 5
    assert first == (1, "cube", 1, None, 0.75, 0, 0, 9.5, 8, 0, 100, 15, 20, 10, 10, *in_px, 5, 0)
    assert unmeasured[10:21] == (None,) * 11
    assert last[1:4] == ("quasi_sphere", 1, 6)
    assert last[10:15] == (6400, 120, 160, 80, None)


def test_without_being_asked_there_are_no_particles_but_their_sizes(path: Path) -> None:
    with closing(Store(path)) as store:
        store.add(measured())
        store.commit()
        assert store.last_particle() == 0
        assert next(iter(store.rows(1, 1)))["sizes"]["cube"]["n"] == 5


def test_a_message_that_comes_twice_has_its_particles_once(store: Store) -> None:
    for _ in range(2):
        store.add(measured())
    store.commit()
    assert store.last_particle() == 8


def _add_and_die(path: Path) -> None:
    store = Store(path, particles=True)
    store.add(measured(1, 100))
    store.commit()
    store.add(measured(2, 101))
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_frame_and_its_particles_are_committed_together(path: Path) -> None:
    child = multiprocessing.get_context("fork").Process(target=_add_and_die, args=(path,))
    child.start()
    child.join(WAIT_S)
    assert child.exitcode == -signal.SIGKILL
    with closing(Store(path, particles=True)) as store:
        assert (store.last_row(), store.last_particle()) == (1, 8)
        store.add(measured(2, 101))
        store.commit()
        assert select(store, "SELECT row, count(*) FROM particle GROUP BY row") == [(1, 8), (2, 8)]


def test_a_log_of_schema_2_is_added_to(path: Path) -> None:
    with closing(sqlite3.connect(path)) as old:
        old.executescript(f"{LOG} {SESSIONS} PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = 2;")
    with closing(Store(path, particles=True)) as store:
        store.add(measured())
        store.commit()
        assert (store.last_row(), store.last_particle()) == (1, 8)


def test_files_have_the_sizes_a_class_and_a_row_a_particle(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts_module, "PART_ROWS", 10)
    session = Session("s1", "Au 12", "anna", "", WALL)
    store.add(replace(measured(1, 100), session=session))
    store.add(replace(measured(2, 101), nm_per_px=None, counts=None, state="blank"))
    store.commit()
    for table, name in ((Frames(store), "counts.csv"), (Particles(store), "counts.particles.csv")):
        assert Parts(table, tmp_path / name).update()
    live, blank = rows(tmp_path / "counts.csv")
    columns = ("sized_cube", "d10_nm_cube", "d50_nm_cube", "d90_nm_cube", "sized_quasi_sphere")
    assert [float(live[name]) for name in columns] == [5, 14, 30, 46, 2]
    assert [blank[name] for name in columns] == [""] * 5
    first_part, second_part = (rows(tmp_path / f"counts.particles{part}.csv") for part in ("", ".2"))
    assert (len(first_part), len(second_part)) == (10, 6)
    first = first_part[0]
    who = [first[name] for name in ("source", "offset", "frame", "sample", "class")]
    assert who == ["main", "100", "0", "Au 12", "cube"]
    assert [first[name] for name in ("ecd_nm", "edge_nm", "ecd_px", "track")] == ["15.0", "10.0", "", ""]


def test_parquet_has_numbers(store: Store, tmp_path: Path) -> None:
    pq = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed (the log extra)")
    store.add(measured())
    store.commit()
    for table, name in ((Frames(store), "counts.parquet"), (Particles(store), "counts.particles.parquet")):
        assert Parts(table, tmp_path / name).update()
    (frame,) = pq.read_table(tmp_path / "counts.parquet").to_pylist()
    assert (frame["sized_cube"], frame["d50_nm_cube"], frame["cube"]) == (5, 30.0, 6)
    particles = pq.read_table(tmp_path / "counts.particles.parquet").to_pydict()
    assert particles["ecd_nm"][:2] == [15.0, 30.0]
    assert particles["ecd_nm"][5] is None
    assert particles["track"][:2] == [None, 0]
    assert particles["wall"][0] == WALL
    assert json.dumps(particles["agglomerate"]) == json.dumps(list(range(8)))
