from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from judged import image, square
from oracle import oracle_bundle

from nanotally.detections import Detections
from nanotally.trainer.evaluate import Judged, average_precision, best_thresholds, evaluate, figures, text

TRUTH = Detections(np.float32([[0, 0, 10, 10], [20, 0, 30, 10], [50, 50, 70, 70]]), class_id=np.uint16([0, 0, 1]))


def judged(found: Detections, truth: Detections = TRUTH) -> Judged:
    return Judged("a.png", truth, found, (100, 100))


def test_a_perfect_answer_scores_one_everywhere() -> None:
    perfect = Detections(TRUTH.xyxy, np.full(3, 0.9, np.float32), TRUTH.class_id)
    result = evaluate([judged(perfect)], oracle_bundle())
    assert result.map50 == result.map50_95 == result.mean_iou_tp == result.found_any_class == 1
    assert result.count_error == 0
    assert result.classes["cube"].recall == result.classes["cube"].precision == 1


def test_counts_are_taken_at_the_bundles_threshold_and_curves_below_it() -> None:
    found = Detections(TRUTH.xyxy, np.float32([0.9, 0.2, 0.9]), TRUTH.class_id)
    result = evaluate([judged(found)], oracle_bundle())
    assert (result.classes["cube"].found, result.classes["cube"].labelled) == (1, 2)
    assert result.classes["cube"].ap50 == pytest.approx(1, abs=1e-6)
    assert result.count_error == pytest.approx(1 / 3)


def test_a_wrong_class_is_false_and_missed_but_found_whatever_the_class() -> None:
    found = Detections(TRUTH.xyxy[:1], np.float32([0.9]), np.uint16([1]))
    result = evaluate([judged(found)], oracle_bundle())
    assert result.classes["cube"].found == 0
    assert result.classes["quasi_sphere"].false == 1
    assert result.found_any_class == pytest.approx(1 / 3)


def test_more_particles_than_cocos_hundred_are_judged() -> None:
    x, y = (axis.ravel() * 20.0 for axis in np.meshgrid(np.arange(40), np.arange(50)))
    crowd = Detections(np.stack([x, y, x + 12, y + 12], axis=1), np.linspace(0.9, 0.5, 2000, dtype=np.float32))
    ap50, _ = average_precision([judged(crowd, crowd)], 2)
    assert ap50[0] == pytest.approx(1, abs=1e-6)


def test_a_set_without_particles_has_no_precision_but_counts_what_was_invented() -> None:
    invented = Detections(np.float32([[0, 0, 9, 9]]), np.float32([0.9]))
    result = evaluate([judged(invented, Detections.empty())], oracle_bundle())
    assert result.classes["cube"].false == 1
    assert math.isnan(result.map50)
    assert figures(result)["map50"] is None


def test_nothing_found_is_zero_not_nan() -> None:
    assert evaluate([judged(Detections.empty())], oracle_bundle()).map50 == 0


def test_thresholds_are_the_lowest_at_which_f1_is_as_good_as_the_best() -> None:
    boxes = np.concatenate([TRUTH.xyxy[:2], np.float32([[80, 80, 90, 90]])])
    found = Detections(boxes, np.float32([0.9, 0.6, 0.4]), np.uint16([0, 0, 0]))
    assert best_thresholds([judged(found)], ("cube", "quasi_sphere")) == {
        "cube": pytest.approx(0.6),
        "quasi_sphere": 0.25,
    }


