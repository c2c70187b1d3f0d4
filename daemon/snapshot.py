"""A snapshot: one frame with what was found in it, as files that people and programs read.

NAME.tif           the frame, with its pixel size
NAME.overlay.png   the frame with the particles drawn into it
NAME.csv           a row a particle: every column of the detections message, with its unit
NAME.json          the rest of the message
"""

from __future__ import annotations

import csv
import json
from itertools import count
from pathlib import Path

from nanotally.daemon.picture import name_of, write_picture
from nanotally.draw import overlay
from nanotally.frame import Frame
from nanotally.opencv import cv2
from nanotally.wire import DetectionsMessage, encode

ENDINGS = (".tif", ".overlay.png", ".csv", ".json")


def reserve(folder: Path, told: DetectionsMessage) -> Path:
    """A name in `folder` that was free and now is taken, without ending. Made at once, so that its errors are heard.

    Raises:
        OSError: if the disk does not take it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for again in count():
        name = f"{name_of(told)}-{again}" if again else name_of(told)
        try:
            (folder / f"{name}.tif").touch(exist_ok=False)
        except FileExistsError:
            continue
        return folder / name
    raise AssertionError


def write_snapshot(place: Path, frame: Frame, told: DetectionsMessage) -> None:
    """Write a frame and what was told of it under a name that `reserve` gave.

    Raises:
        OSError: if the disk does not take it.
    """
    tif, drawn, table, header = (place.with_name(place.name + ending) for ending in ENDINGS)
    write_picture(tif, frame)
    picture = overlay(
        frame.image,
        told.detections,
        classes=told.classes,
        nm_per_px=told.nm_per_px[0] if told.nm_per_px else None,
    )
    drawn.write_bytes(cv2.imencode(".png", picture)[1].tobytes())
    _write_table(table, told)
    facts = json.loads(encode(told)[1])
    header.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


def _write_table(file: Path, told: DetectionsMessage) -> None:
    titles = [name if name.endswith(unit) else f"{name}_{unit}" for name, _, unit in told.columns]
    with file.open("w", newline="", encoding="utf-8") as opened:
        table = csv.writer(opened)
        table.writerow(["class_name", *titles])
        for row in told.records:
            table.writerow([told.classes[row["class"]], *row.tolist()])
