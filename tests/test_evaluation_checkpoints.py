from __future__ import annotations

from pathlib import Path

import pytest
from judged import image, square
from msgspec.structs import replace
from oracle import oracle_bundle

from nanotally.bundle import Bundle
from nanotally.trainer.evaluation.checkpoints import Trial, curves, models_of
from nanotally.trainer.evaluation.score import evaluate

JUDGED = [image([square(0)], [(square(0), 0.9)])]


def trial(folder: str, name: str) -> Trial:
    bundle = Bundle(Path(folder), replace(oracle_bundle().manifest, name=name))
    return Trial(bundle, JUDGED, evaluate(JUDGED, bundle))


def test_bundles_of_one_name_are_one_model_and_their_numbers_are_the_steps() -> None:
    trials = [trial("m1-020000", "M1"), trial("m1-010000", "M1"), trial("m2-5000", "M2")]
    steps = {name: [step for step, _ in own] for name, own in models_of(trials).items()}
    assert steps == {"M1": [10_000, 20_000], "M2": [5_000]}


@pytest.mark.parametrize("folders", [("first", "second"), ("run-1", "other-1")])
def test_without_different_numbers_the_order_is_the_step(folders: tuple[str, str]) -> None:
    trials = [trial(folder, "M1") for folder in folders]
    assert [(step, own.bundle.path.name) for step, own in models_of(trials)["M1"]] == [*enumerate(folders, start=1)]


def test_there_is_a_curve_for_each_of_the_papers_figures() -> None:
    drawn = curves([trial("m1-1", "M1"), trial("m1-2", "M1"), trial("m2-1", "M2")])
    assert len(drawn) == 3
    for _, plot in drawn:
        assert plot.count("<polyline") == 2
        assert plot.count("<circle") == 3
