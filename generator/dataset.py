"""Writing a set of synthetic micrographs: images, labels, and a manifest from which it can be made again."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nanotally import __version__
from nanotally.detections import CLASSES
from nanotally.errors import DatasetError, UsageError
from nanotally.generator.micrograph import (
    SyntheticMicrograph,
    make_micrograph,
    make_paper_micrograph,
    random_specimen,
)
from nanotally.generator.pattern import LONGEST_PX, Pattern, read_pattern
from nanotally.labels import LabelledImage, write_classes, write_coco, write_voc, write_yolo
from nanotally.opencv import cv2

EMPTY_SHARE = 0.04
"""Share of `sem` micrographs without any particle: a detector must know those too."""
FORMATS = ("yolo", "voc", "coco")
FOLDERS = {"yolo": "labels", "voc": "voc"}
"""Where a format has its files, one an image."""
Make = Callable[[int], SyntheticMicrograph]


@dataclass(frozen=True, kw_only=True)
class Order:
    """What is to be generated.

    Attributes:
        pattern: pattern file, for mode `paper`; None: procedural shapes.
        classes: procedural shapes to draw.
        mode: `paper`: apart from one another on a flat dark canvas; `sem`: the variety of real micrographs.
        count: images.
        max_particles: the most particles an image.
        width: of procedural images, pixels; a pattern file states its own.
        height: of procedural images, pixels.
        seed: of everything; the same order gives the same bytes.
    """

    pattern: str | None = None
    classes: tuple[str, ...] = CLASSES
    mode: str = "sem"
    count: int = 10
    max_particles: int = 60
    width: int = 1280
    height: int = 960
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Picture:
    """A labelled image that is to be written.

    Attributes:
        image: (h, w) uint8.
        labels: what is in it; it is named anew when it is written.
        facts: what else the manifest says of it.
    """

    image: NDArray[np.uint8]
    labels: LabelledImage
    facts: Mapping[str, object]


def picture_of(made: SyntheticMicrograph) -> Picture:
    """What is written of a synthetic micrograph."""
    height, width = made.image.shape
    truth = made.truth
    labels = LabelledImage("", width, height, truth.detections, truth.difficult, truth.truncated)
    return Picture(made.image, labels, {"stop": made.stop, "field": list(made.field)})


def maker(order: Order) -> Make:
    """The function from an image's number to the image.

    Raises:
        UsageError: if the order makes no sense.
        PatternError: if the pattern file or a template cannot be used.
    """
    if order.mode not in ("paper", "sem"):
        raise UsageError(f"mode {order.mode!r} is not known; there are paper and sem")
    unknown = [name for name in order.classes if name not in CLASSES]
    if unknown or not order.classes:
        raise UsageError(f"shape {', '.join(unknown) or '(none)'} is not known; there are {', '.join(CLASSES)}")
    if order.count < 1 or min(order.max_particles, order.seed) < 0:
        raise UsageError("count must be 1 or more, max-particles and seed 0 or more")
    if not (64 <= order.width <= LONGEST_PX and 64 <= order.height <= LONGEST_PX):
        raise UsageError(f"an image of {order.width}x{order.height} px cannot be made; 64 to {LONGEST_PX} px a side")
    if order.mode == "sem":
        if order.pattern is not None:
            raise UsageError("mode sem draws procedural shapes only; a pattern file is for mode paper")
        return partial(_sem, order)
    return partial(_paper, order, read_pattern(Path(order.pattern)) if order.pattern is not None else order.classes)


def _sem(order: Order, number: int) -> SyntheticMicrograph:
    rng = np.random.default_rng((order.seed, number, 0))
    specimen = random_specimen(rng, order.classes)
    # From a lone particle to a crowd, each order of magnitude equally often; a few fields are empty.
    most = 0 if rng.random() < EMPTY_SHARE else round(np.exp(rng.uniform(0, np.log(max(order.max_particles, 1)))))
    return make_micrograph(
        specimen, height=order.height, width=order.width, max_particles=min(most, order.max_particles),
        seed=(order.seed, number, 1), annotate=True,
    )  # fmt: skip


def _paper(order: Order, source: Pattern | tuple[str, ...], number: int) -> SyntheticMicrograph:
    return make_paper_micrograph(
        source, height=order.height, width=order.width, max_particles=order.max_particles,
        seed=(order.seed, number),
    )  # fmt: skip


def make_all(order: Order, *, workers: int = 1) -> Iterator[Picture]:
    """All images of the order, by number; the number of workers does not change a byte.

    Raises:
        UsageError, PatternError: as `maker`, at once.
    """
    make = maker(order)
    if workers < 2 or order.count < 2:
        return map(picture_of, map(make, range(order.count)))
    return _make_in_pool(make, order.count, min(workers, order.count))


def _make_in_pool(make: Make, count: int, workers: int) -> Iterator[Picture]:
    with get_context("spawn").Pool(workers, _start_worker) as pool:
        yield from map(picture_of, pool.imap(make, range(count)))


def _start_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends its workers
    cv2.setNumThreads(1)  # there is a worker a core already


def write_set(
    order: Mapping[str, object], pictures: Iterable[Picture], out: Path, formats: Sequence[str]
) -> dict[str, int]:
    """Write images and labels under `out`; answers how many images and particles a class were written.

    Layout: `images/000000.png`, `labels/000000.txt` with `classes.txt` (yolo), `voc/000000.xml`, `coco.json`, and
    `manifest.json` with the order, the version and the facts about each picture.

    Raises:
        UsageError: if a format is not known or `out` holds something already.
        DatasetError: if something cannot be written.
    """
    unknown = [name for name in formats if name not in FORMATS]
    if unknown or not formats:
        raise UsageError(f"label format {', '.join(unknown) or '(none)'} is not known; there are {', '.join(FORMATS)}")
    try:
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise UsageError(f"{out} is there already and is not an empty folder; choose another --out")
        return _write(order, pictures, out, formats)
    except OSError as error:
        raise DatasetError(f"{out}: cannot be written: {error}") from error


def _write(
    order: Mapping[str, object], pictures: Iterable[Picture], out: Path, formats: Sequence[str]
) -> dict[str, int]:
    for folder in ("images", *(FOLDERS[name] for name in formats if name in FOLDERS)):
        (out / folder).mkdir(parents=True, exist_ok=True)
    totals = dict.fromkeys(("images", *CLASSES), 0)
    labelled, made = [], []
    for number, picture in enumerate(pictures):
        labels = _write_one(picture, out, f"{number:06d}", formats)
        labelled.append(labels)
        counts = labels.detections.counts()
        totals["images"] += 1
        for name, n in counts.items():
            totals[name] += n
        made.append({"image": labels.image, **counts, **picture.facts})
    if "yolo" in formats:
        write_classes(out / "classes.txt", CLASSES)
    if "coco" in formats:
        write_coco(out / "coco.json", labelled)
    facts = {"nanotally": __version__, "order": order, "totals": totals, "images": made}
    (out / "manifest.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    return totals


def _write_one(picture: Picture, out: Path, stem: str, formats: Sequence[str]) -> LabelledImage:
    labels = replace(picture.labels, image=f"{stem}.png")
    path = out / "images" / labels.image
    if not cv2.imwrite(str(path), picture.image):
        raise DatasetError(f"{path}: cannot be written; is the disk full?")
    if "yolo" in formats:
        write_yolo(out / "labels" / f"{stem}.txt", labels)
    if "voc" in formats:
        write_voc(out / "voc" / f"{stem}.xml", labels)
    return labels
