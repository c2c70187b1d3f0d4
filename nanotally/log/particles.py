"""What the log takes down of the particles of a message: each of them, and their sizes in a few figures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanotally.log.schema import OF_PARTICLE
from nanotally.measure.quantities import quantity_of
from nanotally.measure.statistics import size_distribution
from nanotally.wire import UNCONFIRMED, DetectionsMessage

FIGURES = ("n", "mean_nm", "d10_nm", "d50_nm", "d90_nm")
"""Of a `SizeDistribution`."""


def sizes_of(message: DetectionsMessage) -> dict[str, dict[str, Any]] | None:
    """Figures of the sizes of each class in this frame, and the quantity that they are of.

    None where nothing was measured in nanometres.
    """
    records = message.records
    if message.counts is None or "ecd_nm" not in (records.dtype.names or ()):
        return None
    sizes = {}
    for number, name in enumerate(message.classes):
        quantity = quantity_of(name)
        size = size_distribution(records[f"{quantity}_nm"][records["class"] == number], quantity=quantity)
        sizes[name] = {"quantity": quantity, **{figure: getattr(size, figure) for figure in FIGURES}}
    return sizes


def particles_of(message: DetectionsMessage) -> Iterator[tuple[Any, ...]]:
    """A row of `OF_PARTICLE` for each particle; what was not measured, or told, is None."""
    records = message.records
    columns = {name: _plain(records[name]) for name in records.dtype.names or () if name in OF_PARTICLE}
    columns["class"] = [message.classes[number] for number in records["class"]]
    columns["track"] = [None if track == UNCONFIRMED else track for track in columns["track"]]
    columns["group"] = [message.group] * len(records)
    nothing = [None] * len(records)
    return zip(*(columns.get(name, nothing) for name in OF_PARTICLE), strict=True)


def _plain(values: NDArray[Any]) -> list[Any]:
    plain: list[Any] = values.tolist()
    if values.dtype.kind != "f":
        return plain
    return [None if missing else value for value, missing in zip(plain, np.isnan(values), strict=True)]
