"""Templates cut from labelled micrographs: what is left out and why, what is written, and that it can be used."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from nanotally.detections import CLASSES, Detections
from nanotally.errors import LabelError, NanotallyError, PatternError, UsageError
from nanotally.generator.labelled import Labelled, read_labelled
from nanotally.generator.orders import Order, maker
from nanotally.generator.outline import find_outline
from nanotally.generator.pattern import read_pattern
from nanotally.generator.templates import KEPT, cut, write_templates
from nanotally.labels import LabelledImage, write_voc, write_yolo
from nanotally.opencv import cv2

WIDTH, HEIGHT = 300, 200
DISCS = ((40, 40), (100, 40), (200, 100), (226, 100), (8, 150), (150, 160))
"""Centres of discs of radius 15: two alone, two that touch, one cut by the border, one alone."""
FATE_OF_DISCS = [KEPT, KEPT, "occluded", "occluded", "cropped", KEPT]


def instances() -> NDArray[np.uint16]:
    """Each disc with a number of its own; the numbers have gaps."""
    drawn = np.zeros((HEIGHT, WIDTH), np.uint16)
    for number, (x, y) in enumerate(DISCS, start=1):
        cv2.circle(drawn, (x, y), 15, number * 10, -1)
    return drawn


def labels(name: str = "disc.png") -> LabelledImage:
    """Boxes of the discs; the first is called a cube."""
    boxes = [(max(x - 15, 0), y - 15, x + 16, y + 16) for x, y in DISCS]
    return LabelledImage(
        name, WIDTH, HEIGHT, Detections(np.array(boxes, np.float32), class_id=np.array([0, 1, 1, 1, 1, 1]))
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A micrograph with labels of every kind."""
    rng = np.random.default_rng(1)
    image = np.where(instances() > 0, 170, 40) + rng.normal(0, 4, (HEIGHT, WIDTH))
    cv2.imwrite(str(tmp_path / "disc.png"), image.round().astype(np.uint8))
    cv2.imwrite(str(tmp_path / "mask.png"), instances())
    cv2.imwrite(str(tmp_path / "eight.png"), instances().astype(np.uint8))
    (tmp_path / "labels").mkdir()
    write_yolo(tmp_path / "labels" / "disc.txt", labels())
    (tmp_path / "classes.txt").write_text("cube\nSphere\n")
    write_voc(tmp_path / "disc.xml", labels())
    return tmp_path


def fates(labelled: Labelled) -> list[str]:
    return [fate for fate, _ in cut(labelled)]


@pytest.mark.parametrize(
    ("name", "mask", "class_name"),
    [
        ("labels/disc.txt", None, None),
        ("disc.xml", None, None),
        ("labels/disc.txt", "mask.png", None),
        ("disc.xml", "eight.png", None),
        ("mask.png", None, "quasi_sphere"),
        ("eight.png", None, "spheres"),
    ],
)
def test_cropped_and_touching_particles_are_left_out(
    folder: Path, name: str, mask: str | None, class_name: str | None
) -> None:
    given = folder / mask if mask else None
    labelled = read_labelled(folder / "disc.png", folder / name, mask=given, class_name=class_name)
    assert fates(labelled) == FATE_OF_DISCS
    first = 1 if class_name else 0
    assert labelled.labels.detections.class_id.tolist() == [first, 1, 1, 1, 1, 1]
    truth = instances()
    for row, (_, template) in enumerate(cut(labelled)):
        if template is not None:
            area = (template[..., 3] >= 128).sum()
            assert area == pytest.approx(
                (truth == 10 * (row + 1)).sum(), rel=0.02 if labelled.instances is not None else 0.1
            )
            assert template[template[..., 3] == 255].mean(axis=0)[:3] == pytest.approx([170] * 3, abs=6)


