"""How a network is trained: recipes, and the shipped ones by name."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from nanotally.trainer.darknet.training import BATCH, Darknet

RECIPE = "recipe.json"
"""Where a run keeps its recipe: every process of a distributed run reads it, and a run that goes on is held to it."""
KEPT = 20
"""Checkpoints that a long run keeps and validates, evenly spread: the paper's figures 8 to 10 have as many."""
FEWEST_STEPS = 500
"""Steps of the optimiser below which a shortened schedule takes smaller batches, not fewer steps."""
SMALLEST_BATCH = 4
"""Of pictures, that it takes: batch normalisation needs some."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a network is trained.

    Attributes:
        architecture: name of a YAML in `trainer/architectures`, or of one of ultralytics' own.
        input_size_px: side of the square input.
        epochs: passes over the training pictures.
        batch: pictures a step.
        learning_rate: of AdamW at the start, decaying to a hundredth along a cosine; where `darknet` is set, of
            stochastic gradient descent.
        mosaic: share of the inputs that are made of four pictures.
        zoom: largest change of scale, as a share.
        seed: of weights and order.
        start: checkpoint of the same architecture whose weights are taken over, with a new schedule; None: nothing.
        darknet: schedule and augmentations are darknet's; None: those above.
    """

    architecture: str = "nanotally-n"
    input_size_px: int = 416
    epochs: int = 8
    batch: int = 16
    learning_rate: float = 0.002
    mosaic: float = 0.15
    zoom: float = 0.25
    seed: int = 0
    start: Path | None = None
    darknet: Darknet | None = None

    def seeing(self, images: int, *, pictures: int) -> Recipe:
        """The same schedule made longer or shorter: about `images` seen, in whole passes over a set of `pictures`."""
        epochs = max(1, round(images / pictures))
        return replace(self, epochs=epochs, batch=min(self.batch, max(SMALLEST_BATCH, images // FEWEST_STEPS)))


def paper(architecture: str, darknet: Darknet) -> Recipe:
    """What the paper says of its four models: 200,080 batches, which are two a pass over either of its sets."""
    return Recipe(architecture=architecture, epochs=100_040, batch=BATCH, learning_rate=0.001, darknet=darknet)


def corrected(recipe: Recipe) -> Recipe:
    """A model of the paper with what its training lacked."""
    changed = replace(
        recipe.darknet or Darknet(), decays_at=(0.8, 0.9), letterbox=True, turns=True, averages=True, selects=True
    )
    return replace(recipe, darknet=changed)


V3, V4 = paper("yolov3-tiny", Darknet()), paper("yolov4-tiny", Darknet(resize=1.5))
TABLE_3 = {"m1": V3, "m2": V4, "m3": V3, "m4": V4}
"""The paper's models. M3 and M4 are M1 and M2 on another set."""

RECIPES = {
    "default": Recipe(),
    "tune": Recipe(epochs=3, learning_rate=0.001),
    "smoke": Recipe(input_size_px=96, epochs=1, batch=4, mosaic=0.0),
    "nanotally-n": Recipe(),
    "yolo11n": Recipe(architecture="yolo11n"),
    "yolo26n": Recipe(architecture="yolo26n"),
    **TABLE_3,
    **{f"{name}-corrected": corrected(recipe) for name, recipe in TABLE_3.items()},
}
"""By name. `tune` goes on from a network that learnt from synthetic pictures alone. `smoke` only shows that training
works here: one short epoch."""


def passes_between(epochs: int) -> int:
    """Passes from one kept and validated checkpoint of a run to the next."""
    return max(1, epochs // KEPT)


def save_recipe(path: Path, recipe: Recipe) -> None:
    """Write a recipe as JSON."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(recipe, enc_hook=str)) + b"\n")


def load_recipe(path: Path) -> Recipe:
    """Read what `save_recipe` wrote."""
    return msgspec.json.decode(path.read_bytes(), type=Recipe, dec_hook=lambda kind, text: kind(text))
