"""Splitting pictures into train, val and test by group, so that no article or sample stands on two sides."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Protocol, TypeVar

import numpy as np

from nanotally.errors import DatasetError


class Grouped(Protocol):
    """What is dealt: a picture, open or not."""

    @property
    def group(self) -> str:
        """What must stay together."""

    @property
    def kind(self) -> str:
        """What each part gets its share of."""


Dealt = TypeVar("Dealt", bound=Grouped)


def split_by_group(pictures: Sequence[Dealt], shares: Mapping[str, float], *, seed: int) -> dict[str, list[Dealt]]:
    """Deal whole groups to the parts named in `shares` so that each kind of picture comes near its share in each.

    Args:
        pictures: all pictures.
        shares: part name -> share, adding up to 1.
        seed: of the order in which groups are dealt.

    Raises:
        DatasetError: if the shares do not add up to 1 (the paper's 75 + 15 + 15 does not).
    """
    if abs(sum(shares.values()) - 1) > 1e-6:
        raise DatasetError(f"the shares of the split add up to {sum(shares.values()):.2f}, not to 1: {dict(shares)}")
    groups: dict[str, list[Dealt]] = defaultdict(list)
    for picture in pictures:
        groups[picture.group].append(picture)
    total = {kind: sum(p.kind == kind for p in pictures) for kind in {p.kind for p in pictures}}
    parts: dict[str, list[Dealt]] = {name: [] for name in shares}
    order = np.random.default_rng(seed).permutation(sorted(groups))
    for group in sorted(order, key=lambda g: -len(groups[g])):  # stable: the big ones first, else in random order
        members = groups[group]

        def lack(name: str, members: list[Dealt] = members) -> float:
            kinds = [p.kind for p in members]
            held = [sum(p.kind == kind for p in parts[name]) for kind in kinds]
            return float(np.mean([shares[name] - h / total[kind] for h, kind in zip(held, kinds, strict=True)]))

        parts[max(shares, key=lack)].extend(members)
    return parts
