"""Sets of synthetic micrographs: label formats that agree, the same bytes for the same seed, clear words on faults."""

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from nanotally.cli.generate import generate as generate_verb
from nanotally.detections import CLASSES
from nanotally.errors import DatasetError, MicrographError, PatternError, RecipeError, UsageError
from nanotally.generator import dataset
from nanotally.generator.dataset import write_set
from nanotally.generator.orders import Order, make_all, maker
from nanotally.generator.recipe import read_recipe, sample
from nanotally.labels import read_classes, read_coco, read_createml, read_mask, read_voc, read_yolo
from nanotally.micrograph import read_micrograph
from nanotally.opencv import cv2

SMALL = {"width": 200, "height": 150, "max_particles": 12}


def generate(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """The verb in a process of its own."""
    child = [sys.executable, "-m", "nanotally", "generate", *words]
    return subprocess.run(child, cwd=folder, capture_output=True, text=True, timeout=120, check=False)


def write(
    out: Path, order: Order, formats: tuple[str, ...] = ("yolo", "voc", "coco", "createml", "masks"), workers: int = 1
) -> dict[str, int]:
    return write_set(asdict(order), make_all(order, workers=workers), out, formats)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("mode", ["paper", "sem"])
def test_all_formats_say_the_same(tmp_path: Path, mode: str) -> None:
    order = Order(mode=mode, count=5, seed=11, **SMALL)
    totals = write(tmp_path / "set", order)
    out = tmp_path / "set"
    names = [f"{number:06d}.png" for number in range(5)]
    assert sorted(path.name for path in (out / "images").iterdir()) == names
    assert read_classes(out / "classes.txt") == CLASSES
    coco = {labelled.image: labelled for labelled in read_coco(out / "coco.json")}
    assert sorted(coco) == names
    createml = {labelled.image: labelled for labelled in read_createml(out / "createml.json", images=out / "images")}
    counted = dict.fromkeys(CLASSES, 0)
    for number, name in enumerate(names):
        made = maker(order)(number).micrograph
        image = cv2.imread(str(out / "images" / name), cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(image, made.image)
        stem, size = Path(name).stem, {"image": name, "width": 200, "height": 150}
        truth = made.truth.detections
        without_one = np.where((truth.xyxy == 1) & [True, True, False, False], 0, truth.xyxy)  # VOC writes 1 for 0
        for read, expected, tolerance in (
            (read_yolo(out / "labels" / f"{stem}.txt", **size, classes=CLASSES), truth.xyxy, 1e-6 * 200 + 1e-3),
            (read_voc(out / "voc" / f"{stem}.xml"), without_one, 0),
            (coco[name], truth.xyxy, 2e-3),
            (createml[name], truth.xyxy, 2e-3),
        ):
            assert (read.width, read.height) == (200, 150)
            np.testing.assert_array_equal(read.detections.class_id, truth.class_id)
            np.testing.assert_allclose(read.detections.xyxy, expected, rtol=0, atol=tolerance)
        np.testing.assert_array_equal(coco[name].difficult, made.truth.difficult)
        np.testing.assert_array_equal(coco[name].truncated, made.truth.truncated)
        np.testing.assert_allclose(coco[name].visible, made.truth.visible, atol=1e-4)
        instances, boxes = read_mask(out / "masks" / name, width=200, height=150)
        np.testing.assert_array_equal(instances, made.truth.instances)
        np.testing.assert_array_equal(boxes, truth.xyxy)
        for class_name, n in truth.counts().items():
            counted[class_name] += n
    assert totals == {"images": 5, **counted}
    assert sum(counted.values()) > 5


def test_the_manifest_says_what_was_made_and_how(tmp_path: Path) -> None:
    order = Order(mode="paper", count=2, seed=4, max_particles=500, width=160, height=120)
    totals = write(tmp_path / "set", order, ("yolo",))
    manifest = json.loads((tmp_path / "set" / "manifest.json").read_text())
    again = Order(**{**manifest["order"], "classes": tuple(manifest["order"]["classes"])})
    assert again == order
    assert manifest["totals"] == totals
    for number in range(2):
        facts = json.loads((tmp_path / "set" / "facts" / f"{number:06d}.json").read_text())
        assert (facts["stop"], facts["field"]) == ("no space left", [0, 0, 160, 120])
        assert facts["cube"] + facts["quasi_sphere"] == len(facts["size_px"]) > 0


def test_every_sampled_value_is_in_the_facts(tmp_path: Path) -> None:
    order = Order(count=3, seed=12, **SMALL)
    write(tmp_path / "set", order, ("yolo",))
    for number in range(3):
        facts = json.loads((tmp_path / "set" / "facts" / f"{number:06d}.json").read_text())
        drawn, variant = sample(read_recipe("sem"), np.random.default_rng((12, number, 0)))
        assert facts["specimen"] == asdict(drawn)
        assert facts["variant"] == variant


def test_a_recipe_of_ones_own_and_backgrounds(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('base = "sem"\n[specimen]\ncount = 5\nd_g_px = 20\nother_share = 0.0\n')
    (tmp_path / "bare").mkdir()
    cv2.imwrite(str(tmp_path / "bare" / "film.png"), np.random.default_rng(0).integers(0, 60, (150, 200), np.uint8))
    order = Order(recipe=str(tmp_path / "mine.toml"), backgrounds=str(tmp_path / "bare"), count=4, seed=1, **SMALL)
    totals = write(tmp_path / "set", order, ("yolo",))
    assert 0 < totals["cube"] + totals["quasi_sphere"] <= 20
    (tmp_path / "none").mkdir()
    with pytest.raises(MicrographError, match="no micrograph"):
        maker(Order(backgrounds=str(tmp_path / "none")))
    with pytest.raises(RecipeError, match="neither a file"):
        maker(Order(recipe="mine"))


def test_the_preview_is_a_sheet_of_all_pictures(tmp_path: Path) -> None:
    order = Order(count=7, seed=1, **SMALL)
    write_set(asdict(order), make_all(order), tmp_path / "set", ("yolo",), preview=True)
    sheet = cv2.imread(str(tmp_path / "set" / "preview.png"))
    assert sheet.shape == (2 * 306, 5 * 406, 3)
    assert (sheet[306:, 2 * 406 :] == 255).all()
    assert sheet[306:606, 406:806].std() > 5


@pytest.mark.parametrize("mode", ["paper", "sem"])
def test_the_number_of_workers_does_not_change_a_byte(tmp_path: Path, mode: str) -> None:
    order = Order(mode=mode, count=4, seed=2, **SMALL)
    for name, workers in (("one", 1), ("two", 2)):
        write(tmp_path / name, order, workers=workers)
    write(tmp_path / "other", Order(mode=mode, count=4, seed=3, **SMALL))
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert contents(tmp_path / "one")["images/000000.png"] != contents(tmp_path / "other")["images/000000.png"]


def test_an_image_is_the_same_in_a_longer_set() -> None:
    short, long = (maker(Order(count=count, seed=5, **SMALL)) for count in (1, 10))
    assert short(0).micrograph.image.tobytes() == long(0).micrograph.image.tobytes()


def test_some_fields_are_empty_and_none_holds_too_many() -> None:
    make = maker(Order(count=25, seed=9, width=64, height=64, max_particles=5))
    counts = [len(make(number).micrograph.truth.detections) for number in range(25)]
    assert min(counts) == 0
    assert max(counts) <= 5
    assert len(set(counts)) > 3  # every image is a specimen of its own


@pytest.mark.parametrize(
    "wrong",
    [
        {"mode": "tem"}, {"classes": ("rod",)}, {"classes": ()}, {"count": 0}, {"max_particles": -1}, {"seed": -1},
        {"width": 63}, {"height": 9000}, {"recipe": "other.toml", "mode": "paper"},
    ],
)  # fmt: skip
def test_an_order_without_sense_is_refused_at_once(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        make_all(Order(**wrong))  # type: ignore[arg-type]


def test_a_pattern_that_cannot_be_read_is_told_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(PatternError):
        make_all(Order(pattern=str(tmp_path / "none.txt"), mode="paper"), workers=2)


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    order = Order(count=1, seed=0, **SMALL)
    (tmp_path / "notes.txt").write_text("mine")
    for out in (tmp_path, tmp_path / "notes.txt"):
        with pytest.raises(UsageError, match="choose another"):
            write(out, order)
    with pytest.raises(UsageError, match="yolo, voc, coco, createml, masks"):
        write(tmp_path / "new", order, ("pascal",))
    assert contents(tmp_path) == {"notes.txt": b"mine"}
    (tmp_path / "empty").mkdir()
    assert write(tmp_path / "empty", order)["images"] == 1


def test_a_disk_that_takes_no_more_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order = Order(count=1, seed=0, **SMALL)
    with pytest.raises(DatasetError, match="cannot be written"):
        write(Path("/dev/null/set"), order)

    def full(path: Path, _content: bytes) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(dataset.Path, "write_bytes", full)
    with pytest.raises(DatasetError, match=r"cannot be written: .*No space left on device"):
        write(tmp_path / "set", order)


def test_the_verb_with_several_processes_and_with_one(tmp_path: Path) -> None:
    words = ("--size", "160x120", "--seed", "7", "--max-particles", "9", "--labels", "yolo, coco")
    many = generate("--out", "many", "--count", "3", *words, folder=tmp_path)
    one = generate("--out", "one", "--count", "1", *words, "--json", folder=tmp_path)
    assert (many.returncode, many.stderr, one.returncode, one.stderr) == (0, "", 0, "")
    assert many.stdout.startswith("many: 3 images, ")
    assert many.stdout.endswith("; seed 7\n")
    told = json.loads(one.stdout)
    assert told == {"out": "one", "seed": 7, "images": 1, "cube": told["cube"], "quasi_sphere": told["quasi_sphere"]}
    written = contents(tmp_path / "one")
    assert set(written) == {
        "classes.txt", "coco.json", "facts/000000.json", "images/000000.png", "labels/000000.txt", "manifest.json",
    }  # fmt: skip
    assert len(written["labels/000000.txt"].splitlines()) == told["cube"] + told["quasi_sphere"]
    assert contents(tmp_path / "many")["images/000000.png"] == written["images/000000.png"]


def test_the_clock_is_the_seed_where_none_is_given(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seeds = set()
    for out in ("a", "b"):
        generate_verb(out=tmp_path / out, count=1, size="64x64", as_json=True)
        seeds.add(json.loads(capsys.readouterr().out)["seed"])
    assert len(seeds) == 2


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--size", "big"), 2, "--size big: expected width x height"),
        (("broken.txt",), 1, "broken.txt:2: template 'gone.png' cannot be read"),
    ],
)
def test_bad_input_is_told_in_one_line(tmp_path: Path, words: tuple[str, ...], code: int, said: str) -> None:
    (tmp_path / "broken.txt").write_text("640 480\ngone.png\n")
    done = generate("--out", "set", *words, folder=tmp_path)
    assert done.returncode == code
    assert done.stdout == ""
    assert done.stderr.startswith("nanotally: ")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "set").exists()


def test_a_picture_tells_its_pixel_size(tmp_path: Path) -> None:
    write(tmp_path / "set", Order(count=2, seed=3, **SMALL))
    for number in range(2):
        specimen = json.loads((tmp_path / "set" / "facts" / f"{number:06d}.json").read_text())["specimen"]
        read = read_micrograph(tmp_path / "set" / "images" / f"{number:06d}.png")
        assert (read.nm_per_px, read.warnings) == ((specimen["nm_per_px"],) * 2, ())
