"""`nanotally detect`: particles in image files."""

from __future__ import annotations

import sys
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated

import typer

from nanotally.cli import app
from nanotally.cli.options import Dask, Scale
from nanotally.errors import MicrographError, NanotallyError

FORMATS = ("csv", "parquet", "json", "html", "imagej", "coco", "voc", "yolo")


@app.command()
def detect(
    images: Annotated[list[Path], typer.Argument(help="Image files, and folders with all below them.")],
    *,
    out: Annotated[str, typer.Option(help="Folder for the results; of parts also a URL: s3://BUCKET/FOLDER.")],
    model: Annotated[Path | None, typer.Option(help="Bundle folder; left out: the default model.")] = None,
    to: Annotated[
        str,
        typer.Option(
            help=f"What to write, with commas between: {', '.join(FORMATS)}. Or parts alone: Parquet files of an "
            "archive; the same command again goes on where it was broken off."
        ),
    ] = "csv,json",
    overlay: Annotated[bool, typer.Option("--overlay", help="Also draw the boxes into pictures.")] = False,
    engine: Annotated[str, typer.Option(help="auto, openvino or tensorrt.")] = "auto",
    score: Annotated[float | None, typer.Option(help="Lowest score to keep; left out: the model's own.")] = None,
    scale: Scale = None,
    nm_per_px: Annotated[
        float | None, typer.Option(help="Nanometres a pixel of images that do not tell it themselves.", min=1e-6)
    ] = None,
    images_a_part: Annotated[int, typer.Option(help="Images whose results are in one part.")] = 256,
    dask: Dask = None,
) -> None:
    """Find particles in image files. A file that cannot be read is named, the rest is done, and the exit code is 1."""
    from nanotally.bundle import load_bundle
    from nanotally.cli.detecting import formats_of, told, write_files, write_parts
    from nanotally.detect import Detector, DetectSettings, load_engine
    from nanotally.detect.portable import Portable
    from nanotally.results import FILE_AN_IMAGE, Output, Run, check_stems, find_inputs
    from nanotally.results.look import Look
    from nanotally.results.parts import PARTS, Parts
    from nanotally.spread import spread_over

    started = datetime.now(timezone.utc)
    formats = formats_of(to, out, overlay=overlay)
    inputs = find_inputs(images, besides=Path(out.removeprefix("file://")))
    if FILE_AN_IMAGE.intersection(formats):
        check_stems(inputs)
    bundle = load_bundle(model)
    detector = Detector(bundle, load_engine(engine, bundle), DetectSettings(score=score, scale=scale))
    run = Run(
        images=len(inputs), classes=bundle.manifest.classes, model=told(bundle), engine=detector.engine.description,
        thresholds={name: round(least, 6) for name, least in detector.thresholds.items()},
        settings=asdict(detector.settings), nm_per_px=nm_per_px, command=["nanotally", *sys.argv[1:]],
        folder=Path.cwd(), started=started,
    )  # fmt: skip
    look = Look(Portable(detector, engine), run.folder, nm_per_px)
    try:
        with spread_over(dask) as spread:
            if formats == [PARTS]:
                parts = Parts(out, run, inputs, images_a_part=images_a_part)
                done: Parts | Output = write_parts(parts, spread, look)
            else:
                done = write_files(Output(Path(out), run, formats), spread, look, inputs)
    except OSError as error:
        raise NanotallyError(f"{error.filename or out}: cannot be written ({error.strerror or error})") from error
    print(f"{out}: {done.images} images, {done.particles} particles")
    if done.truncated:
        print(
            f"nanotally: some images hold more than the model's {bundle.manifest.max_detections} particles",
            file=sys.stderr,
        )
    if done.faults:
        raise MicrographError("; ".join(done.faults))
