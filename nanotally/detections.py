"""What was found in one image: a struct of arrays, one row a particle."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nanotally.errors import NanotallyError

CLASSES = ("cube", "quasi_sphere")
"""The two morphologies of the paper, in the order of their class ids."""

FLAG_BORDER = 1
"""Bit of `Detections.flags`: the box touches the border of the examined field."""
FLAG_SEAM = 2
"""Bit of `Detections.flags`: the particle was only ever seen cut by the edge of a tile."""
FLAG_MASKED = 4
"""Bit of `Detections.flags`: the particle lies in a masked area and is not counted."""


def _column(dtype: type, n_like: NDArray[Any]) -> NDArray[Any]:
    return np.zeros(len(n_like), dtype=dtype)


@dataclass(frozen=True, eq=False)
class Detections:
    """Particles of one image.

    Attributes:
        xyxy: (n, 4) float32, x1 y1 x2 y2 in pixels of the image, half-open, row 0 at the top.
        score: (n,) float32, 0 to 1. 1 for a label.
        class_id: (n,) uint16, index into the class names.
        flags: (n,) uint16, bits `FLAG_BORDER`, `FLAG_SEAM`, `FLAG_MASKED`.

    Raises:
        NanotallyError: if the arrays do not have the same length or `xyxy` is not (n, 4).
    """

    xyxy: NDArray[np.float32]
    score: NDArray[np.float32] = field(default=None)  # type: ignore[arg-type]
    class_id: NDArray[np.uint16] = field(default=None)  # type: ignore[arg-type]
    flags: NDArray[np.uint16] = field(default=None)  # type: ignore[arg-type]

    def __post_init__(self) -> None:
        xyxy = np.ascontiguousarray(self.xyxy, dtype=np.float32)
        if xyxy.size and (xyxy.ndim != 2 or xyxy.shape[1] != 4):
            raise NanotallyError(f"Detections: xyxy has the shape {xyxy.shape}, expected (n, 4)")
        xyxy = xyxy.reshape(-1, 4)
        object.__setattr__(self, "xyxy", xyxy)
        score = np.ones(len(xyxy), np.float32) if self.score is None else self.score
        object.__setattr__(self, "score", np.asarray(score, dtype=np.float32))
        for name in ("class_id", "flags"):
            given = getattr(self, name)
            column = _column(np.uint16, xyxy) if given is None else np.asarray(given, dtype=np.uint16)
            object.__setattr__(self, name, column)
        for f in fields(self):
            if len(getattr(self, f.name)) != len(xyxy):
                raise NanotallyError(f"Detections: {f.name} has {len(getattr(self, f.name))} rows, xyxy {len(xyxy)}")

    @classmethod
    def empty(cls) -> Detections:
        """No particle at all."""
        return cls(np.zeros((0, 4), np.float32))

    @classmethod
    def concatenate(cls, parts: Iterable[Detections]) -> Detections:
        """All rows of `parts`, in their order."""
        parts = list(parts)
        if not parts:
            return cls.empty()
        return cls(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(cls)))

    def __len__(self) -> int:
        return len(self.xyxy)

    def __getitem__(self, rows: Any) -> Detections:
        """Rows by mask, index array or slice."""
        return Detections(*(getattr(self, f.name)[rows] for f in fields(self)))

    def __repr__(self) -> str:
        return f"Detections(n={len(self)}, classes={np.bincount(self.class_id).tolist()})"

    @property
    def size(self) -> NDArray[np.float32]:
        """(n, 2) float32, width and height of each box in pixels."""
        return self.xyxy[:, 2:] - self.xyxy[:, :2]

    def flag(self, bit: int, rows: NDArray[np.bool_]) -> Detections:
        """The same particles with `bit` set where `rows` (n,) is true."""
        return replace(self, flags=self.flags | np.where(rows, bit, 0).astype(np.uint16))

    def counts(self, classes: Sequence[str] = CLASSES) -> dict[str, int]:
        """Number of particles a class, masked ones left out; every class of `classes` is a key."""
        counted = self.class_id[(self.flags & FLAG_MASKED) == 0]
        tally = np.bincount(counted, minlength=len(classes))
        return {name: int(tally[i]) for i, name in enumerate(classes)}


def area(xyxy: ArrayLike) -> NDArray[np.float32]:
    """(n,) float32 area in square pixels of (n, 4) boxes; zero where a box is inside out."""
    box = np.asarray(xyxy, dtype=np.float32)
    sides = np.clip(box[..., 2:] - box[..., :2], 0, None)
    return np.asarray(sides[..., 0] * sides[..., 1], np.float32)


def intersection(a: ArrayLike, b: ArrayLike) -> NDArray[np.float32]:
    """Area in square pixels that each box of `a` (n, 4) shares with each of `b` (m, 4): (n, m) float32."""
    a, b = np.asarray(a, np.float32), np.asarray(b, np.float32)
    width = np.minimum(a[:, None, 2], b[None, :, 2]) - np.maximum(a[:, None, 0], b[None, :, 0])
    height = np.minimum(a[:, None, 3], b[None, :, 3]) - np.maximum(a[:, None, 1], b[None, :, 1])
    return np.asarray(np.maximum(width, 0) * np.maximum(height, 0), np.float32)


def iou(a: ArrayLike, b: ArrayLike) -> NDArray[np.float32]:
    """Intersection over union (Jaccard, paper eq. 1) of `a` (n, 4) with `b` (m, 4): (n, m) float32, 0 to 1."""
    shared = intersection(a, b)
    union = area(a)[:, None] + area(b)[None, :] - shared
    return np.asarray(np.divide(shared, union, out=np.zeros_like(shared), where=union > 0), np.float32)
