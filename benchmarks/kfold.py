"""How good a recipe is on real micrographs that it never saw: `python benchmarks/kfold.py SET MADE --start base.pt`.

The articles of SET are dealt into folds. For each fold a network is trained on MADE, a set of `nanotally generate` in
the size of a tile, and on views of the pictures of the other folds, but for the next one, by which the checkpoint is
chosen. Then it judges the fold. The figures are pooled over all folds, so every picture is judged once, by a network
that saw nothing of its article. A fold's thresholds are chosen on what the other networks found in theirs: one fold
alone is too small to choose them well. Folds that are done are not done again.
"""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from nanotally.bundle import MANIFEST, load_bundle
from nanotally.detections import CLASSES
from nanotally.labels import read_dataset
from nanotally.trainer.compose import (
    VIEWS_TO_JUDGE,
    opened,
    real_views,
    synthetic_tiles,
    views_by_need,
    write_description,
    write_part,
    write_whole,
)
from nanotally.trainer.entry import Entry, entries_of
from nanotally.trainer.evaluate import Judged, best_thresholds, figures, judge, pictures_of, text
from nanotally.trainer.evaluation.pooled import Fold, pooled
from nanotally.trainer.evaluation.questions import judgeable
from nanotally.trainer.export import export
from nanotally.trainer.intake import quietly
from nanotally.trainer.split import split_by_group
from nanotally.trainer.train import RECIPES, count_pictures, train

SIDE_PX = 416


def write_fold(folder: Path, parts: list[list[Entry]], made: list[Entry], *, own: int, views: int, seed: int) -> None:
    """The training set of the network that judges part `own`, and that part as a set to judge."""
    chosen_by = (own + 1) % len(parts)
    seen = [entry for number, part in enumerate(parts) if number not in (own, chosen_by) for entry in part]
    write_part(synthetic_tiles(opened(made, quietly, ""), side_px=SIDE_PX, seed=seed), folder, "train")
    for each, group in views_by_need(seen, views).items():
        shown = opened(group, quietly, "")
        write_part(real_views(shown, each=each, side_px=SIDE_PX, seed=seed + each, vary=True), folder, "train")
    shown = opened(parts[chosen_by], quietly, "")
    write_part(real_views(shown, each=VIEWS_TO_JUDGE, side_px=SIDE_PX, seed=seed, vary=False), folder, "val")
    for name, part in (("real-val", chosen_by), ("real-test", own)):
        write_whole(list(opened(parts[part], quietly, "")), folder / name)
    write_description(folder, {"fold": own, "seed": seed})


def thresholds_without(judged: list[list[Judged]], own: int) -> NDArray[np.float32]:
    """(classes,), thresholds chosen on what was found in all parts but `own`."""
    others = [image for number, part in enumerate(judged) if number != own for image in part]
    return np.array([best_thresholds(others, CLASSES)[name] for name in CLASSES], np.float32)


def main(
    pictures: Annotated[Path, typer.Argument(help="Labelled set of real micrographs.")],
    made: Annotated[Path, typer.Argument(help="Set of `nanotally generate`, of the size of a tile.")],
    out: Annotated[Path, typer.Option(help="Folder for sets, runs and bundles.")] = Path("runs/kfold"),
    recipe: Annotated[str, typer.Option(help="Of `nanotally train`.")] = "default",
    start: Annotated[Path | None, typer.Option(help="Checkpoint that saw no real picture.")] = None,
    folds: Annotated[int, typer.Option(help="How many.")] = 5,
    images: Annotated[int, typer.Option(help="Pictures that each network sees.")] = 8000,
    most_made: Annotated[int, typer.Option(help="Synthetic pictures in each training set.")] = 1500,
    views: Annotated[int, typer.Option(help="Of each real picture.")] = 24,
    rate: Annotated[float | None, typer.Option(help="Learning rate at the start; none: the recipe's.")] = None,
    seed: Annotated[int, typer.Option(help="Of folds, views and weights.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    entries = entries_of(read_dataset(pictures))
    names = [str(number) for number in range(folds)]
    parts = list(split_by_group(entries, dict.fromkeys(names, 1 / folds), seed=seed).values())
    synthetic = list(islice(entries_of(read_dataset(made), synthetic=True), most_made))
    for number in range(folds):
        folder = out / str(number)
        if not (folder / "data" / "data.yaml").is_file():
            write_fold(folder / "data", parts, synthetic, own=number, views=views, seed=seed)
        if not (folder / "bundle" / MANIFEST).is_file():
            wanted = replace(RECIPES[recipe], start=start, seed=seed)
            wanted = wanted.seeing(images, pictures=count_pictures(folder / "data"))
            best = train(
                wanted if rate is None else replace(wanted, learning_rate=rate), folder / "data", folder / "run"
            )
            validation = folder / "data" / "real-val"
            export(best, folder / "bundle", name=recipe, side_px=SIDE_PX, trained_on="k-fold", validation=validation)
    judged = []
    for number in range(folds):
        bundle = load_bundle(out / str(number) / "bundle")
        fold = read_dataset(out / str(number) / "data" / "real-test")
        shown = {entry.name for entry in parts[number] if entry.kind.startswith("SEM")}
        questions = (asked for asked in pictures_of(judgeable(fold)) if asked.path.name in shown)
        judged.append(judge(bundle, questions))
    told = pooled([Fold(own, thresholds_without(judged, number)) for number, own in enumerate(judged)])
    print(json.dumps(figures(told), indent=2) if as_json else text(told))


if __name__ == "__main__":
    typer.run(main)
