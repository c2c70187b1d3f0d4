"""Composing a training set: synthetic tiles and views of real micrographs, in the layout that ultralytics reads.

images/train, images/val, labels/train, labels/val, data.yaml     tiles for the network
real-val/, real-test/                                             whole pictures, each a set for `nanotally evaluate`
manifest.json                                                     what went in, with the hash of every picture
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nanotally.bundle import sha256
from nanotally.detections import CLASSES, Detections
from nanotally.errors import DatasetError
from nanotally.labels import LabelledImage, write_classes, write_yolo
from nanotally.opencv import cv2
from nanotally.trainer.pictures import Picture, read_pictures
from nanotally.trainer.split import split_by_group
from nanotally.trainer.views import cut_view, turn_knobs, typical_px

Tile = tuple[NDArray[np.uint8], Detections]
SHARES = {"train": 0.7, "val": 0.15, "test": 0.15}
SIZES_PX = (11.0, 230.0)
"""Range of the typical particle in a view, network pixels: what the levels of the detector leave for one level."""
SCALES = (0.45, 2.5)
"""Range of the scale of a view: below it a published picture would be a stamp in a corner of the tile."""
VIEWS_TO_JUDGE = 8
"""Views of each validation picture, by which the best checkpoint is chosen."""


def compose(
    out: Path, *, synthetic: Sequence[Path], real: Sequence[Path], views: int, side_px: int, seed: int
) -> dict[str, dict[str, int]]:
    """Write a training set under `out`; answers the counts of tiles and particles a part.

    Args:
        out: folder that must not hold a set yet.
        synthetic: sets written by `nanotally generate`; all of them is for training.
        real: labelled sets, split by group.
        views: of each real training picture; up to twice as many where its class is rare.
        side_px: of a tile.
        seed: of the split and of every draw.

    Raises:
        DatasetError: if there is nothing to train on, or `out` holds a set already.
    """
    if (out / "images").exists():
        raise DatasetError(f"{out / 'images'} is there already; nothing is overwritten, choose another --out")
    if not synthetic and not real:
        raise DatasetError("nothing to compose: name a set with --synthetic or --real")
    parts = split_by_group([p for folder in real for p in read_pictures(folder)], SHARES, seed=seed)
    made = [p for folder in synthetic for p in read_pictures(folder)]
    counts = {"train": write_part(synthetic_tiles(made, side_px=side_px, seed=seed), out, "train")}
    for each, group in views_by_need(parts["train"], views).items():
        more = write_part(real_views(group, each=each, side_px=side_px, seed=seed + each, vary=True), out, "train")
        counts["train"] = {name: n + more[name] for name, n in counts["train"].items()}
    judged = parts["val"] or made[: max(1, len(made) // 20)]
    counts["val"] = write_part(
        real_views(judged, each=VIEWS_TO_JUDGE, side_px=side_px, seed=seed, vary=False), out, "val"
    )
    for part in ("val", "test"):
        write_whole(parts[part], out / f"real-{part}")
    facts = {
        "seed": seed, "views": views, "side_px": side_px, "synthetic": [str(p) for p in synthetic],
        "real": {part: {p.name: sha256(p.path) for p in pictures} for part, pictures in parts.items()},
        "counts": counts,
    }  # fmt: skip
    write_description(out, facts)
    return counts


def views_by_need(pictures: Sequence[Picture], views: int) -> dict[int, list[Picture]]:
    """Pictures by the number of views they get: more where their class is rare, a third where they show no particle."""
    shown = [None if not len(p.detections) else int(np.bincount(p.detections.class_id).argmax()) for p in pictures]
    often = Counter(c for c in shown if c is not None)
    groups: dict[int, list[Picture]] = {}
    for picture, class_id in zip(pictures, shown, strict=True):
        need = 1 / 3 if class_id is None else min(2.0, max(often.values()) / often[class_id])
        groups.setdefault(max(1, round(views * need)), []).append(picture)
    return groups


def synthetic_tiles(pictures: Iterable[Picture], *, side_px: int, seed: int) -> Iterator[Tile]:
    """One tile of each picture: itself where it is a tile already, else a view at its own scale."""
    for number, picture in enumerate(pictures):
        if picture.image.shape == (side_px, side_px):
            yield picture.image, picture.detections
        else:
            yield cut_view(picture, side_px=side_px, scale=1.0, turns=0, rng=np.random.default_rng((seed, number)))


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
    """Write tiles as PNG with YOLO labels under images/`part` and labels/`part`; answers the counts."""
    images, labels = folder / "images" / part, folder / "labels" / part
    for each in (images, labels):
        each.mkdir(parents=True, exist_ok=True)
    counts = dict.fromkeys(("tiles", *CLASSES), 0)
    offset = len(list(images.iterdir()))
    for number, (image, boxes) in enumerate(tiles, start=offset):
        cv2.imwrite(str(images / f"{number:06d}.png"), image)
        labelled = LabelledImage(f"{number:06d}.png", image.shape[1], image.shape[0], boxes)
        write_yolo(labels / f"{number:06d}.txt", labelled)
        counts["tiles"] += 1
        for name, n in boxes.counts().items():
            counts[name] += n
    return counts


def write_whole(pictures: Sequence[Picture], folder: Path) -> None:
    """Write whole pictures as a set for `nanotally evaluate`; nothing where there are none."""
    if not pictures:
        return
    for part in ("images", "labels"):
        (folder / part).mkdir(parents=True)
    write_classes(folder / "classes.txt", CLASSES)
    for picture in pictures:
        shutil.copyfile(picture.path, folder / "images" / picture.name)
        height, width = picture.image.shape
        labels = LabelledImage(picture.name, width, height, picture.detections)
        write_yolo(folder / "labels" / f"{picture.path.stem}.txt", labels)


def write_description(folder: Path, facts: dict[str, object]) -> None:
    """Write what ultralytics needs (`data.yaml`) and what people need (`manifest.json`)."""
    names = "".join(f"  {i}: {name}\n" for i, name in enumerate(CLASSES))
    (folder / "data.yaml").write_text(
        f"path: {folder.resolve()}\ntrain: images/train\nval: images/val\nchannels: 1\nnames:\n{names}"
    )
    (folder / "manifest.json").write_text(json.dumps(facts, indent=2) + "\n")
