"""Training a tiny network with ultralytics: from a YAML, grey input, without any connection to anywhere."""

from __future__ import annotations

import os
import pickle
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

from nanotally.errors import DatasetError, NanotallyError, UsageError
from nanotally.trainer.darknet.training import BATCH, DECAY, MOMENTUM
from nanotally.trainer.offline import keep_offline
from nanotally.trainer.recipe import RECIPE, RECIPES, Recipe, load_recipe, passes_between, save_recipe

__all__ = ["RECIPES", "Recipe", "count_pictures", "read_checkpoint", "train"]

ARCHITECTURES = Path(__file__).parent / "architectures"
FLAT_OUT = 3_000
"""Cap on detections an image while validating: above what any picture holds."""
FINISHED = -1
"""Epoch that ultralytics writes into the checkpoints of a finished run."""
WORKERS = 8
"""Processes that prepare pictures for a GPU; on a CPU they would only be in the way."""


def count_pictures(data: Path) -> int:
    """How many pictures a training set has to train with.

    Raises:
        DatasetError: if there is no training set in `data`.
    """
    pictures = data / "images" / "train"
    if not (data / "data.yaml").is_file() or not pictures.is_dir():
        raise DatasetError(f"{data}: no data.yaml with images/train here; make a training set with `nanotally dataset`")
    return sum(1 for _ in pictures.iterdir())


def train(recipe: Recipe, data: Path, out: Path, *, device: str = "cpu", hours: float | None = None) -> Path:
    """Train after `recipe` on the set in `data`; answers the checkpoint that it wants, the best or the last one.

    A run that was stopped half-way goes on from its last checkpoint; one that was finished is left as it is.

    Args:
        recipe: what to train, and how.
        data: folder written by `compose`, with `data.yaml`.
        out: folder of the run: recipe, checkpoints, curves.
        device: `cpu`, `0`, `0,1`.
        hours: fit the number of epochs, and with it the decay of the learning rate, into this time; None: train the
            recipe's epochs.

    Raises:
        DatasetError: if there is no data set in `data`, `out` holds a run of another recipe, or what the recipe
            starts from is not a checkpoint of its architecture.
        UsageError: if there is no such device here.
        NanotallyError: if the train extra is not installed.
    """
    count_pictures(data)
    keep_offline()
    try:
        import torch
        from ultralytics import YOLO

        from nanotally.trainer.loop import CALLBACKS, Trainer
    except ImportError as error:
        raise NanotallyError(f"training needs the train extra ({error}): pip install 'nanotally[train]'") from error
    gpus = count_gpus(device, torch.cuda.device_count())
    weights = out / "train" / "weights"
    last = weights / "last.pt"
    chosen = last if recipe.darknet and not recipe.darknet.selects else weights / "best.pt"
    note(recipe, out / RECIPE, begun=last.is_file())
    if last.is_file() and is_finished(last):
        return chosen
    options: dict[str, Any] = {"data": str(data / "data.yaml"), "device": device, "time": hours}
    options["workers"] = max(1, min(WORKERS, (os.cpu_count() or 1) // gpus)) if gpus else 0
    network = YOLO(last if last.is_file() else find_architecture(recipe.architecture))
    for event, acts in CALLBACKS.items():
        for act in acts:
            network.add_callback(event, act)
    if last.is_file():
        network.train(trainer=Trainer, resume=True, save_dir=str(last.parents[1].resolve()), **options)
    else:
        if recipe.start is not None:
            read_checkpoint(recipe.start)
        network.train(trainer=Trainer, project=str(out.resolve()), name="train", **arguments(recipe), **options)
    return chosen


def count_gpus(device: str, present: int) -> int:
    """How many GPUs `device` names; 0 for `cpu`.

    Raises:
        UsageError: if it names none, or one that is not among the `present` ones.
    """
    if device == "cpu":
        return 0
    if not re.fullmatch(r"\d+(,\d+)*", device):
        raise UsageError(f"--device {device}: expected cpu, or numbers of GPUs such as 0 or 0,1")
    numbers = {int(number) for number in device.split(",")}
    if max(numbers) >= present:
        raise UsageError(f"--device {device}: there are {present} GPUs that torch can use; without one: --device cpu")
    return len(numbers)


def note(recipe: Recipe, path: Path, *, begun: bool) -> None:
    """Write the recipe of a run beside it, or make sure that the run that was begun has the same.

    Raises:
        DatasetError: if it has another.
    """
    if not (begun and path.is_file()):
        path.parent.mkdir(parents=True, exist_ok=True)
        save_recipe(path, recipe)
        return
    was = asdict(load_recipe(path))
    changed = [f"{name} {was[name]}, not {value}" for name, value in asdict(recipe).items() if was[name] != value]
    if changed:
        raise DatasetError(f"{path.parent}: holds a run with {'; '.join(changed)}; name another folder")


def read_checkpoint(path: Path) -> dict[str, Any]:
    """What is in a checkpoint of ultralytics. It is a pickle: read only what you trust.

    Raises:
        DatasetError: if it is none.
    """
    import torch

    try:
        found = torch.load(path, map_location="cpu", weights_only=False)
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        raise DatasetError(f"{path}: cannot be read as a checkpoint ({type(error).__name__})") from error
    if not isinstance(found, dict) or "epoch" not in found:
        raise DatasetError(f"{path}: is not a checkpoint of a training run")
    return found


def is_finished(last: Path) -> bool:
    """True if nothing is left to train, also where the run was killed just before it said so."""
    state = read_checkpoint(last)
    return bool(state["epoch"] == FINISHED or state["epoch"] + 1 >= state["train_args"]["epochs"])


def find_architecture(name: str) -> str:
    """The YAML of ours, or the name of one that comes with ultralytics."""
    ours = ARCHITECTURES / f"{name}.yaml"
    return str(ours) if ours.is_file() else ours.name


def arguments(recipe: Recipe) -> dict[str, Any]:
    """The recipe in the words of ultralytics."""
    common = {
        "imgsz": recipe.input_size_px, "epochs": recipe.epochs, "seed": recipe.seed, "exist_ok": True,
        "batch": recipe.batch, "nbs": recipe.batch,  # a step after every batch: a short schedule has none to spare
        "pretrained": str(recipe.start) if recipe.start else False, "patience": 0,
        "amp": False,  # to find out whether it may mix precisions, it would fetch a network
        "max_det": FLAT_OUT, "plots": False, "save_period": passes_between(recipe.epochs), "deterministic": True,
    }  # fmt: skip
    if recipe.darknet is not None:
        own = {
            "optimizer": "SGD", "momentum": MOMENTUM, "weight_decay": DECAY, "warmup_epochs": 0.0, "mosaic": 0.0,
            "lr0": recipe.learning_rate * BATCH / recipe.batch,  # ultralytics takes the sum over a batch, not the mean
        }  # fmt: skip
    else:
        own = {
            "optimizer": "AdamW", "lr0": recipe.learning_rate, "lrf": 0.01, "cos_lr": True, "close_mosaic": 1,
            "warmup_epochs": 0.5, "warmup_bias_lr": 0.0,  # 0.1 is for SGD: AdamW would move every bias by it in a step
            "mosaic": recipe.mosaic, "scale": recipe.zoom, "translate": 0.1, "fliplr": 0.5, "flipud": 0.5,
            "degrees": 0.0, "hsv_h": 0.0, "hsv_s": 0.0, "hsv_v": 0.0, "erasing": 0.0,
        }  # fmt: skip
    return common | own
