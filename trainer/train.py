"""Training a tiny network with ultralytics: from a YAML, grey input, without any connection to anywhere."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nanotally.errors import DatasetError, NanotallyError

ARCHITECTURES = Path(__file__).parent / "architectures"
FLAT_OUT = 2_000
"""Cap on detections an image while validating: above what any picture holds."""
FINISHED = -1
"""Epoch that ultralytics writes into the checkpoints of a finished run."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a network is trained.

    Attributes:
        architecture: name of a YAML in `trainer/architectures`.
        input_size_px: side of the square input.
        epochs: passes over the training tiles.
        batch: tiles a step.
        learning_rate: of AdamW at the start; decays to a hundredth along a cosine.
        mosaic: share of the inputs that are made of four tiles.
        zoom: largest change of scale, as a share.
        seed: of weights and order.
    """

    architecture: str = "nanotally-n"
    input_size_px: int = 416
    epochs: int = 8
    batch: int = 16
    learning_rate: float = 0.002
    mosaic: float = 0.15
    zoom: float = 0.25
    seed: int = 0


RECIPES = {"default": Recipe(), "smoke": Recipe(input_size_px=96, epochs=1, batch=4, mosaic=0.0)}
"""`smoke` only shows that training works here: one short epoch."""


def keep_offline() -> None:
    """Forbid ultralytics every connection. Must run before ultralytics is imported.

    It looks for a font and for its settings under `YOLO_CONFIG_DIR`; a font that lies there is not asked for on the
    network.
    """
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nanotally"
    (home / "Ultralytics").mkdir(parents=True, exist_ok=True)
    os.environ |= {
        "YOLO_CONFIG_DIR": str(home),
        "YOLO_OFFLINE": "True",
        "YOLO_AUTOINSTALL": "False",
        "ULTRALYTICS_SKIP_REQUIREMENTS_CHECKS": "1",
    }
    import matplotlib

    font = home / "Ultralytics" / "Arial.ttf"
    if not font.exists():
        shutil.copyfile(Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf", font)


def train(recipe: Recipe, data: Path, out: Path, *, device: str = "cpu", hours: float | None = None) -> Path:
    """Train after `recipe` on the set in `data`; answers the best checkpoint.

    A run that was stopped half-way goes on from its last checkpoint; one that was finished is left as it is.

    Args:
        recipe: what to train, and how.
        data: folder written by `compose`, with `data.yaml`.
        out: folder of the run: checkpoints, curves.
        device: `cpu`, `0`, `0,1`.
        hours: fit the number of epochs, and with it the decay of the learning rate, into this time; None: train the
            recipe's epochs.

    Raises:
        DatasetError: if there is no data set in `data`.
        NanotallyError: if the train extra is not installed.
    """
    if not (data / "data.yaml").is_file():
        raise DatasetError(f"{data}: no data.yaml here; make a training set with `nanotally dataset`")
    keep_offline()
    try:
        import torch
        from ultralytics import YOLO
    except ImportError as error:
        raise NanotallyError(f"training needs the train extra ({error}): pip install 'nanotally[train]'") from error

    def make_haste(trainer: Any) -> None:
        if trainer.device.type == "cpu":
            torch.set_num_threads(os.cpu_count() or 1)  # ultralytics leaves one idle, which is half of a small machine
            trainer.model.to(memory_format=torch.channels_last)  # a sixth faster

    last, best = (out / "train" / "weights" / name for name in ("last.pt", "best.pt"))
    if last.is_file() and torch.load(last, map_location="cpu", weights_only=False)["epoch"] == FINISHED:
        return best
    if last.is_file():
        network = YOLO(last)
        network.add_callback("on_train_start", make_haste)
        network.train(resume=True, device=device, time=hours)
    else:
        network = YOLO(ARCHITECTURES / f"{recipe.architecture}.yaml")
        network.add_callback("on_train_start", make_haste)
        network.train(
            data=str(data / "data.yaml"), project=str(out.resolve()), name="train", exist_ok=True, device=device,
            imgsz=recipe.input_size_px, epochs=recipe.epochs, time=hours,
            batch=recipe.batch, nbs=recipe.batch,  # a step after every batch: a short schedule has none to spare
            seed=recipe.seed,
            optimizer="AdamW", lr0=recipe.learning_rate, lrf=0.01, cos_lr=True, warmup_epochs=0.5, close_mosaic=1,
            mosaic=recipe.mosaic, scale=recipe.zoom, translate=0.1, fliplr=0.5, flipud=0.5, degrees=0.0,
            hsv_h=0.0, hsv_s=0.0, hsv_v=0.0, erasing=0.0, max_det=FLAT_OUT,
            pretrained=False, amp=False, plots=False, workers=0, save_period=1, deterministic=True,
        )  # fmt: skip
    return best