def test_among_scores_that_are_as_good_the_lowest_is_the_threshold() -> None:
    n = 200
    place = np.stack([np.arange(n) % 20 * 30, np.arange(n) // 20 * 30], axis=1).astype(np.float32)
    truth = Detections(np.hstack([place, place + 10]))
    # The last two true ones come with two false ones: F1 falls from 0.9950 to 0.9901.
    score = np.concatenate([np.linspace(0.9, 0.6, n - 2), [0.5, 0.5]]).astype(np.float32)
    false = Detections(np.float32([[700, 0, 710, 10], [700, 30, 710, 40], [700, 60, 710, 70]]), np.float32([0.55] * 3))
    seen = Judged("a", truth, Detections.concatenate([Detections(truth.xyxy, score), false]), (800, 400))
    (chosen, _) = best_thresholds([seen], ("cube", "quasi_sphere")).values()
    assert chosen == pytest.approx(0.5)


def test_difficult_labels_are_neither_rewarded_nor_blamed() -> None:
    """Found, found in another class, or missed: no figure moves, but for the two that tell of them."""
    easy = [square(0), (square(20), 1)]
    answer = [(square(0), 0.9, 0), (square(20, side=9), 0.8, 1), (square(80), 0.7, 1)]
    plain = evaluate([image(easy, answer)], oracle_bundle())
    hard = [(square(40), 0), (square(60), 1)]
    for extra in ([], [(square(40), 0.95, 0), (square(60), 0.99, 0), (square(61), 0.6, 1)]):
        told = evaluate([image([*easy, *hard], [*answer, *extra], difficult=[2, 3])], oracle_bundle())
        same = figures(plain) | {"difficult": 2, "correct_unlabelled": 2 if extra else 0}
        excused = (
            "darknet",
            "parts",
        )  # darknet excuses the same class only; how many particles there are is no verdict
        assert {k: v for k, v in figures(told).items() if k not in excused} == {
            k: v for k, v in same.items() if k not in excused
        }
        assert told.parts["particle size"] == plain.parts["particle size"]


def test_figures_of_the_paper_worked_out_by_hand() -> None:
    one = image([square(0), square(20), square(40), square(60)], [(square(0, side=12), 0.9), (square(80), 0.8)])
    empty = image([], [(square(0), 0.9)], name="b.png")
    result = evaluate([one, empty], oracle_bundle())
    assert result.pct_correct == 25
    assert result.mean_iou_tp == pytest.approx(100 / 144)
    assert result.darknet.average_iou == pytest.approx(100 / 144 / 3)
    assert (result.total.found, result.total.false, result.total.f1) == (1, 2, pytest.approx(2 / 7))
    assert (result.counts.error, result.counts.bias) == (0.5, -0.25)
    assert (result.counts.empty_images, result.counts.found_on_empty) == (1, 1)
    assert result.size_error == pytest.approx(0.2)
    assert result.size_bias == pytest.approx(0.2)


def test_the_quirks_of_cartuchos_script_come_only_when_asked_for() -> None:
    crowd = [image([square(0), square(2)], [(square(0), 0.9), (square(0.5), 0.8)])]
    clean, strict = (evaluate(crowd, oracle_bundle(), strict_cartucho=quirks) for quirks in (False, True))
    assert (clean.voc.mean, strict.voc.mean) == (1, 0.5)
    assert "VOC 2012" in text(clean)
    assert "Cartucho" in text(strict)


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "nanotally", *words], capture_output=True, text=True, check=False)


def test_the_default_bundle_is_evaluated_on_a_set_it_never_saw(tmp_path: Path) -> None:
    made = tmp_path / "made"
    order = "--count 3 --size 640x480 --seed 7 --mode paper --max-particles 40"
    generated = run("generate", "--out", str(made), *order.split())
    assert generated.returncode == 0, generated.stderr
    (made / "groups.csv").write_text("file,group\n000000.png,a\n000001.png,b\n000002.png,b\n")
    report = tmp_path / "report"
    told = run("evaluate", "default", "default", str(made), "--json", "--border-difficult", "--report", str(report))
    assert told.returncode == 0, told.stderr
    result, same = json.loads(told.stdout)
    assert result == same
    assert result["difficult"] > 0
    assert result["headline"]["groups"] == 2
    assert result["headline"]["map50"]["low"] <= result["map50"] <= result["headline"]["map50"]["high"]
    assert "Checkpoints" in (report / "index.html").read_text()
    assert result["images"] == 3
    assert result["map50"] > 0.8
    assert result["found_any_class"] > 0.9
    shown = run("evaluate", "default", str(made))
    assert "quasi_sphere" in shown.stdout
    assert "share of contact" in shown.stdout


@pytest.mark.parametrize(
    ("model", "dataset", "words"),
    [("nowhere", ".", "no manifest.json"), ("default", "nowhere", "nowhere: no such folder")],
)
def test_bad_input_is_one_line_and_exit_code_1(model: str, dataset: str, words: str, tmp_path: Path) -> None:
    told = run("evaluate", model, str(tmp_path / dataset))
    assert told.returncode == 1
    assert words in told.stderr
    assert len(told.stderr.strip().splitlines()) == 1
