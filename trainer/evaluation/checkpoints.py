"""Curves over checkpoints, as in the paper's Figures 8 to 10: how a model changes while it is trained."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nanotally.bundle import Bundle
from nanotally.measure.judged import Judged
from nanotally.trainer.evaluation.score import Evaluation
from nanotally.trainer.evaluation.svg import PALETTE, Axis, Line, axis_over, plot
from nanotally.trainer.evaluation.text import voc_name


@dataclass(frozen=True, eq=False)
class Trial:
    """A bundle, its answers and their figures.

    Attributes:
        bundle: what was asked.
        judged: the answers.
        evaluation: the figures.
    """

    bundle: Bundle
    judged: list[Judged]
    evaluation: Evaluation

    @property
    def title(self) -> str:
        """Name and folder."""
        return f"{self.bundle.manifest.name} ({self.bundle.path.name})"


def models_of(trials: Sequence[Trial]) -> dict[str, list[tuple[int, Trial]]]:
    """Trials with their step, a list a model: bundles of one name in the manifest are checkpoints of one model.

    A step is the last number in the name of a bundle's folder, such as 10000 in `m1-010000`. Where one has none, or one
    model would have a step twice, the steps of all are their order.
    """
    models: dict[str, list[Trial]] = {}
    for trial in trials:
        models.setdefault(trial.bundle.manifest.name, []).append(trial)
    numbered = {name: [_number_of(trial) for trial in own] for name, own in models.items()}
    if any(None in steps or len(set(steps)) < len(steps) for steps in numbered.values()):
        return {name: list(enumerate(own, start=1)) for name, own in models.items()}
    return {
        name: sorted(((_number_of(trial) or 0, trial) for trial in own), key=lambda pair: pair[0])
        for name, own in models.items()
    }


def _number_of(trial: Trial) -> int | None:
    numbers = re.findall(r"\d+", trial.bundle.path.resolve().name)
    return int(numbers[-1]) if numbers else None


def curves(trials: Sequence[Trial]) -> list[tuple[str, str]]:
    """Captions and plots: mean Jaccard index, mean average precision and % correctly detected over the step."""
    models = models_of(trials)
    figures: dict[str, Callable[[Evaluation], float]] = {
        "average Jaccard index of the matches": lambda own: own.mean_iou_tp,
        voc_name(trials[0].evaluation): lambda own: own.voc.mean,
        "share of labels correctly detected": lambda own: own.total.recall,
    }
    steps = axis_over("checkpoint", [step for own in models.values() for step, _ in own])
    return [
        (caption, plot(caption, _lines(models, figure), steps, Axis(caption))) for caption, figure in figures.items()
    ]


def _lines(models: dict[str, list[tuple[int, Trial]]], figure: Callable[[Evaluation], float]) -> list[Line]:
    lines = []
    for number, (name, own) in enumerate(models.items()):
        values = [figure(trial.evaluation) for _, trial in own]
        notes = [f"{trial.title}: {value:.3f}" for (_, trial), value in zip(own, values, strict=True)]
        steps = [step for step, _ in own]
        lines.append(Line(name, steps, values, PALETTE[number % len(PALETTE)], dots=True, notes=notes))
    return lines
