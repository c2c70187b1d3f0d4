"""What each group of the generator's controls is worth on real micrographs: `python benchmarks/ablation.py SET`.

One small network is trained from nothing on pictures of mode `paper`, on pictures of the default recipe with three
seeds (of pictures and weights), and on the recipe with one group left out. None of them sees a real picture. Each is
judged on all pictures of SET, those of other shapes included. Arms that are done are not done again.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from nanotally.detections import Detections
from nanotally.generator.orders import Order, make_all
from nanotally.labels import read_dataset
from nanotally.trainer.compose import Tile, write_description, write_part, write_whole
from nanotally.trainer.evaluate import evaluate, figures, judge, pictures_of
from nanotally.trainer.export import export
from nanotally.trainer.pictures import read_pictures
from nanotally.trainer.train import Recipe, train

SIDE_PX = 416
EPOCHS = 4
"""Passes over the pictures: the learning rate decays after each."""
TO_JUDGE = 48
"""Further pictures, which ultralytics wants after every pass; nothing is chosen by them."""
MOST = 120
GROUPS = {path.stem: path for path in sorted((Path(__file__).parent / "ablation").glob("*.toml"))}
ARMS = [("sem", 0), ("paper", 0), ("sem", 1), ("sem", 2), *((f"without {group}", 0) for group in GROUPS)]


def order(arm: str, seed: int, count: int) -> Order:
    """The pictures of an arm."""
    common: dict[str, Any] = {
        "count": count, "width": SIDE_PX, "height": SIDE_PX, "max_particles": MOST, "seed": 1000 + seed,
    }  # fmt: skip
    if arm == "paper":
        return Order(mode="paper", **common)
    return Order(recipe="sem" if arm == "sem" else str(GROUPS[arm.removeprefix("without ")]), **common)


def tiles(wanted: Order) -> Iterator[Tile]:
    for picture in make_all(wanted, workers=2):
        found: Detections = picture.labels.detections
        yield picture.image, found[found.size.min(axis=1) >= 5]


def run(arm: str, seed: int, images: int, folder: Path, real: Path) -> dict[str, Any]:
    """Figures of one arm."""
    data, out = folder / "data", folder / "run"
    if not (data / "data.yaml").is_file():
        shutil.rmtree(data, ignore_errors=True)
        made = tiles(order(arm, seed, images // EPOCHS + TO_JUDGE))
        write_part((next(made) for _ in range(TO_JUDGE)), data, "val")
        write_part(made, data, "train")
        write_description(data, {"arm": arm, "seed": seed})
    best = train(Recipe(epochs=EPOCHS, seed=seed), data, out)
    bundle = export(
        best.with_name("last.pt"), out / "bundle", name="ablation", side_px=SIDE_PX, trained_on=f"{arm}, seed {seed}"
    )
    return figures(evaluate(judge(bundle, pictures_of(read_dataset(real))), bundle))


def main(
    pictures: Annotated[Path, typer.Argument(help="Labelled set of real micrographs.")],
    out: Annotated[Path, typer.Option(help="Folder for pictures, runs and results.")] = Path("runs/ablation"),
    images: Annotated[int, typer.Option(help="Pictures that each network sees.")] = 4000,
) -> None:
    real, results = out / "real", out / "results.jsonl"
    if not real.is_dir():
        write_whole(read_pictures(pictures), real)
    done = [json.loads(line) for line in results.read_text().splitlines()] if results.is_file() else []
    for arm, seed in ARMS:
        if not any((row["arm"], row["seed"]) == (arm, seed) for row in done):
            made = run(arm, seed, images, out / f"{arm.replace(' ', '-')}-{seed}", real)
            done.append({"arm": arm, "seed": seed, "images": images, **made})
            with results.open("a") as lines:
                lines.write(json.dumps(done[-1]) + "\n")
    print(f"{'trained on':<26}{'seed':>5}{'mAP50':>8}{'cube':>8}{'sphere':>8}{'found':>8}")
    for row in done:
        cube, sphere = (row["classes"][name]["ap50"] for name in ("cube", "quasi_sphere"))
        print(
            f"{row['arm']:<26}{row['seed']:>5}{row['map50']:>8.3f}{cube:>8.3f}{sphere:>8.3f}{row['found_any_class']:>8.3f}"
        )


if __name__ == "__main__":
    typer.run(main)
