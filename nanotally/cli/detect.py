"""`nanotally detect`: particles in image files."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from nanotally.cli import app
from nanotally.cli.progress import progress
from nanotally.detect import Detector, DetectSettings, load_engine
from nanotally.detections import FLAG_BORDER
from nanotally.errors import MicrographError, UsageError
from nanotally.labels import LabelledImage, write_classes, write_coco, write_voc, write_yolo
from nanotally.measure.density import Examined
from nanotally.measure.measurement import measure
from nanotally.micrograph import list_micrographs, read_micrograph
from nanotally.results import Result, write_csv, write_json

FORMATS = ("csv", "json", "coco", "voc", "yolo")


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
        for warning in result.micrograph.warnings:
            print(f"nanotally: {result.path.name}: {warning}", file=sys.stderr)
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
        found = detector.detect(micrograph.image, field=micrograph.field)
        measured = measure(
            micrograph.image, found.detections, Examined(micrograph.field),
            nm_per_px=micrograph.nm_per_px, classes=detector.bundle.manifest.classes,
        )  # fmt: skip
        yield Result(file, micrograph, found, measured)


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
        write_csv(out / "particles.csv", results, classes=classes)
    if "json" in formats:
        write_json(out / "particles.json", results, classes=classes, model=model)
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
