"""Make the picture in `docs/correcting.md` again: `python docs/make_correcting_pictures.py`.

A synthetic micrograph goes through `nanotally detect`, its labels are corrected, and read as `nanotally dataset` reads
them. The truth takes the part of the person who corrects.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from nanotally.detections import Detections, iou
from nanotally.draw import overlay
from nanotally.generator.micrograph import make_micrograph
from nanotally.generator.recipe import read_recipe, sample
from nanotally.generator.truth import Truth
from nanotally.labels import LabelledImage, read_voc, write_voc
from nanotally.opencv import cv2
from nanotally.trainer.intake import take_in

IMAGES = Path(__file__).parent / "images"
SEED = 39
HEIGHT, WIDTH = 480, 640
TAKEN_AWAY, ADDED = (0, 94, 213), (115, 158, 0)
"""Colours BGR, of Okabe and Ito's palette."""


def correct(found: LabelledImage, truth: Truth) -> tuple[LabelledImage, NDArray[np.bool_], NDArray[np.bool_]]:
    """The labels as a person would leave them, which of `found` were taken away, and which of them were drawn anew."""
    overlap = iou(found.detections.xyxy, truth.detections.xyxy)
    right = overlap.max(axis=1, initial=0) >= 0.5
    missed = (overlap.max(axis=0, initial=0) < 0.5) & ~truth.difficult
    boxes = Detections.concatenate([found.detections[right], truth.detections[missed]])
    class_id = np.concatenate([truth.detections.class_id[overlap.argmax(axis=1)[right]], boxes.class_id[right.sum() :]])
    labels = replace(found, detections=replace(boxes, class_id=class_id), difficult=None, truncated=None, visible=None)
    return labels, ~right, np.arange(len(boxes)) >= right.sum()


def outline(picture: NDArray[np.uint8], boxes: NDArray[np.float32], colour: tuple[int, int, int]) -> None:
    """Draw thick boxes a little outside the others."""
    for x1, y1, x2, y2 in np.round(boxes).astype(int).tolist():
        cv2.rectangle(picture, (x1 - 3, y1 - 3), (x2 + 2, y2 + 2), colour, 2)


def main() -> None:
    """Write the picture, and say how many boxes it shows corrected."""
    specimen, _ = sample(read_recipe("sem"), np.random.default_rng(SEED))
    made = make_micrograph(specimen, height=HEIGHT, width=WIDTH, max_particles=400, seed=SEED)
    with TemporaryDirectory() as name:
        images, results, corrected = (Path(name, part) for part in ("micrographs", "results", "corrected"))
        images.mkdir()
        corrected.mkdir()
        cv2.imwrite(str(images / "a.png"), made.image)
        words = ("detect", images, "--out", results, "--to", "voc")
        subprocess.run([sys.executable, "-m", "nanotally", *map(str, words)], check=True)
        before = read_voc(results / "voc" / "a.xml")
        labels, away, added = correct(before, made.truth)
        (corrected / "images").symlink_to(images)
        (results / "voc").rename(corrected / "Annotations")
        write_voc(corrected / "Annotations" / "a.xml", labels)
        (entry,) = take_in([], [corrected]).real
        after = entry.open()
    left, right = overlay(made.image, before.detections), overlay(made.image, after.detections)
    outline(left, before.detections.xyxy[away], TAKEN_AWAY)
    outline(right, after.detections.xyxy[added], ADDED)
    cv2.imwrite(str(IMAGES / "correcting.jpg"), np.hstack([left, right]), [cv2.IMWRITE_JPEG_QUALITY, 82])
    kept = int((~away).sum())
    turned = int((before.detections.class_id[~away] != after.detections.class_id[:kept]).sum())
    print(
        f"{len(before)} boxes found, {away.sum()} taken away, {added.sum()} added, {turned} given the other class; "
        f"{len(after.detections)} read back"
    )


if __name__ == "__main__":
    main()
