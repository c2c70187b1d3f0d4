"""The training loop: ultralytics' trainer, and what is added to it.

Callbacks are plain functions, so that they reach every process of a distributed run.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from rich.progress import Progress
from ultralytics.models.yolo.detect import DetectionTrainer
from ultralytics.utils import RANK

from nanotally.errors import DatasetError
from nanotally.trainer.assigner import PictureByPicture
from nanotally.trainer.darknet.pictures import Pictures
from nanotally.trainer.darknet.training import input_side_px
from nanotally.trainer.progress import advance_bar, begin_bar, end_bar
from nanotally.trainer.recipe import RECIPE, Recipe, load_recipe, passes_between


class Trainer(DetectionTrainer):  # type: ignore[misc]
    """ultralytics' trainer for a `Recipe`.

    Attributes:
        last: the checkpoint of the last pass.
        best: the checkpoint of the best one.
        bar: what shows the progress, in the one process that does.
        batches_done: of the whole schedule.
    """

    last: Path
    best: Path
    bar: Progress | None = None
    batches_done = 0

    @cached_property
    def recipe(self) -> Recipe:
        """What the run's folder says."""
        return load_recipe(self.save_dir.parent / RECIPE)

    def get_model(self, cfg: Any = None, weights: Any = None, verbose: bool = True) -> Any:
        """The network, with `weights`, all of them or none: ultralytics itself would take those that happen to fit."""
        network = super().get_model(cfg, None, verbose)
        if weights is not None:
            if shapes(weights) != shapes(network):
                raise DatasetError(f"{self.args.pretrained}: holds no {self.recipe.architecture} as it is now")
            network.load(weights)
        return network

    def build_dataset(self, img_path: str, mode: str = "train", batch: int | None = None) -> Any:
        """Pictures as darknet shows them, where the recipe is one of darknet's."""
        darknet = self.recipe.darknet
        if darknet is None:
            return super().build_dataset(img_path, mode, batch)
        return Pictures(
            darknet, img_path=img_path, imgsz=self.args.imgsz, batch_size=batch, augment=mode == "train", hyp=self.args,
            stride=self.stride, data=self.data, task=self.args.task,
        )  # fmt: skip

    def build_optimizer(self, *args: Any, **options: Any) -> Any:
        """Plain momentum where the recipe is one of darknet's, not Nesterov's."""
        optimizer = super().build_optimizer(*args, **options)
        if self.recipe.darknet is not None:
            for group in optimizer.param_groups:
                group["nesterov"] = False
        return optimizer

    def preprocess_batch(self, batch: dict[str, Any]) -> dict[str, Any]:
        """The batch as the network gets it; with darknet's recipes in a size that changes."""
        batch = super().preprocess_batch(batch)
        if self.recipe.darknet is not None:
            side = input_side_px(self.args.imgsz, self.batches_done, seed=self.args.seed)
            batch["img"] = torch.nn.functional.interpolate(batch["img"], size=(side, side), mode="bilinear")
        return batch

    def save_model(self) -> bool:
        """Write checkpoints, each whole or not at all: a run killed while it writes goes on from the one before."""
        last, best = self.last, self.best
        self.last, self.best = (path.with_suffix(".new") for path in (last, best))
        try:
            saved = bool(super().save_model())
            for new, path in ((self.last, last), (self.best, best)):
                if new.exists():
                    new.replace(path)
        finally:
            self.last, self.best = last, best
        return saved


def shapes(network: Any) -> dict[str, Any]:
    """Shape of each weight by name."""
    return {name: tuple(values.shape) for name, values in network.state_dict().items()}


def make_haste(trainer: Any) -> None:
    """Use the whole processor, where it is one, and only for what is needed."""
    if trainer.device.type != "cpu":
        return
    torch.set_num_threads(os.cpu_count() or 1)  # ultralytics leaves one idle, which is half of a small machine
    for network in (trainer.model, trainer.ema.ema):
        network.to(memory_format=torch.channels_last)  # a sixth faster
        network.criterion = network.init_criterion()
        network.criterion.assigner = PictureByPicture(network.criterion.assigner)


def forget_what_was_lost(trainer: Any) -> None:
    """Drop the figures of passes after the checkpoint from which a run goes on: they are made once more."""
    if RANK <= 0 and trainer.csv.is_file():
        lines = trainer.csv.read_text().splitlines(keepends=True)
        trainer.csv.write_text("".join(lines[: 1 + trainer.start_epoch]))


def keep_no_average(trainer: Any) -> None:
    """Let checkpoints hold the weights themselves where the recipe wants no average of them."""
    darknet = trainer.recipe.darknet
    if darknet is not None and not darknet.averages:
        trainer.ema.decay = lambda _: 0.0


def count_batches(trainer: Any) -> None:
    """Find out at which batch of the whole schedule a pass begins."""
    trainer.batches_done = trainer.epoch * len(trainer.train_loader)


def set_learning_rate(trainer: Any) -> None:
    """Follow darknet's schedule, which goes by batches and not by passes."""
    darknet = trainer.recipe.darknet
    if darknet is not None:
        share = darknet.learning_rate(trainer.batches_done / (trainer.epochs * len(trainer.train_loader)))
        for group in trainer.optimizer.param_groups:
            group["lr"] = group["initial_lr"] * share


def count_batch(trainer: Any) -> None:
    """One more is done."""
    trainer.batches_done += 1


def pause(trainer: Any) -> None:
    """Spare most passes of a long run their validation and their checkpoint."""
    trainer.args.val = trainer.args.save = trainer.epoch % passes_between(trainer.epochs) == 0


CALLBACKS: Mapping[str, tuple[Callable[[Any], None], ...]] = {
    "on_train_start": (make_haste, keep_no_average, forget_what_was_lost, begin_bar),
    "on_train_epoch_start": (count_batches,),
    "on_train_batch_start": (set_learning_rate,),
    "on_train_batch_end": (count_batch, advance_bar),
    "on_train_epoch_end": (pause,),
    "teardown": (end_bar,),
}
"""What is done when, by the names of ultralytics' events."""