def test_a_mask_of_one_level_holds_a_particle_in_each_connected_area(folder: Path) -> None:
    cv2.imwrite(str(folder / "binary.png"), (instances() > 0).astype(np.uint8) * 255)
    labelled = read_labelled(folder / "disc.png", folder / "binary.png", class_name="cube")
    assert Counter(fates(labelled)) == {KEPT: 4, "cropped": 1}  # the two that touch are one


def test_particles_without_a_label_still_hide_their_neighbours(folder: Path) -> None:
    one = labels()
    write_yolo(folder / "labels" / "disc.txt", LabelledImage("", WIDTH, HEIGHT, one.detections[[0, 2]]))
    labelled = read_labelled(folder / "disc.png", folder / "labels" / "disc.txt", mask=folder / "mask.png")
    assert fates(labelled) == [KEPT, "occluded"]


def test_what_the_labels_say_is_believed(folder: Path) -> None:
    flags = np.eye(6, dtype=bool)
    said = LabelledImage("disc.png", WIDTH, HEIGHT, labels().detections, difficult=flags[0], truncated=flags[1])
    labelled = read_labelled(folder / "disc.png", folder / "disc.xml")
    assert fates(Labelled(labelled.micrograph, said, None))[:2] == ["occluded", "cropped"]


def test_a_box_that_is_not_tight_or_very_small_is_unclear(folder: Path) -> None:
    boxes = np.array([(20, 20, 90, 70), (97, 37, 103, 43)], np.float32)
    loose = LabelledImage("disc.png", WIDTH, HEIGHT, Detections(boxes))
    labelled = read_labelled(folder / "disc.png", folder / "disc.xml")
    assert fates(Labelled(labelled.micrograph, loose, None)) == ["unclear", "unclear"]
    with pytest.raises(PatternError, match=r"none of 2 labels became a template \(0 cropped, 0 occluded, 2 unclear\)"):
        write_templates(Labelled(labelled.micrograph, loose, None), folder / "out")
    assert not (folder / "out").exists()


def test_what_is_written_can_be_generated_from(folder: Path) -> None:
    counts = write_templates(read_labelled(folder / "disc.png", folder / "labels" / "disc.txt"), folder / "out")
    assert counts == {KEPT: 3, "cropped": 1, "occluded": 2, "unclear": 0}
    assert sorted(path.name for path in (folder / "out").iterdir()) == [
        "disc-001.png", "disc-002.png", "disc-006.png", "pattern.txt",
    ]  # fmt: skip
    pattern = read_pattern(folder / "out" / "pattern.txt")
    assert (pattern.width, pattern.height, pattern.nm_per_px) == (WIDTH, HEIGHT, None)
    assert pattern.background == pytest.approx(40, abs=1)
    assert [CLASSES[t.class_id] for t in pattern.templates] == ["cube", "quasi_sphere", "quasi_sphere"]
    order = Order(pattern=str(folder / "out" / "pattern.txt"), mode="paper", count=1, max_particles=8)
    assert len(maker(order)(0).micrograph.truth.detections) == 8


def test_a_calibrated_micrograph_hands_its_pixel_size_on(folder: Path) -> None:
    image = cv2.imread(str(folder / "disc.png"), cv2.IMREAD_UNCHANGED)
    fei = "[Scan]\r\nPixelWidth=2.05e-009\r\nPixelHeight=2.05e-009\r\n"
    fei += f"[Image]\r\nResolutionX={WIDTH}\r\nResolutionY={HEIGHT}\r\n"
    tifffile.imwrite(folder / "odd name=1.tif", image, extratags=[(34682, "s", 0, fei, True)])
    write_templates(read_labelled(folder / "odd name=1.tif", folder / "disc.xml"), folder / "out")
    assert read_pattern(folder / "out" / "pattern.txt").nm_per_px == pytest.approx(2.05)


