"""`nanotally evaluate`: how good bundles are on a labelled set."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from nanotally.cli import app
from nanotally.cli.progress import progress


@app.command()
def evaluate(
    models: Annotated[list[str], typer.Argument(metavar="MODEL...", help="Bundle folders, `default` or `default-int8`.")],
    dataset: Annotated[Path, typer.Argument(help="Folder with images/, labels/ (YOLO) and classes.txt.")],
    *,
    engine: Annotated[str, typer.Option(help="auto or openvino.")] = "auto",
    scale: Annotated[float, typer.Option(help="Network pixels per image pixel at the finest level.")] = 1.0,
    border_difficult: Annotated[
        bool, typer.Option("--border-difficult", help="Neither ask for particles that the border cuts, nor mind them.")
    ] = False,
    modality: Annotated[
        str | None, typer.Option(help="Only pictures that the set's index says to be of it, such as SEM.")
    ] = None,
    strict_cartucho: Annotated[
        bool, typer.Option("--strict-cartucho", help="mAP with all the quirks of Cartucho's script.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
    report: Annotated[Path | None, typer.Option(help="Folder to write index.html into, a page with pictures.")] = None,
) -> None:
    """Find particles in a labelled set and say what was found, missed and invented."""
    from nanotally.bundle import load_bundle
    from nanotally.labels import read_dataset
    from nanotally.trainer import evaluate as trainer

    bundles = [load_bundle(model) for model in models]
    labelled = trainer.judgeable(read_dataset(dataset), modality=modality)
    trials = []
    for bundle in bundles:
        name = bundle.manifest.name
        pictures = trainer.pictures_of(labelled, border_difficult=border_difficult)
        shown = progress(pictures, f"evaluating {name}", len(labelled.samples))
        judged = trainer.judge(bundle, shown, engine=engine, scale=scale)
        result = trainer.evaluate(judged, bundle, unlabelled=len(labelled.unlabelled), strict_cartucho=strict_cartucho)
        trials.append(trainer.Trial(bundle, judged, result))
        if not as_json:
            print(f"{name} on {dataset}: {result.images} images")
            if result.unlabelled:
                print(f"  {result.unlabelled} images have no label file and were left out")
            print(trainer.text(result), flush=True)
    if as_json:
        told = [
            {"model": own.bundle.manifest.name, "sha256": own.bundle.manifest.sha256, "dataset": str(dataset)}
            | trainer.figures(own.evaluation)
            for own in trials
        ]
        print(json.dumps(told[0] if len(told) == 1 else told, indent=2))
    if report is not None:
        page = trainer.write_report(report, trials, dataset=str(dataset))
        typer.echo(f"report: {page}", err=as_json)
