from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nanotally.opencv import cv2
from nanotally.trainer.darknet.training import Darknet
from nanotally.trainer.offline import keep_offline

pytestmark = pytest.mark.train
BOX = (150, 90, 190, 130)


def write_part(folder: Path) -> Path:
    """A training set with one picture of 320 x 240 pixels: a bright rectangle on a dark ground."""
    for part in ("images", "labels"):
        (folder / part).mkdir()
    image = np.full((240, 320), 40, np.uint8)
    left, top, right, bottom = BOX
    image[top:bottom, left:right] = 160
    cv2.imwrite(str(folder / "images" / "0.png"), image)
    box = ((left + right) / 2 / 320, (top + bottom) / 2 / 240, (right - left) / 320, (bottom - top) / 240)
    (folder / "labels" / "0.txt").write_text("1 " + " ".join(f"{number:.6f}" for number in box))
    return folder / "images"


def pictures(darknet: Darknet, folder: Path, *, augment: bool) -> Any:
    keep_offline()
    from ultralytics.cfg import get_cfg

    from nanotally.trainer.darknet.pictures import Pictures

    return Pictures(
        darknet, img_path=str(write_part(folder)), imgsz=128, augment=augment, hyp=get_cfg(), task="detect",
        data={"names": {0: "cube", 1: "quasi_sphere"}, "channels": 1},
    )  # fmt: skip


@pytest.mark.parametrize("darknet", [Darknet(resize=1.5), Darknet(letterbox=True, turns=True)])
def test_boxes_go_where_the_particle_goes(darknet: Darknet, tmp_path: Path) -> None:
    random.seed(1)
    shown = pictures(darknet, tmp_path, augment=True)
    seen = 0
    for _ in range(40):
        view = shown[0]
        image, boxes = view["img"].numpy()[0].astype(float), view["bboxes"].numpy()
        if len(boxes) == 1 and (np.abs(boxes[0, :2] - 0.5) + boxes[0, 2:] / 2 < 0.49).all():
            seen += 1
            rows, columns = np.nonzero(image > (image.max() + np.median(image)) / 2)
            found = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
            x, y, width, height = boxes[0] * 128
            np.testing.assert_allclose(found, (x - width / 2, y - height / 2, x + width / 2, y + height / 2), atol=1.5)
            assert view["cls"].item() == 1
    assert seen > 10


@pytest.mark.parametrize(("letterbox", "size"), [(False, (1.0, 1.0)), (True, (1.0, 0.75))])
def test_a_picture_to_judge_is_squeezed_or_keeps_its_shape(
    letterbox: bool, size: tuple[float, float], tmp_path: Path
) -> None:
    view = pictures(Darknet(letterbox=letterbox), tmp_path, augment=False)[0]
    assert view["img"].shape == (1, 128, 128)
    width, height = view["bboxes"].numpy()[0, 2:]
    assert (width, height) == pytest.approx((40 / 320 * size[0], 40 / 240 * size[1]), abs=0.01)
