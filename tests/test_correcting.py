"""The whole trip: what was found is written, corrected as a label editor does it, and taken in by `dataset`."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from analysed import HEIGHT, WIDTH, draw_discs, result_of, run_of
from label_editors import (
    Drawn,
    Shapes,
    cvat_opens_coco,
    cvat_opens_its_own,
    cvat_saves_coco,
    cvat_saves_voc,
    labelimg_opens_voc,
    labelimg_opens_yolo,
    labelimg_saves_voc,
    labelimg_saves_yolo,
)

from nanotally.daemon.harvest.shelf import Kept, Shelf
from nanotally.detections import CLASSES
from nanotally.labels import LabelledImage, read_dataset
from nanotally.opencv import cv2
from nanotally.results import Output
from nanotally.trainer.compose import compose
from nanotally.trainer.intake import take_in

PICTURES = 6
SIZE = (WIDTH, HEIGHT)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Micrographs that differ, or `dataset` would take them for copies."""
    folder = tmp_path / "micrographs"
    folder.mkdir()
    for number in range(PICTURES):
        path = draw_discs(folder / f"{number}.png")
        image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        cv2.imwrite(str(path), np.roll(image, 7 * number, axis=1))
    return folder


@pytest.fixture
def results(pictures: Path, tmp_path: Path) -> Path:
    """What `detect` writes of them; without the particle that the border cuts, which `dataset` judges as difficult."""
    with Output(tmp_path / "results", run_of(PICTURES), ["voc", "yolo", "coco"]) as output:
        for number, path in enumerate(sorted(pictures.iterdir())):
            result = result_of(path)
            moved = result.found.detections.xyxy[:5] + np.float32([0.3 + number, 0.1, 0.4 + number, 0.2])
            found = replace(result.found.detections[:5], xyxy=moved)
            output.add(replace(result, found=replace(result.found, detections=found)))
    return tmp_path / "results"


def corrected(drawn: list[Drawn]) -> list[Drawn]:
    """The first was nothing, the second is a cube, the third was drawn too large; one was missed and is hard to see."""
    _, second, third, *others = drawn
    smaller = replace(third, x1=third.x1 + 2, y2=third.y2 - 3)
    return [replace(second, name="cube"), smaller, *others, Drawn("quasi_sphere", 4, 200, 31, 228, difficult=True)]


def by_labelimg_as_voc(results: Path, folder: Path, images: Path) -> Shapes:
    (results / "voc").rename(folder / "Annotations")
    shapes: Shapes = {}
    for path in sorted((folder / "Annotations").iterdir()):
        image = images / f"{path.stem}.png"
        shapes[image.name] = corrected(labelimg_opens_voc(path))
        labelimg_saves_voc(path, image, SIZE, shapes[image.name])
    return shapes


def by_labelimg_as_yolo(results: Path, folder: Path, images: Path) -> Shapes:
    (results / "yolo").rename(folder / "labels")
    shapes: Shapes = {}
    for path in sorted((folder / "labels").glob("?.txt")):
        drawn = corrected(labelimg_opens_yolo(path, SIZE))
        labelimg_saves_yolo(path, SIZE, drawn, list(CLASSES))
        shapes[f"{path.stem}.png"] = [replace(shape, difficult=False) for shape in drawn]  # YOLO cannot say it
    return shapes


def by_cvat_as_coco(results: Path, folder: Path, images: Path) -> Shapes:
    shapes = {name: corrected(drawn) for name, drawn in cvat_opens_coco(results / "coco.json").items()}
    (folder / "annotations").mkdir()
    cvat_saves_coco(folder / "annotations" / "instances_default.json", dict.fromkeys(shapes, SIZE), shapes)
    return {name: [replace(shape, difficult=False) for shape in drawn] for name, drawn in shapes.items()}


def by_cvat_as_voc(results: Path, folder: Path, images: Path) -> Shapes:
    shapes = {name: corrected(drawn) for name, drawn in cvat_opens_coco(results / "coco.json").items()}
    cvat_saves_voc(folder, dict.fromkeys(shapes, SIZE), shapes)
    return shapes


