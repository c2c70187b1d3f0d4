from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import pytest

from nanotally.trainer.recipe import RECIPES, Recipe, load_recipe, passes_between, save_recipe


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_the_same_after_it_was_written(name: str, tmp_path: Path) -> None:
    recipe = replace(RECIPES[name], start=tmp_path / "best.pt")
    save_recipe(tmp_path / "recipe.json", recipe)
    assert load_recipe(tmp_path / "recipe.json") == recipe


def test_the_models_of_the_paper_have_its_numbers() -> None:
    for name, architecture in zip(("m1", "m2", "m3", "m4"), ("yolov3-tiny", "yolov4-tiny") * 2, strict=True):
        recipe = RECIPES[name]
        assert (recipe.architecture, recipe.input_size_px, recipe.learning_rate) == (architecture, 416, 0.001)
        for pictures in (79, 90):  # sets A and B, of which 75 and 80 % train
            assert recipe.epochs * -(-pictures // recipe.batch) == 200_080


@pytest.mark.parametrize("name", ["m1", "m2", "m3", "m4"])
def test_a_corrected_model_differs_only_in_how_it_is_trained(name: str) -> None:
    was, now = asdict(RECIPES[name]), asdict(RECIPES[f"{name}-corrected"])
    darknet, corrected = was.pop("darknet"), now.pop("darknet")
    assert was == now
    changed = {key: value for key, value in corrected.items() if value != darknet[key]}
    assert changed == {
        "decays_at": (0.8, 0.9), "letterbox": True, "turns": True, "averages": True, "selects": True,
    }  # fmt: skip


def test_a_budget_of_images_is_seen_in_whole_passes() -> None:
    assert RECIPES["m1"].seeing(8_000, pictures=84).epochs == 95
    assert RECIPES["default"].seeing(8_000, pictures=4_000) == replace(RECIPES["default"], epochs=2)
    assert Recipe().seeing(10, pictures=500).epochs == 1


def test_a_short_schedule_takes_smaller_batches_before_it_takes_few_steps() -> None:
    m1 = RECIPES["m1"]
    assert [m1.seeing(images, pictures=80).batch for images in (100, 8_000, 40_000)] == [4, 16, 64]
    assert RECIPES["default"].seeing(40_000, pictures=80).batch == 16


def test_a_long_run_keeps_twenty_checkpoints_and_a_short_one_all() -> None:
    assert [len(range(0, epochs, passes_between(epochs))) for epochs in (1, 8, 20, 95, 100_040)] == [1, 8, 20, 24, 20]
