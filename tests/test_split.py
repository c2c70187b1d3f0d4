from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanotally.detections import Detections
from nanotally.errors import DatasetError
from nanotally.trainer.pictures import Picture
from nanotally.trainer.split import split_by_group

SHARES = {"train": 0.7, "val": 0.15, "test": 0.15}


def picture(number: int, group: str, kind: str) -> Picture:
    return Picture(Path(f"{number}.png"), np.zeros((4, 4), np.uint8), Detections.empty(), group, kind)


@given(
    st.lists(st.tuples(st.sampled_from("abcdefghij"), st.sampled_from(["cube", "sphere"])), max_size=60),
    st.integers(0, 9),
)
def test_every_picture_is_dealt_once_and_no_group_is_torn(groups: list[tuple[str, str]], seed: int) -> None:
    pictures = [picture(i, group, kind) for i, (group, kind) in enumerate(groups)]
    parts = split_by_group(pictures, SHARES, seed=seed)
    dealt = [p.name for part in parts.values() for p in part]
    assert sorted(dealt) == sorted(p.name for p in pictures)
    homes = [{p.group for p in part} for part in parts.values()]
    assert sum(map(len, homes)) == len(set.union(*homes))


def test_each_kind_comes_near_its_share() -> None:
    kinds = ["cube"] * 40 + ["sphere"] * 160
    parts = split_by_group([picture(i, str(i), kind) for i, kind in enumerate(kinds)], SHARES, seed=3)
    for kind, total in (("cube", 40), ("sphere", 160)):
        for part, share in SHARES.items():
            held = sum(p.kind == kind for p in parts[part])
            assert abs(held - share * total) <= 1


def test_the_papers_shares_are_refused() -> None:
    with pytest.raises(DatasetError, match=r"1\.05"):
        split_by_group([], {"train": 0.75, "test": 0.15, "val": 0.15}, seed=0)
