"""`nanotally evaluate`: how good a bundle is on a labelled set."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from nanotally.cli import app
from nanotally.cli.progress import progress


@app.command()
def evaluate(
    model: Annotated[str, typer.Argument(help="Bundle folder, or `default`.")],
    dataset: Annotated[Path, typer.Argument(help="Folder with images/, labels/ (YOLO) and classes.txt.")],
    *,
    engine: Annotated[str, typer.Option(help="auto or openvino.")] = "auto",
    scale: Annotated[float, typer.Option(help="Network pixels per image pixel at the finest level.")] = 1.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Find particles in a labelled set and say what was found, missed and invented."""
    from nanotally.bundle import load_bundle
    from nanotally.labels import read_dataset
    from nanotally.trainer import evaluate as trainer

    bundle = load_bundle(None if model == "default" else model)
    labelled = read_dataset(dataset)
    pictures = progress(trainer.pictures_of(labelled), "evaluating", len(labelled.samples))
    judged = trainer.judge(bundle, pictures, engine=engine, scale=scale)
    result = trainer.evaluate(judged, bundle, unlabelled=len(labelled.unlabelled))
    if as_json:
        facts = {"model": bundle.manifest.name, "sha256": bundle.manifest.sha256, "dataset": str(dataset)}
        print(json.dumps(facts | trainer.figures(result), indent=2))
        return
    print(f"{bundle.manifest.name} on {dataset}: {result.images} images")
    if result.unlabelled:
        print(f"  {result.unlabelled} images have no label file and were left out")
    print(
        f"  {'class':<14}{'labelled':>9}{'found':>7}{'missed':>8}{'false':>7}{'recall':>8}{'precision':>11}{'AP50':>7}"
    )
    for name, score in result.classes.items():
        missed = score.labelled - score.found
        print(
            f"  {name:<14}{score.labelled:>9}{score.found:>7}{missed:>8}{score.false:>7}"
            f"{_share(score.recall):>8}{_share(score.precision):>11}{_share(score.ap50):>7}"
        )
    print(
        f"  mAP50 {_share(result.map50)}, mAP50-95 {_share(result.map50_95)}, found whatever the class "
        f"{_share(result.found_any_class)}, mean IoU of the found {_share(result.mean_iou_tp)}, "
        f"mean error of the count {_share(result.count_error)}"
    )


def _share(value: float) -> str:
    return "-" if value != value else f"{value:.3f}"  # noqa: PLR0124 - nan is not itself
