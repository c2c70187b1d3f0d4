"""Composing a training set: tiles of synthetic micrographs and views of real ones, in the layout that ultralytics reads."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nanotally.detections import CLASSES, Detections
from nanotally.opencv import cv2
from nanotally.trainer.views import Picture, cut_view, turn_knobs, typical_px

Tile = tuple[NDArray[np.uint8], Detections]
SIZES_PX = (11.0, 230.0)
"""Range of the typical particle in a view, network pixels: what the levels of the detector leave for one level."""

SCALES = (0.45, 2.5)
"""Range of the scale of a view: below it a published picture would be a stamp in a corner of the tile."""


def real_views(pictures: Sequence[Picture], *, each: int, side_px: int, seed: int, vary: bool) -> Iterator[Tile]:
    """`each` random views of every picture.

    Args:
        pictures: labelled real micrographs.
        each: views a picture.
        side_px: side of a view.
        seed: of the draws.
        vary: also turn the knobs of the microscope (for training; not for judging).
    """
    for number, picture in enumerate(pictures):
        for k in range(each):
            rng = np.random.default_rng((seed, number, k))
            wanted = np.exp(rng.uniform(*np.log(SIZES_PX)))
            scale = float(np.clip(wanted / typical_px(picture), *SCALES))
            seen = replace(picture, image=turn_knobs(picture.image, rng)) if vary else picture
            yield cut_view(seen, side_px=side_px, scale=scale, turns=int(rng.integers(4)), rng=rng)


def write_part(tiles: Iterable[Tile], folder: Path, part: str) -> dict[str, int]:
    """Write tiles as PNG with YOLO labels under `folder`/images/`part` and `folder`/labels/`part`; answers the counts."""
    images, labels = folder / "images" / part, folder / "labels" / part
    for each in (images, labels):
        each.mkdir(parents=True, exist_ok=True)
    counts = dict.fromkeys(("tiles", *CLASSES), 0)
    offset = len(list(images.iterdir()))
    for number, (image, boxes) in enumerate(tiles, start=offset):
        cv2.imwrite(str(images / f"{number:06d}.png"), image)
        side = np.array([image.shape[1], image.shape[0]] * 2, np.float32)
        x1, y1, x2, y2 = (boxes.xyxy / side).T
        rows = np.stack([(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1], axis=1)
        lines = (f"{c} " + " ".join(f"{v:.6f}" for v in row) for c, row in zip(boxes.class_id, rows, strict=True))
        (labels / f"{number:06d}.txt").write_text("".join(f"{line}\n" for line in lines))
        counts["tiles"] += 1
        for name, n in boxes.counts().items():
            counts[name] += n
    return counts


def write_description(folder: Path, facts: dict[str, object]) -> None:
    """Write what ultralytics needs (`data.yaml`) and what people need (`manifest.json`)."""
    names = "".join(f"  {i}: {name}\n" for i, name in enumerate(CLASSES))
    (folder / "data.yaml").write_text(
        f"path: {folder.resolve()}\ntrain: images/train\nval: images/val\nchannels: 1\nnames:\n{names}"
    )
    (folder / "manifest.json").write_text(json.dumps(facts, indent=2) + "\n")