def check(folder: Path, shapes: Shapes, *, atol: float, out: Path) -> None:
    """`dataset` reads these shapes, and the pictures that it sets apart to judge by have them all."""
    taken = take_in([], [folder])
    assert taken.faults == []
    assert sorted(entry.path.name for entry in taken.real) == sorted(shapes)
    for entry in taken.real:
        picture = entry.open()
        assert_same(
            picture.detections.xyxy, picture.detections.class_id, picture.difficult, shapes[entry.path.name], atol
        )
    compose(out, synthetic=[], real=[folder], views=1, side_px=64, seed=1)
    judged = [sample for part in ("real-val", "real-test") for sample in read_dataset(out / part).samples]
    assert len(judged) >= 2
    for sample in judged:
        own = sample.labels
        assert_same(own.detections.xyxy, own.detections.class_id, own.difficult, shapes[sample.image.name], atol)


def assert_same(
    xyxy: np.ndarray, class_id: np.ndarray, difficult: np.ndarray, shapes: list[Drawn], atol: float
) -> None:
    assert len(xyxy) == len(shapes)
    np.testing.assert_allclose(xyxy, [[s.x1, s.y1, s.x2, s.y2] for s in shapes], atol=atol)
    assert [CLASSES[number] for number in class_id] == [s.name for s in shapes]
    assert difficult.tolist() == [s.difficult for s in shapes]


@pytest.mark.parametrize(
    ("correct", "atol"),
    [
        (by_labelimg_as_voc, 0.01),  # of the whole pixels in which LabelImg itself has them
        (by_labelimg_as_yolo, 0.01),
        (by_cvat_as_coco, 0.01),
        (by_cvat_as_voc, 0.01),
    ],
)
def test_what_detect_wrote_is_corrected_and_learned_from(
    correct: Callable[[Path, Path, Path], Shapes], atol: float, results: Path, pictures: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "corrected"
    folder.mkdir()
    (folder / "images").symlink_to(pictures)
    shapes = correct(results, folder, pictures)
    assert len(shapes) == PICTURES
    check(folder, shapes, atol=atol, out=tmp_path / "set")


@pytest.mark.parametrize(("name", "atol"), [("voc", 0.51), ("yolo", 0.01), ("coco", 0.01)])
def test_boxes_reach_the_editor_as_they_were_found(name: str, atol: float, results: Path, pictures: Path) -> None:
    opened = {
        "voc": lambda stem: labelimg_opens_voc(results / "voc" / f"{stem}.xml"),
        "yolo": lambda stem: labelimg_opens_yolo(results / "yolo" / f"{stem}.txt", SIZE),
        "coco": lambda stem: cvat_opens_coco(results / "coco.json")[f"{stem}.png"],
    }
    for number, path in enumerate(sorted(pictures.iterdir())):
        found = result_of(path).found.detections.xyxy[:5] + np.float32([0.3 + number, 0.1, 0.4 + number, 0.2])
        drawn = opened[name](path.stem)
        np.testing.assert_allclose([[s.x1, s.y1, s.x2, s.y2] for s in drawn], found, atol=atol)
        assert {s.name for s in drawn} == {"quasi_sphere"}


def harvested(folder: Path, pictures: Path) -> Path:
    """The pictures as the daemon keeps them."""
    shelf = Shelf(folder, CLASSES)
    for number, path in enumerate(sorted(pictures.iterdir())):
        labels = LabelledImage(path.name, *SIZE, result_of(path).found.detections[:5])
        shelf.add(
            path.read_bytes(),
            labels,
            Kept(
                file=path.name, group=str(number), doubt=0.5, why="unsure", instance="sem", source="main", run_id="r",
                frame=number, wall="2026-03-14T15:09:26Z", nm_per_px_x="", nm_per_px_y="", x1=0, y1=0, x2=WIDTH,
                y2=HEIGHT, size_bytes=0, label_sha256="",
            ),
        )  # fmt: skip
    return folder


def test_harvest_is_corrected_in_labelimg_and_learned_from(pictures: Path, tmp_path: Path) -> None:
    folder = harvested(tmp_path / "sem", pictures)
    shapes: Shapes = {}
    for path in sorted((folder / "images").glob("*.xml")):
        image = path.with_suffix(".png")
        shapes[image.name] = corrected(labelimg_opens_voc(path))
        labelimg_saves_voc(path, image, SIZE, shapes[image.name])
    check(folder, shapes, atol=0.01, out=tmp_path / "set")


def test_harvest_is_corrected_in_cvat_and_learned_from(pictures: Path, tmp_path: Path) -> None:
    folder = harvested(tmp_path / "sem", pictures)
    shapes = {name: corrected(drawn) for name, drawn in cvat_opens_its_own(folder / "cvat.xml").items()}
    cvat_saves_voc(folder, dict.fromkeys(shapes, SIZE), shapes)
    check(folder, shapes, atol=0.01, out=tmp_path / "set")
