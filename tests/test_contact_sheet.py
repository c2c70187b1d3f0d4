from __future__ import annotations

import numpy as np

from nanotally.detections import Detections
from nanotally.trainer.census import Census, Sight
from nanotally.trainer.contact_sheet import CELL_PX, COLUMNS, GAP_PX, LEGEND, TITLE_PX, contact_sheet


def test_every_part_has_its_rows_and_every_kind_of_label_its_colour() -> None:
    boxes = np.array([[10, 10, 60, 60], [80, 10, 130, 60], [10, 80, 60, 130]], np.float32)
    found = Detections(boxes, class_id=np.array([0, 1, 1], np.uint16))
    census = Census(seed=0)
    for _ in range(COLUMNS + 1):
        census.add("train", Sight(np.full((140, 140), 90, np.uint8), found, np.array([False, False, True])))
    census.add("val", Sight(np.full((50, 400), 90, np.uint8), Detections.empty(), np.zeros(0, bool)))
    sheet = contact_sheet(census.tallies)
    assert sheet.shape == (2 * TITLE_PX + 3 * (CELL_PX + GAP_PX), COLUMNS * (CELL_PX + GAP_PX), 3)
    for colour in LEGEND.values():
        assert (sheet == colour).all(axis=2).sum() > 4 * 90 * COLUMNS
