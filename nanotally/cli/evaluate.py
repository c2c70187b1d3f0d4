"""`nanotally evaluate`: how good bundles are on a labelled set."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nanotally.cli import app
from nanotally.cli.options import Dask, Scale
from nanotally.cli.progress import progress
from nanotally.errors import MicrographError
from nanotally.spread import Failure, spread_over

if TYPE_CHECKING:
    from nanotally.labels import Dataset
    from nanotally.trainer.evaluate import Trial


@app.command()
def evaluate(
    models: Annotated[
        list[str], typer.Argument(metavar="MODEL...", help="Bundle folders, `default` or `default-int8`.")
    ],
    dataset: Annotated[Path, typer.Argument(help="Folder with images/, labels/ (YOLO) and classes.txt.")],
    *,
    engine: Annotated[str, typer.Option(help="auto, openvino or tensorrt.")] = "auto",
    scale: Scale = None,
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
    dask: Dask = None,
    report: Annotated[Path | None, typer.Option(help="Folder to write index.html into, a page with pictures.")] = None,
) -> None:
    """Find particles in a labelled set and say what was found, missed and invented.

    A picture that cannot be read is named, the rest is judged, and the exit code is 1.
    """
    from nanotally.bundle import load_bundle
    from nanotally.trainer import evaluate as trainer

    bundles = [load_bundle(model) for model in models]
    whole, faults = _readable(dataset)
    labelled = trainer.judgeable(whole, modality=modality)
    trials: list[trainer.Trial] = []
    with spread_over(dask) as spread:
        for bundle in bundles:
            asked = trainer.judge_with(
                spread, bundle, labelled, border_difficult=border_difficult, engine=engine, scale=scale
            )
            answers = [*progress(asked, f"evaluating {bundle.manifest.name}", len(labelled.samples))]
            judged = [answer for answer in answers if not isinstance(answer, Failure)]
            faults += [answer.of(answer.item.sample.image) for answer in answers if isinstance(answer, Failure)]
            if not judged:
                raise _all_of(faults)
            unlabelled = len(labelled.unlabelled)
            result = trainer.evaluate(judged, bundle, unlabelled=unlabelled, strict_cartucho=strict_cartucho)
            trials.append(trainer.Trial(bundle, judged, result))
            if not as_json:
                _print(trials[-1], dataset)
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
    if faults:
        raise _all_of(faults)


def _readable(dataset: Path) -> tuple[Dataset, list[str]]:
    """The set without the pictures that cannot be read, and what is wrong with these.

    Raises:
        NanotallyError: if anything else is wrong, or no picture is left.
    """
    from nanotally.labels import examine_dataset

    whole = examine_dataset(dataset)
    for fault in whole.faults:
        if not whole.samples or not isinstance(fault.error, MicrographError):
            raise fault.error
    return whole, [str(fault.error) for fault in whole.faults]


def _all_of(faults: list[str]) -> MicrographError:
    once = tuple(dict.fromkeys(faults))  # each bundle tells of the same pictures
    return MicrographError("; ".join(once), faults=once)


def _print(trial: Trial, dataset: Path) -> None:
    from nanotally.trainer.evaluate import text

    result = trial.evaluation
    print(f"{trial.bundle.manifest.name} on {dataset}: {result.images} images")
    if result.unlabelled:
        print(f"  {result.unlabelled} images have no label file and were left out")
    print(text(result), flush=True)
