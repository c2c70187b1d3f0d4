"""The tables of the log, and how those of an older log become them."""

from __future__ import annotations

APPLICATION_ID = 0x6E746C67
SCHEMA = 3

LOG = """
CREATE TABLE log (
    row INTEGER PRIMARY KEY,
    wall TEXT NOT NULL,
    event TEXT NOT NULL,
    instance TEXT NOT NULL,
    source TEXT NOT NULL,
    run_id TEXT NOT NULL,
    seq INTEGER,
    "offset" INTEGER,
    frame INTEGER,
    file TEXT,
    state TEXT,
    truncated INTEGER,
    missed INTEGER,
    nm_per_px_x REAL,
    nm_per_px_y REAL,
    settings_sha256 TEXT,
    counts TEXT,
    uniques TEXT,
    UNIQUE (instance, source, "offset"),
    UNIQUE (instance, source, run_id, seq)
);
CREATE TABLE place (
    instance TEXT NOT NULL,
    source TEXT NOT NULL,
    run_id TEXT NOT NULL,
    seq INTEGER NOT NULL,
    "offset" INTEGER,
    PRIMARY KEY (instance, source)
);
"""

SESSIONS = """
ALTER TABLE log ADD COLUMN session TEXT;
CREATE TABLE session (
    id TEXT PRIMARY KEY,
    sample TEXT NOT NULL,
    operator TEXT NOT NULL,
    notes TEXT NOT NULL,
    started TEXT NOT NULL
);
CREATE VIEW sessions AS
    SELECT session.*, source, min(wall) AS first_frame, max(wall) AS last_frame, count(*) AS frames
    FROM session JOIN log ON log.session = session.id GROUP BY session.id, source;
"""

SIZES = """
ALTER TABLE log ADD COLUMN sizes TEXT;
CREATE TABLE particle (
    number INTEGER PRIMARY KEY,
    row INTEGER NOT NULL REFERENCES log (row),
    class TEXT NOT NULL,
    "group" INTEGER NOT NULL,
    track INTEGER,
    score REAL NOT NULL,
    x1 REAL NOT NULL,
    y1 REAL NOT NULL,
    x2 REAL NOT NULL,
    y2 REAL NOT NULL,
    flags INTEGER NOT NULL,
    area_nm2 REAL,
    ecd_nm REAL,
    feret_max_nm REAL,
    feret_min_nm REAL,
    edge_nm REAL,
    area_px2 REAL,
    ecd_px REAL,
    feret_max_px REAL,
    feret_min_px REAL,
    edge_px REAL,
    orientation_deg REAL,
    agglomerate INTEGER
);
CREATE INDEX particle_row ON particle (row);
"""

STEPS = (LOG, SESSIONS, SIZES)
"""What every schema adds to the one before. A new log takes all of them."""

COLUMNS = (
    "wall",
    "event",
    "instance",
    "source",
    "run_id",
    "seq",
    "offset",
    "frame",
    "file",
    "state",
    "truncated",
    "missed",
    "nm_per_px_x",
    "nm_per_px_y",
    "settings_sha256",
)
"""Of every row, but for the session, and what there is a class."""

OF_SESSION = {
    "session": "id",
    "sample": "sample",
    "operator": "operator",
    "notes": "notes",
    "session_started": "started",
}
"""Columns of a row that are those of its session, and what they are called there."""

BOX = ("x1", "y1", "x2", "y2")
SIZE = ("area", "ecd", "feret_max", "feret_min", "edge")
UNITS = {"area": ("nm2", "px2")}
MEASURED = (*(f"{name}_{UNITS.get(name, ('nm', 'px'))[place]}" for place in (0, 1) for name in SIZE), "orientation_deg")
OF_PARTICLE = ("class", "group", "track", "score", *BOX, "flags", *MEASURED, "agglomerate")
"""Columns of a particle, but for its number and its row in the log."""


def steps_from(schema: int) -> str:
    """Statements that make a log of an older schema, 0 for an empty file, one of `SCHEMA`."""
    marks = f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {SCHEMA};"
    return f"BEGIN; {''.join(STEPS[schema:])} {marks} COMMIT;"
