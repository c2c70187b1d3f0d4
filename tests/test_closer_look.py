from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from oracle import OracleEngine, draw_patches, oracle_bundle

from nanotally.detect import Detector, DetectSettings, detector
from nanotally.detections import iou

CUBE = 255
KINDS = pytest.mark.parametrize("stride", [None, 32], ids=["squares", "any size"])


class ShortSighted(OracleEngine):
    """Sees patches of ten network pixels and more."""

    def __init__(self, blind_to_finer: bool = False) -> None:
        super().__init__()
        self.tiles: list[int] = []
        self._blind = blind_to_finer

    def infer(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        self.tiles.append(len(batch))
        raw = super().infer(batch)
        raw[:, 4:] *= (raw[:, 2:4].max(axis=1, keepdims=True) >= 10) & (not self._blind or len(self.tiles) == 1)
        return raw


def field(sizes: list[int], *, pitch: int = 24, columns: int = 12) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    corners = np.array([(6 + pitch * (i % columns), 6 + pitch * (i // columns)) for i in range(len(sizes))])
    boxes = np.concatenate([corners, corners + np.array(sizes)[:, None]], axis=1)
    return draw_patches(
        pitch * (len(sizes) // columns + 1) + 12, pitch * columns + 12, boxes, np.full(len(sizes), CUBE)
    ), boxes


def look(image: NDArray[np.uint8], engine: ShortSighted, *, stride: int | None = None, **settings: float):
    return Detector(oracle_bundle(stride=stride), engine, DetectSettings(levels=1, **settings)).detect(image)  # type: ignore[arg-type]


FEW_OF_MANY = [12] * 20 + [7] * 60


@KINDS
def test_small_particles_are_looked_at_closer(stride: int | None) -> None:
    image, boxes = field(FEW_OF_MANY)
    found = look(image, ShortSighted(), stride=stride)
    assert found.scale == 2
    assert len(found.detections) == len(boxes)
    assert iou(boxes.astype(np.float32), found.detections.xyxy).max(axis=1).min() > 0.7


def test_and_closer_still() -> None:
    image, boxes = field([12] * 20 + [7] * 40 + [4] * 60)
    found = look(image, ShortSighted())
    assert found.scale == 4
    assert len(found.detections) == len(boxes)


def test_a_closer_look_that_shows_no_more_changes_nothing() -> None:
    image, _ = field([12] * 40)
    engine = ShortSighted()
    found = look(image, engine)
    assert len(engine.tiles) == 2
    assert found.scale == 1
    assert np.array_equal(found.detections.xyxy, look(image, ShortSighted(), scale=1.0).detections.xyxy)


def test_nor_does_one_that_shows_less() -> None:
    image, _ = field(FEW_OF_MANY)
    found = look(image, ShortSighted(blind_to_finer=True))
    assert found.scale == 1
    assert len(found.detections) == 20


def test_large_particles_are_looked_at_once() -> None:
    image, _ = field([28] * 40 + [7] * 30, pitch=36)
    engine = ShortSighted()
    assert look(image, engine).scale == 1
    assert len(engine.tiles) == 1


def test_a_scale_that_was_asked_for_is_kept() -> None:
    image, _ = field(FEW_OF_MANY)
    assert look(image, ShortSighted(), scale=1.0).scale == 1
    assert len(look(image, ShortSighted(), scale=1.0).detections) == 20


def test_a_field_too_large_to_look_closer_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    image, _ = field(FEW_OF_MANY)
    monkeypatch.setattr(detector, "MOST_CLOSER_PX", image.size * 4 - 1)
    assert look(image, ShortSighted()).scale == 1


def test_each_of_several_images_is_looked_at_as_if_alone() -> None:
    images = [field(sizes)[0] for sizes in (FEW_OF_MANY, [20] * 30, [12] * 40, [12] * 20 + [4] * 100)]
    own = Detector(oracle_bundle(), ShortSighted(), DetectSettings(levels=1))
    together = own.detect_all([(image, None) for image in images])
    assert [found.scale for found in together] == [2, 1, 1, 1]
    for image, found in zip(images, together, strict=True):
        assert np.array_equal(found.detections.xyxy, own.detect(image).detections.xyxy)


def test_a_scale_that_is_known_costs_one_look() -> None:
    image, _ = field(FEW_OF_MANY)
    engine = ShortSighted()
    own = Detector(oracle_bundle(), engine, DetectSettings(levels=2))
    (found,) = own.merge(own.look_at([(image, None)], [2.0]))
    assert len(engine.tiles) == 1
    assert np.array_equal(found.detections.xyxy, own.detect(image).detections.xyxy)
