"""The paper's sets A and B: their numbers, to the particle, whatever the seed and wherever quasi-spheres come from."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from nanotally.cli import main
from nanotally.detections import Detections
from nanotally.errors import DatasetError, UsageError
from nanotally.generator.orders import Picture
from nanotally.generator.presets import TABLE_1, PaperSet, find_preset, make_preset
from nanotally.labels import LabelledImage, read_dataset, write_classes, write_yolo
from nanotally.opencv import cv2

SMALL = PaperSet(40, 60, 18)
"""All eight patterns have their turn, and there are ten pictures of quasi-spheres."""


def counts(pictures: list[Picture]) -> tuple[int, int, int]:
    found = [picture.labels.detections.counts() for picture in pictures]
    return sum(c["cube"] for c in found), sum(c["quasi_sphere"] for c in found), len(pictures)


@pytest.fixture
def real(tmp_path: Path) -> Path:
    """A labelled set: four pictures of 3, 5, 9 and 30 quasi-spheres, one with a cube among them, one empty."""
    for part in ("images", "labels"):
        (tmp_path / "real" / part).mkdir(parents=True)
    write_classes(tmp_path / "real" / "classes.txt", ["quasi_sphere", "cube"])
    for name, n, cubes in (("a", 30, 0), ("b", 5, 0), ("c", 9, 0), ("d", 3, 0), ("mixed", 4, 1), ("empty", 0, 0)):
        rng = np.random.default_rng(n)
        cv2.imwrite(str(tmp_path / "real" / "images" / f"{name}.png"), rng.integers(0, 255, (120, 160), np.uint8))
        low = rng.uniform(0, 90, (n, 2))
        found = Detections(np.hstack([low, low + 20]).astype(np.float32), class_id=np.arange(n) < cubes)
        write_yolo(tmp_path / "real" / "labels" / f"{name}.txt", LabelledImage(name, 160, 120, found))
    return tmp_path / "real"


def test_the_presets_are_those_of_table_2() -> None:
    assert find_preset("A") == PaperSet(450, 1000, 105)
    assert find_preset("b") == PaperSet(1025, 1025, 112)
    with pytest.raises(UsageError, match="there are A and B"):
        find_preset("C")


def test_the_patterns_are_those_of_table_1() -> None:
    assert [row.templates for row in TABLE_1] == [2, 4, 6, 10, 31, 17, 29, 57]
    assert [row.mixed for row in TABLE_1] == [False] * 3 + [True] * 4 + [False]
    assert [(row.width, row.height) == (640, 480) for row in TABLE_1] == [row in (0, 4, 5, 6) for row in range(8)]


def test_set_b_hits_its_numbers() -> None:
    assert counts(list(make_preset(find_preset("B"), seed=3))) == (1025, 1025, 112)  # the verb's test counts A


@pytest.mark.parametrize("seed", range(4))
def test_every_seed_hits_the_numbers_with_other_pictures(seed: int) -> None:
    pictures = list(make_preset(SMALL, seed=seed))
    assert counts(pictures) == (40, 60, 18)
    again, other = (next(make_preset(SMALL, seed=s)) for s in (seed, seed + 1))
    assert again.image.tobytes() == pictures[0].image.tobytes() != other.image.tobytes()


def test_every_pattern_has_its_resolution_its_classes_and_its_turn() -> None:
    pictures = list(make_preset(SMALL, seed=1))
    turns = Counter(str(picture.facts["source"]) for picture in pictures)
    assert turns == {"quasi-spheres": 9, "pattern 1": 2, **{f"pattern {n}": 1 for n in range(2, 9)}}
    for picture in pictures:
        found = picture.labels.detections.counts()
        if (source := str(picture.facts["source"])) == "quasi-spheres":
            assert found["cube"] == 0
            assert picture.image.shape == (768, 1024)
        else:
            row = TABLE_1[int(source.removeprefix("pattern ")) - 1]
            assert picture.image.shape == (row.height, row.width)
            assert row.mixed or found["quasi_sphere"] == 0
            assert float(str(picture.facts["nm_per_px"])) * row.size_px == pytest.approx(1000 * row.length_um, rel=1e-3)


def test_real_pictures_are_taken_whole_and_counted(real: Path) -> None:
    pictures = list(make_preset(SMALL, seed=1, real=real))
    assert counts(pictures) == (40, 60, 18)
    taken = {str(picture.facts["source"]): picture for picture in pictures}
    assert {name for name in taken if name.endswith(".png")} == {"b.png", "c.png", "d.png"}  # 30 more are too many
    whole = {sample.image.name: sample for sample in read_dataset(real).samples}
    for name, picture in taken.items():
        assert (picture.instances is None) == name.endswith(".png")  # of a real picture only boxes are known
        if name.endswith(".png"):
            np.testing.assert_array_equal(picture.labels.detections.xyxy, whole[name].labels.detections.xyxy)
            original = cv2.imread(str(whole[name].image), cv2.IMREAD_UNCHANGED)
            np.testing.assert_array_equal(picture.image, original)


def test_real_pictures_never_take_more_than_is_wanted(real: Path) -> None:
    wanted = PaperSet(4, 11, 8)
    pictures = list(make_preset(wanted, seed=2, real=real))
    assert counts(pictures) == (4, 11, 8)


def test_what_cannot_be_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="seed is -1"):
        make_preset(SMALL, seed=-1)
    with pytest.raises(DatasetError, match="no image; looked for"):
        make_preset(SMALL, seed=1, real=tmp_path)
    with pytest.raises(DatasetError, match="found no room"):
        list(make_preset(PaperSet(5000, 0, 2), seed=1))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--preset", "A", "--count", "3"), "is a whole order"),
        (("--preset", "A", "--mode", "sem"), "is a whole order"),
        (("--preset", "A", "--recipe", "other.toml"), "is a whole order"),
        (("--preset", "A", "--backgrounds", "."), "is a whole order"),
        (("--preset", "Z"), "preset 'Z' is not known"),
        (("--real", "."), "--real goes with --preset"),
    ],
)
def test_words_that_contradict_a_preset(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["nanotally", "generate", "--out", "set", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    told = capsys.readouterr()
    assert (ended.value.code, told.out) == (2, "")
    assert said in told.err
    assert told.err.count("\n") == 1
    assert not (tmp_path / "set").exists()


def test_the_verb_writes_a_set_with_its_manifest(tmp_path: Path) -> None:
    child = [sys.executable, "-m", "nanotally", "generate", "--preset", "a", "--seed", "5", "--out", "set"]
    done = subprocess.run(child, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "set: 105 images, 450 cube, 1000 quasi_sphere; seed 5\n"
    manifest = json.loads((tmp_path / "set" / "manifest.json").read_text())
    assert manifest["order"] == {"preset": "A", "seed": 5, "real": None}
    assert manifest["totals"] == {"images": 105, "cube": 450, "quasi_sphere": 1000}
    lines = [len(path.read_text().splitlines()) for path in (tmp_path / "set" / "labels").iterdir()]
    assert (len(lines), sum(lines)) == (105, 1450)