@pytest.mark.parametrize(
    ("name", "options", "kind", "words"),
    [
        ("mask.png", {}, UsageError, "--class is for an instance mask"),
        ("disc.xml", {"class_name": "cube"}, UsageError, "box labels have classes"),
        ("mask.png", {"class_name": "rod"}, UsageError, "one of cube, quasi_sphere"),
        ("mask.png", {"class_name": "cube", "mask": "mask.png"}, UsageError, "no --mask beside it"),
        ("none.png", {"class_name": "cube"}, LabelError, "cannot be read"),
        ("classes.txt", {}, LabelError, "expected 5"),
        ("labels/none.txt", {}, LabelError, "cannot be read"),
        ("disc.xml", {"mask": "small.png"}, LabelError, "the mask is 30x20 px, the micrograph 300x200"),
        ("disc.xml", {"mask": "classes.txt"}, LabelError, "not an instance mask"),
        ("disc.xml", {"mask": "colour.png"}, LabelError, "not an instance mask"),
        ("small.xml", {}, LabelError, "made for 30x20 px"),
        ("alone/disc.txt", {}, LabelError, "no classes.txt"),
        ("rods/disc.txt", {}, LabelError, "class 'rod' is not one of"),
    ],
)
def test_a_fault_is_told(
    folder: Path, name: str, options: dict[str, str], kind: type[NanotallyError], words: str
) -> None:
    cv2.imwrite(str(folder / "small.png"), np.zeros((20, 30), np.uint8))
    cv2.imwrite(str(folder / "colour.png"), np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    write_voc(folder / "small.xml", LabelledImage("disc.png", 30, 20, Detections.empty()))
    for place in ("deep/alone", "rods"):
        (folder / place).mkdir(parents=True)
        write_yolo(folder / place / "disc.txt", labels())
    (folder / "rods" / "classes.txt").write_text("rod\nsphere\n")
    path = folder / name.replace("alone", "deep/alone")
    mask = folder / options["mask"] if "mask" in options else None
    with pytest.raises(kind, match=words):
        read_labelled(folder / "disc.png", path, mask=mask, class_name=options.get("class_name"))


def test_nothing_is_overwritten(folder: Path) -> None:
    labelled = read_labelled(folder / "disc.png", folder / "disc.xml")
    with pytest.raises(UsageError, match="choose another --out"):
        write_templates(labelled, folder)
    with pytest.raises(PatternError, match="cannot be written"):
        write_templates(labelled, Path("/dev/null/out"))


def test_the_verb_says_what_it_left_out(folder: Path) -> None:
    def templates(*words: str) -> subprocess.CompletedProcess[str]:
        child = [sys.executable, "-m", "nanotally", "templates", "disc.png", *words]
        return subprocess.run(child, cwd=folder, capture_output=True, text=True, timeout=120, check=False)

    done = templates("labels/disc.txt", "--mask", "mask.png", "--out", "cut")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "cut/pattern.txt: 3 templates of 6 labels; left out: 1 cropped, 2 occluded, 0 unclear\n"
    wrong = templates("mask.png", "--out", "other")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr.count("\n") == 1


@pytest.mark.real
@pytest.mark.parametrize(("stem", "least"), [("37ce835fb2", 0.8), ("d83980d44e", 0.88), ("80d6a1f25a", 0.85)])
def test_outlines_in_boxes_are_those_that_people_drew(shared_data: Path, stem: str, least: float) -> None:
    emps = shared_data / "emps-dev"
    labelled = read_labelled(
        emps / "images" / f"{stem}.png", emps / "labels" / f"{stem}.txt", mask=emps / "masks" / f"{stem}.png"
    )
    found = labelled.labels.detections
    overlaps = []
    for row in [row for row, fate in enumerate(fates(labelled)) if fate == KEPT]:
        mask = find_outline(
            labelled.micrograph.image, found.xyxy[row], cube=CLASSES[found.class_id[row]] == "cube"
        ).mask
        drawn = labelled.instances == row + 1
        overlaps.append((mask & drawn).sum() / (mask | drawn).sum())
    assert len(overlaps) > 15
    assert np.median(overlaps) > least
