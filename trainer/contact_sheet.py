"""Contact sheet: some pictures of every part of a set with their labels, to look at before a network learns."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from nanotally.detections import CLASSES
from nanotally.draw import CLASS_COLOURS, COLOURS_BGR
from nanotally.opencv import cv2
from nanotally.trainer.census import Sight, Tally

COLUMNS = 6
CELL_PX = 280
GAP_PX = 6
TITLE_PX = 34
PAPER, INK = 255, (40, 40, 40)
DIFFICULT = COLOURS_BGR[3]
LEGEND = {**CLASS_COLOURS, "difficult": DIFFICULT}
"""Colours BGR."""


def contact_sheet(tallies: Mapping[str, Tally]) -> NDArray[np.uint8]:
    """The sheet (h, w, 3) uint8 BGR, each part with a title and its pictures in rows."""
    bands = [band for part, tally in tallies.items() for band in (_title(part, tally), *_rows(tally))]
    return np.vstack(bands)


def _title(part: str, tally: Tally) -> NDArray[np.uint8]:
    band = np.full((TITLE_PX, COLUMNS * (CELL_PX + GAP_PX), 3), PAPER, np.uint8)
    particles = int(tally.particles.sum())
    text = f"{part}: {len(tally.shown)} of {len(tally.class_id)} pictures with {particles} particles"
    cv2.putText(band, text, (GAP_PX, TITLE_PX - 11), cv2.FONT_HERSHEY_SIMPLEX, 0.62, INK, 1, cv2.LINE_AA)
    return band


def _rows(tally: Tally) -> list[NDArray[np.uint8]]:
    cells = [_cell(sight) for sight in tally.shown]
    cells += [np.full((CELL_PX + GAP_PX, CELL_PX + GAP_PX, 3), PAPER, np.uint8)] * (-len(cells) % COLUMNS)
    return [np.hstack(cells[k : k + COLUMNS]) for k in range(0, len(cells), COLUMNS)]


def _cell(sight: Sight) -> NDArray[np.uint8]:
    zoom = CELL_PX / max(sight.image.shape)
    how = cv2.INTER_AREA if zoom < 1 else cv2.INTER_NEAREST
    small = cv2.cvtColor(cv2.resize(sight.image, None, fx=zoom, fy=zoom, interpolation=how), cv2.COLOR_GRAY2BGR)
    boxes = np.round(sight.detections.xyxy * zoom).astype(int).tolist()
    for (x1, y1, x2, y2), class_id, difficult in zip(boxes, sight.detections.class_id, sight.difficult, strict=True):
        colour = DIFFICULT if difficult else CLASS_COLOURS[CLASSES[class_id]]
        cv2.rectangle(small, (x1, y1), (x2 - 1, y2 - 1), colour, 1)
    cell = np.full((CELL_PX + GAP_PX, CELL_PX + GAP_PX, 3), PAPER, np.uint8)
    cell[: small.shape[0], : small.shape[1]] = small[:CELL_PX, :CELL_PX]
    return cell
