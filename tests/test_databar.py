from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from nanotally.labels import read_dataset
from nanotally.micrograph import find_databar, list_micrographs, read_micrograph
from nanotally.opencv import cv2

Image = NDArray[np.uint8]
TEXT = "15.0kV  X100,000  WD 7.8mm  100nm"

# What one sees in the pictures of emps-dev: the 16 with a bar from side to side.
WITH_BAR = """
    1b3c6536a3 21308b3614 2e4a3ab627 31f17306c8 37ce835fb2 427ebc9e15 4628753cd8 47286679c2
    60feb7de8f 8d7fc4c578 a4027c076c af124a45d9 ea71fe4650 ef6bbe7612 f8a1b2bf39 fcc97c015c
"""


def specimen(*, background: float = 60, noise: float = 8, height: int = 480, width: int = 640) -> Image:
    """Round particles on a noisy ground; with no noise and no background, on dead black."""
    rng = np.random.default_rng(1)
    image = np.full((height, width), background, np.float32)
    for x, y, r in zip(rng.uniform(0, width, 60), rng.uniform(0, height, 60), rng.uniform(8, 24, 60), strict=True):
        cv2.circle(image, (int(x), int(y)), int(r), 170.0, -1)
    return (
        np.clip(image + rng.normal(0, noise, image.shape), 0, 255).astype(np.uint8) if noise else image.astype(np.uint8)
    )


def with_bar(image: Image, *, rows: int, fill: int, ink: int, text: str = TEXT) -> Image:
    """The image with its lowest `rows` painted over as a databar."""
    image = image.copy()
    image[-rows:] = fill
    cv2.putText(image, text, (10, image.shape[0] - rows // 3), cv2.FONT_HERSHEY_SIMPLEX, rows / 50, ink, 1, cv2.LINE_AA)
    return image


@pytest.mark.parametrize(("fill", "ink"), [(0, 255), (255, 0), (45, 240)])
@pytest.mark.parametrize("rows", [30, 60])
def test_a_drawn_bar_is_found_to_the_row(fill: int, ink: int, rows: int) -> None:
    assert find_databar(with_bar(specimen(), rows=rows, fill=fill, ink=ink)) == 480 - rows


def test_a_black_bar_under_a_black_specimen_is_found() -> None:
    assert find_databar(with_bar(specimen(background=14, noise=5), rows=40, fill=0, ink=255)) == 440


def test_a_frame_line_belongs_to_the_bar() -> None:
    image = with_bar(specimen(), rows=40, fill=0, ink=255)
    image[440:442] = 250
    assert find_databar(image) == 440


def test_a_bar_drawn_inside_the_image_is_found() -> None:
    image = specimen()
    image[420:460, 40:560] = with_bar(image, rows=40, fill=0, ink=255)[440:480, :520]
    assert find_databar(image) == 420


@pytest.mark.parametrize(
    "change",
    [
        lambda image: cv2.resize(image, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA),
        lambda image: cv2.resize(image, None, fx=2.0, fy=2.0, interpolation=cv2.INTER_CUBIC),
        lambda image: cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 40])[1], 0),
    ],
)
def test_a_bar_survives_what_journals_do_to_pictures(change: Callable[[Image], Image]) -> None:
    changed = change(with_bar(specimen(), rows=50, fill=0, ink=255))
    top = find_databar(changed)
    assert top is not None
    assert top * 480 / changed.shape[0] == pytest.approx(430, abs=3)


def cubes_on_black() -> Image:
    """Rows of equal cubes, aligned with the image, on a ground that is black without noise."""
    image = np.zeros((480, 640), np.uint8)
    for y in range(20, 400, 60):
        for x in range(10, 620, 60):
            image[y : y + 40, x : x + 45] = 180
    return image


def with_scale_bar(image: Image) -> Image:
    image = image.copy()
    cv2.rectangle(image, (480, 455), (600, 462), 255, -1)
    cv2.putText(image, "200 nm", (490, 445), cv2.FONT_HERSHEY_SIMPLEX, 0.8, 255, 2)
    return image


@pytest.mark.parametrize(
    "image",
    [
        specimen(),
        specimen(background=0, noise=0),
        with_scale_bar(specimen()),
        with_scale_bar(specimen(background=0, noise=0)),
        cubes_on_black(),
        with_scale_bar(cubes_on_black()),
        with_bar(specimen(), rows=40, fill=0, ink=0),  # a black stripe without letters: a dark gap, a lost line
        with_bar(specimen(), rows=40, fill=128, ink=255),  # a flat grey substrate with a label
        np.zeros((480, 640), np.uint8),
        np.full((480, 640), 255, np.uint8),
        np.zeros((5, 5), np.uint8),
        np.zeros((300, 3), np.uint8),
    ],
)
def test_what_is_not_a_databar_is_left_alone(image: Image) -> None:
    assert find_databar(image) is None


@pytest.mark.real
def test_real_journal_figures(shared_data: Path) -> None:
    """Every bar that one sees is found and nothing else, and above a bar there is no second one."""
    labels = {sample.image.stem: sample.labels for sample in read_dataset(shared_data / "emps-dev").samples}
    found = set()
    for path in list_micrographs(shared_data / "emps-dev" / "images"):
        image = read_micrograph(path).image
        top = find_databar(image)
        if top is None:
            assert find_databar(np.ascontiguousarray(image[::-1])) is None, path.name
            continue
        found.add(path.stem)
        assert find_databar(image[:top]) is None, path.name
        if path.stem in labels:
            y1, y2 = labels[path.stem].detections.xyxy[:, 1], labels[path.stem].detections.xyxy[:, 3]
            assert ((y1 + y2) / 2 < top).all(), path.name
    assert found == set(WITH_BAR.split())


@pytest.mark.real
@pytest.mark.parametrize(
    ("name", "top"),
    [
        ("silica_jeol_A01-1.png", 960),
        ("silica_jeol_B04-2.png", 960),
        ("silica_jeol_C15-2.png", 960),
        ("sio2_sirion.tif", 423),
    ],
)
def test_real_instruments(shared_data: Path, name: str, top: int) -> None:
    micrograph = read_micrograph(shared_data / "unlabelled" / name)
    assert micrograph.field[3] == top
    assert micrograph.databar_from == "pixels"
