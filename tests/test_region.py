from __future__ import annotations

import numpy as np
import pytest

from nanotally.daemon.region import Region
from nanotally.detect import Found
from nanotally.detections import FLAG_BORDER, FLAG_MASKED, Detections
from nanotally.errors import SourceError
from nanotally.frame import Frame


def frame(field: tuple[int, int, int, int] | None = None) -> Frame:
    return Frame(0, 0, 0, np.zeros((48, 64), np.uint8), field=field)


def test_without_anything_the_whole_picture_is_examined() -> None:
    assert Region().field_of(frame()) == (0, 0, 64, 48)
    assert Region().field_of(frame((0, 0, 64, 40))) == (0, 0, 64, 40)


def test_the_region_never_reaches_into_the_databar() -> None:
    assert Region(roi=(10, 5, 200, 200)).field_of(frame((0, 0, 64, 40))) == (10, 5, 64, 40)


def test_a_region_beside_the_picture_is_named() -> None:
    with pytest.raises(SourceError, match=r"roi \[70, 0, 80, 10\] lies outside the field of a picture of 64 x 48"):
        Region(roi=(70, 0, 80, 10)).field_of(frame())


def test_what_lies_in_a_mask_is_flagged_and_not_counted() -> None:
    found = Detections(np.array([[0, 0, 10, 10], [20, 0, 30, 10], [24, 4, 36, 16]]), flags=[FLAG_BORDER, 0, 0])
    marked = Region(masks=((18, 0, 30, 20), (50, 40, 60, 48))).mark(Found(found, False, 1, {})).detections
    assert marked.flags.tolist() == [FLAG_BORDER, FLAG_MASKED, 0]
    assert sum(marked.counts().values()) == 2
