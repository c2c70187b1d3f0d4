"""Outlines of particles whose boxes are known: ours beside the ellipse in the box, Otsu's threshold and GrabCut.

Every particle of `../shared/data/emps-dev` that `nanotally templates` would cut by its box, at most `MOST` a picture.
Each method gets the micrograph and the box; the masks of the set, drawn by hand, are the truth.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from nanotally.detections import CLASSES
from nanotally.errors import UsageError
from nanotally.generator.labelled import Labelled, read_labelled
from nanotally.generator.outline import find_outline
from nanotally.generator.templates import KEPT, SMALLEST_PX, cut
from nanotally.opencv import cv2

MOST = 6
RING = 0.15
"""Surroundings that Otsu and GrabCut see, as a share of the longer side of the box."""

Grey = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Box = tuple[int, int, int, int]


def ours(image: Grey, box: Box, cube: bool) -> Mask:
    return find_outline(image, box, cube=cube).mask


def ellipse(image: Grey, box: Box, cube: bool) -> Mask:
    x1, y1, x2, y2 = box
    mask = np.zeros(image.shape, np.uint8)
    cv2.ellipse(mask, (((x1 + x2 - 1) / 2, (y1 + y2 - 1) / 2), (x2 - x1, y2 - y1), 0), 1, -1)
    return mask.astype(bool)


def otsu(image: Grey, box: Box, cube: bool) -> Mask:
    """The side of Otsu's threshold on which the ring around the box is not; largest part, holes filled."""
    window, inner = _window(image, box)
    grey = cv2.GaussianBlur(image[window], (0, 0), max(0.5, 0.015 * max(inner.shape)))
    level, above = cv2.threshold(grey, 0, 1, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    particle = above.astype(bool) if np.median(grey[~inner]) <= level else ~above.astype(bool)
    return _filled(particle & inner, image.shape, window)


def grab_cut(image: Grey, box: Box, cube: bool) -> Mask:
    """GrabCut on the grey level at two scales and its local spread: the ring is background, the core is particle."""
    window, inner = _window(image, box)
    grey, side = image[window], max(inner.shape)
    mean, square = (cv2.GaussianBlur(x, (0, 0), 2) for x in (grey.astype(np.float32), grey.astype(np.float32) ** 2))
    spread = np.clip(4 * np.sqrt(np.maximum(square - mean**2, 0)), 0, 255).astype(np.uint8)
    scales = [cv2.GaussianBlur(grey, (0, 0), max(least, share * side)) for least, share in ((0.5, 0.01), (1, 0.05))]
    x1, y1, x2, y2 = box
    w, h = (x2 - x1) * 0.2, (y2 - y1) * 0.2
    core = ellipse(image, (round(x1 + w), round(y1 + h), round(x2 - w), round(y2 - h)), cube)[window]
    labels = np.where(core, cv2.GC_FGD, np.where(inner, cv2.GC_PR_FGD, cv2.GC_BGD)).astype(np.uint8)
    cv2.setRNGSeed(0)
    models = np.zeros((2, 1, 65))
    cv2.grabCut(np.dstack([*scales, spread]), labels, None, *models, 4, cv2.GC_INIT_WITH_MASK)
    return _filled((labels & 1).astype(bool), image.shape, window)


def _window(image: Grey, box: Box) -> tuple[tuple[slice, slice], Mask]:
    """The box with its ring, and where in it the box is."""
    x1, y1, x2, y2 = box
    ring = max(3, int(RING * max(x2 - x1, y2 - y1)))
    window = slice(max(y1 - ring, 0), y2 + ring), slice(max(x1 - ring, 0), x2 + ring)
    whole = np.zeros(image.shape, bool)
    whole[y1:y2, x1:x2] = True
    return window, whole[window]


def _filled(particle: Mask, shape: tuple[int, ...], window: tuple[slice, slice]) -> Mask:
    contours, _ = cv2.findContours(particle.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    whole = np.zeros(shape, np.uint8)
    part = np.zeros(particle.shape, np.uint8)
    if contours:
        cv2.drawContours(part, [max(contours, key=cv2.contourArea)], -1, 1, -1)
    whole[window] = part
    return whole.astype(bool)


METHODS: dict[str, Callable[[Grey, Box, bool], Mask]] = {
    "ours": ours, "ellipse": ellipse, "Otsu": otsu, "GrabCut": grab_cut,
}  # fmt: skip


def pictures(folder: Path) -> Iterator[Labelled]:
    """The labelled pictures of the set, with boxes and masks."""
    for labels in sorted((folder / "labels").glob("*.txt")):
        name = f"{labels.stem}.png"
        if labels.name != "classes.txt":
            yield read_labelled(folder / "images" / name, labels, mask=folder / "masks" / name)


def cases(labelled: Labelled) -> list[int]:
    """Rows of the particles that boxes alone let through, and that are labelled in the mask."""
    assert labelled.instances is not None
    boxes_only = Labelled(labelled.micrograph, labelled.labels, None)
    rows = [row for row, (fate, _) in enumerate(cut(boxes_only)) if fate in (KEPT, "unclear")]
    rows = [row for row in rows if labelled.labels.detections.size[row].min() >= SMALLEST_PX]
    rows = [row for row in rows if (labelled.instances == row + 1).any()]
    return np.random.default_rng(0).permutation(rows)[:MOST].tolist()


def main() -> None:
    """Print the table."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "../shared/data/emps-dev")
    if not (folder / "masks").is_dir():
        raise UsageError(f"{folder}: not here; give the folder of the EMPS pictures")
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    took_s = dict.fromkeys(METHODS, 0.0)
    for labelled in pictures(folder):
        for row in cases(labelled):
            truth = labelled.instances == row + 1
            x1, y1, x2, y2 = (round(float(edge)) for edge in labelled.labels.detections.xyxy[row])
            class_name = CLASSES[labelled.labels.detections.class_id[row]]
            for name, method in METHODS.items():
                start = perf_counter()
                mask = method(labelled.micrograph.image, (x1, y1, x2, y2), class_name == "cube")
                took_s[name] += perf_counter() - start
                found[class_name, name].append(float((mask & truth).sum() / (mask | truth).sum()))
    table = Table("class", "particles", "method", "IoU median", "IoU 10th percentile", "ms each")
    for (class_name, name), values in sorted(found.items()):
        ms = 1000 * took_s[name] / sum(len(v) for (_, n), v in found.items() if n == name)
        figures = f"{np.median(values):.3f}", f"{np.percentile(values, 10):.3f}", f"{ms:.1f}"
        table.add_row(class_name, str(len(values)), name, *figures)
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
