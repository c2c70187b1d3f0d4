"""What classes by company cost where both classes are seen together: `python benchmarks/company.py SET...`.

Each picture is the left part of one with cubes alone and the right part of one with quasi-spheres alone, out of
labelled SETs such as `nanotally generate` makes. It is judged twice: each particle by its own looks, and by company.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from nanotally.bundle import load_bundle
from nanotally.detect import detector
from nanotally.detections import CLASSES, Detections
from nanotally.labels import LabelledImage, Sample, read_dataset, write_classes, write_yolo
from nanotally.opencv import cv2
from nanotally.trainer.evaluate import Judged, judge, pictures_of, text
from nanotally.trainer.evaluation.pooled import Fold, pooled
from nanotally.trainer.evaluation.questions import judgeable

SHARES = (0.1, 0.2, 0.5, 0.8, 0.9)
"""Of the width, that the cubes have."""
LEAST_SEEN = 0.5
"""Share of its width that a particle must have on this side of the cut to be one."""


def write_mosaic(folder: Path, name: str, cubes: Sample, spheres: Sample, share: float) -> None:
    left, right = (cv2.imread(str(each.image), cv2.IMREAD_GRAYSCALE) for each in (cubes, spheres))
    height, width = left.shape
    cut = round(share * width)
    sides = ((cubes.labels.detections, 0, cut), (spheres.labels.detections, cut, width))
    labels = Detections.concatenate(_within(*side) for side in sides)
    cv2.imwrite(str(folder / "images" / f"{name}.png"), np.concatenate([left[:, :cut], right[:, cut:]], axis=1))
    write_yolo(folder / "labels" / f"{name}.txt", LabelledImage(f"{name}.png", width, height, labels))


def _within(labels: Detections, first: int, end: int) -> Detections:
    """The labels between two columns, cut there."""
    boxes = labels.xyxy.copy()
    boxes[:, [0, 2]] = np.clip(boxes[:, [0, 2]], first, end)
    seen = boxes[:, 2] - boxes[:, 0] >= LEAST_SEEN * (labels.xyxy[:, 2] - labels.xyxy[:, 0])
    return Detections(boxes[seen], labels.score[seen], labels.class_id[seen])


def error_of_shares(judged: list[Judged], thresholds: np.ndarray) -> float:
    """Mean difference between the share of cubes among what was found and among what is there."""
    found = [image.found.class_id[image.found.score >= thresholds[image.found.class_id]] for image in judged]
    pairs = zip(found, judged, strict=True)
    return float(np.mean([abs((f == 0).mean() - (j.truth.class_id == 0).mean()) for f, j in pairs if len(f)]))


def main(
    sets: Annotated[list[Path], typer.Argument(help="Labelled sets whose pictures are of one size.")],
    each: Annotated[int, typer.Option(help="Pictures of each share.")] = 6,
    seed: Annotated[int, typer.Option(help="Of the pairs.")] = 0,
) -> None:
    rng, bundle = np.random.default_rng(seed), load_bundle(None)
    samples = [sample for folder in sets for sample in read_dataset(folder).samples if len(sample.labels.detections)]
    kinds = [[s for s in samples if (s.labels.detections.class_id == kind).all()] for kind in range(len(CLASSES))]
    thresholds = np.array([bundle.manifest.thresholds[name] for name in CLASSES], np.float32)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for name in ("images", "labels"):
            (folder / name).mkdir()
        write_classes(folder / "labels" / "classes.txt", CLASSES)
        for number, share in enumerate(share for share in SHARES for _ in range(each)):
            pair = [of_kind[rng.integers(len(of_kind))] for of_kind in kinds]
            write_mosaic(folder, f"{number:03}", *pair, share)
        ways = {"by its own looks": lambda found, *_: found, "by company": detector.by_company}
        for way, classify in ways.items():
            detector.by_company = classify
            judged = judge(bundle, pictures_of(judgeable(read_dataset(folder))))
            print(f"\n{way}: share of cubes off by {100 * error_of_shares(judged, thresholds):.1f} points")
            print(text(pooled([Fold(judged, thresholds)])).split("\n\n")[0])


if __name__ == "__main__":
    typer.run(main)
