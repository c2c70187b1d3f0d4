"""`nanotally detect`: particles in image files."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from nanotally.cli import app
from nanotally.cli.progress import progress
from nanotally.detect import Detector, DetectSettings, Found, load_engine
from nanotally.detections import FLAG_BORDER
from nanotally.errors import MicrographError, UsageError
from nanotally.labels import LabelledImage, write_classes, write_coco, write_voc, write_yolo
from nanotally.micrograph import Micrograph, list_micrographs, read_micrograph

FORMATS = ("csv", "json", "coco", "voc", "yolo")
COLUMNS = (
    "image", "class", "score", "x1_px", "y1_px", "x2_px", "y2_px", "box_width_nm", "box_height_nm", "at_border",
    "nm_per_px_x", "nm_per_px_y", "pixel_size_from",
)  # fmt: skip


@dataclass(frozen=True)
class Result:
    """What was found in one file."""

    path: Path
    micrograph: Micrograph
    found: Found


@app.command()
def detect(
    images: Annotated[list[Path], typer.Argument(help="Image files and folders.")],
    *,
    out: Annotated[Path, typer.Option(help="Folder for the results.")],
    model: Annotated[Path | None, typer.Option(help="Bundle folder; left out: the default model.")] = None,
    to: Annotated[str, typer.Option(help=f"What to write, with commas between: {', '.join(FORMATS)}.")] = "csv,json",
    overlay: Annotated[bool, typer.Option("--overlay", help="Also draw the boxes into pictures.")] = False,
    engine: Annotated[str, typer.Option(help="auto or openvino.")] = "auto",
    score: Annotated[float | None, typer.Option(help="Lowest score to keep; left out: the model's own.")] = None,
    scale: Annotated[float, typer.Option(help="Network pixels per image pixel at the finest level.")] = 1.0,
) -> None:
    """Find particles in image files. A file that cannot be read is named, the rest is done, and the exit code is 1."""
    from nanotally.bundle import load_bundle

    formats = to.split(",")
    unknown = [name for name in formats if name not in FORMATS]
    if unknown:
        raise UsageError(f"--to {', '.join(unknown)}: not known; there are {', '.join(FORMATS)}")
    files = [file for path in images for file in list_micrographs(path)]
    bundle = load_bundle(model)
    detector = Detector(bundle, load_engine(engine, bundle), DetectSettings(score=score, scale=scale))
    out.mkdir(parents=True, exist_ok=True)
    faults: list[str] = []
    results = []
    for result in _results(progress(files, "detecting", len(files)), detector, faults):
        results.append(result)
        if overlay:
            _draw(result, out / "overlay", bundle.manifest.classes)
    _write(results, out, formats, bundle.manifest.classes, bundle.manifest.name)
    total = sum(len(result.found.detections) for result in results)
    print(f"{out}: {len(results)} images, {total} particles")
    if any(result.found.truncated for result in results):
        print(
            f"nanotally: some images hold more than the model's {bundle.manifest.max_detections} particles",
            file=sys.stderr,
        )
    if faults:
        raise MicrographError("; ".join(faults))


def _results(files: Iterable[Path], detector: Detector, faults: list[str]) -> Iterator[Result]:
    """Results file by file; what cannot be read goes to `faults`."""
    for file in files:
        try:
            micrograph = read_micrograph(file)
        except MicrographError as error:
            faults.append(str(error))
            continue
        yield Result(file, micrograph, detector.detect(micrograph.image, field=micrograph.field))


def _draw(result: Result, folder: Path, classes: tuple[str, ...]) -> None:
    from nanotally.draw import overlay
    from nanotally.opencv import cv2

    folder.mkdir(exist_ok=True)
    nm_per_px = result.micrograph.nm_per_px
    picture = overlay(
        result.micrograph.image,
        result.found.detections,
        classes=classes,
        nm_per_px=nm_per_px[0] if nm_per_px else None,
    )
    cv2.imwrite(str(folder / f"{result.path.stem}.png"), picture)


def _write(results: Sequence[Result], out: Path, formats: Sequence[str], classes: tuple[str, ...], model: str) -> None:
    labelled = [_labels(result, classes) for result in results]
    if "csv" in formats:
        with (out / "particles.csv").open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file)
            table.writerow(COLUMNS)
            table.writerows(row for result in results for row in _rows(result, classes))
    if "json" in formats:
        facts = {"model": model, "images": [_facts(result, classes) for result in results]}
        (out / "particles.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    if "coco" in formats:
        write_coco(out / "coco.json", labelled, classes=classes)
    for name, suffix, write in (("voc", "xml", write_voc), ("yolo", "txt", write_yolo)):
        if name in formats:
            (out / name).mkdir(exist_ok=True)
            for labels in labelled:
                write(out / name / f"{Path(labels.image).stem}.{suffix}", labels)
    if "yolo" in formats:
        write_classes(out / "classes.txt", classes)


def _labels(result: Result, classes: tuple[str, ...]) -> LabelledImage:
    height, width = result.micrograph.image.shape
    found = result.found.detections
    return LabelledImage(
        result.path.name, width, height, found, truncated=(found.flags & FLAG_BORDER) > 0, classes=classes
    )


def _rows(result: Result, classes: tuple[str, ...]) -> Iterator[tuple[object, ...]]:
    """Rows of `COLUMNS`. A box is not a particle's size, so the columns say `box`."""
    nm_per_px, found = result.micrograph.nm_per_px, result.found.detections
    for box, score, class_id, flags in zip(found.xyxy, found.score, found.class_id, found.flags, strict=True):
        in_nm = ("", "") if nm_per_px is None else ((box[2] - box[0]) * nm_per_px[0], (box[3] - box[1]) * nm_per_px[1])
        yield (
            result.path.name, classes[class_id], f"{score:.4f}", *(f"{v:.2f}" for v in box),
            *(f"{v:.2f}" if v != "" else "" for v in in_nm), int(flags & FLAG_BORDER > 0),
            *(nm_per_px or ("", "")), result.micrograph.pixel_size_from or "",
        )  # fmt: skip


def _facts(result: Result, classes: tuple[str, ...]) -> dict[str, object]:
    found, micrograph = result.found, result.micrograph
    return {
        "image": result.path.name,
        "width": micrograph.image.shape[1],
        "height": micrograph.image.shape[0],
        "field": list(micrograph.field),
        "nm_per_px": micrograph.nm_per_px,
        "pixel_size_from": micrograph.pixel_size_from,
        "warnings": list(micrograph.warnings),
        "counts": found.detections.counts(classes),
        "truncated": found.truncated,
        "particles": [
            {"class": classes[c], "score": round(float(s), 4), "xyxy": [round(float(v), 2) for v in box]}
            for box, s, c in zip(found.detections.xyxy, found.detections.score, found.detections.class_id, strict=True)
        ],
    }
