from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import SIDE, OracleEngine, draw_patches, oracle_bundle

from nanotally.detect import Detector, DetectSettings
from nanotally.detections import FLAG_BORDER, FLAG_SEAM
from nanotally.errors import ConfigError

CUBE, SPHERE = 255, 170
KINDS = pytest.mark.parametrize("stride", [None, 32], ids=["squares", "any size"])


def find(image: np.ndarray, *, bundle=None, field=None, stride=None, **settings):
    bundle = bundle or oracle_bundle(stride=stride)
    return Detector(bundle, OracleEngine(), DetectSettings(**settings)).detect(image, field=field)


def in_order(boxes: np.ndarray) -> list[tuple[float, ...]]:
    return sorted(map(tuple, np.round(boxes, 3).tolist()))


def grid(n_x: int, n_y: int, *, pitch: int, size: int, shift: int = 0) -> np.ndarray:
    x, y = (axis.ravel() * pitch + 3 + shift for axis in np.meshgrid(np.arange(n_x), np.arange(n_y)))
    return np.stack([x, y, x + size, y + size], axis=1)


@pytest.mark.parametrize("shift", range(42))
def test_particles_up_to_the_overlap_are_found_once_and_whole_wherever_the_seams_fall(shift: int) -> None:
    boxes = grid(12, 9, pitch=42, size=30, shift=shift)
    image = draw_patches(480, 640, boxes, np.full(len(boxes), CUBE))
    found = find(image, overlap_px=40, levels=1).detections
    assert in_order(found.xyxy) == in_order(boxes)
    assert not (found.flags & FLAG_SEAM).any()


@pytest.mark.parametrize("shift", range(0, 42, 6))
def test_neither_do_the_seams_between_large_tiles_matter(shift: int) -> None:
    boxes = grid(45, 40, pitch=42, size=30, shift=shift)
    image = draw_patches(1750, 1950, boxes, np.full(len(boxes), CUBE))
    found = find(image, overlap_px=40, levels=1, stride=32)
    assert found.tiles == 4
    assert in_order(found.detections.xyxy) == in_order(boxes)
    assert not (found.detections.flags & FLAG_SEAM).any()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([None, 32]))
def test_random_fields_are_found_exactly(seed: int, stride: int | None) -> None:
    rng = np.random.default_rng(seed)
    cells = grid(9, 7, pitch=44, size=0)[:, :2]
    chosen = cells[rng.random(len(cells)) < 0.6]
    size = rng.integers(4, 36, (len(chosen), 2))
    boxes = np.concatenate([chosen, chosen + size], axis=1)
    levels = rng.choice([CUBE, SPHERE], len(boxes))
    found = find(draw_patches(340, 420, boxes, levels), overlap_px=40, levels=1, stride=stride).detections
    assert in_order(found.xyxy) == in_order(boxes)
    assert found.counts() == {"cube": int((levels == CUBE).sum()), "quasi_sphere": int((levels == SPHERE).sum())}


@KINDS
def test_a_particle_larger_than_the_input_is_found_once(stride: int | None) -> None:
    box = np.array([[60, 50, 360, 330]])
    found = find(draw_patches(480, 640, box, np.array([CUBE])), overlap_px=40, stride=stride).detections
    assert len(found) == 1
    np.testing.assert_allclose(found.xyxy, box, atol=4)


def test_without_a_coarser_level_a_large_particle_is_flagged_as_cut() -> None:
    box = np.array([[60, 50, 360, 330]])
    found = find(draw_patches(480, 640, box, np.array([CUBE])), overlap_px=40, levels=1).detections
    assert len(found)
    assert (found.flags & FLAG_SEAM).all()


def test_two_thousand_particles_are_two_thousand_detections() -> None:
    boxes = grid(50, 40, pitch=24, size=14)
    found = find(draw_patches(970, 1210, boxes, np.full(2000, SPHERE)), overlap_px=20, levels=1)
    assert len(boxes) == 2000
    assert len(found.detections) == 2000
    assert not found.truncated


def test_more_than_the_most_says_truncated_and_keeps_that_many() -> None:
    boxes = grid(5, 5, pitch=24, size=14)
    found = find(
        draw_patches(130, 130, boxes, np.full(25, SPHERE)), bundle=oracle_bundle(max_detections=20), overlap_px=20
    )
    assert found.truncated
    assert len(found.detections) == 20


def test_nothing_is_looked_at_outside_the_field_and_boxes_are_in_pixels_of_the_image() -> None:
    boxes = np.array([[30, 40, 50, 60], [100, 200, 120, 220]])
    image = draw_patches(240, 300, boxes, np.full(2, CUBE))
    found = find(image, overlap_px=40, field=(10, 20, 200, 180)).detections
    assert in_order(found.xyxy) == in_order(boxes[:1])


def test_a_network_of_any_size_looks_at_the_whole_field_once_a_level() -> None:
    assert find(np.zeros((960, 1280), np.uint8), stride=32).tiles == 4  # 1280, 640, 320 and 160 pixels wide
    assert find(np.zeros((960, 1280), np.uint8), stride=32, levels=1).tiles == 1
    assert find(np.zeros((960, 1280), np.uint8), levels=1).tiles > 50


@KINDS
def test_fields_of_several_sizes_in_one_call_are_as_each_alone(stride: int | None) -> None:
    rng = np.random.default_rng(0)
    detector = Detector(oracle_bundle(stride=stride), OracleEngine(), DetectSettings(overlap_px=40))
    images = []
    for width, height in ((400, 300), (97, 210), (400, 300), (640, 300)):
        cells = grid(width // 44, height // 44, pitch=44, size=30)
        boxes = cells[rng.random(len(cells)) < 0.6]
        image = draw_patches(height, width, boxes, rng.choice([CUBE, SPHERE], len(boxes)))
        images.append((image, None if width > 100 else (5, 6, 90, 200)))
    together = detector.detect_all(images)
    assert len({found.tiles for found in together}) > 1
    for (image, field), found in zip(images, together, strict=True):
        alone = detector.detect(image, field=field)
        assert len(alone.detections)
        assert found.tiles == alone.tiles
        np.testing.assert_array_equal(found.detections.xyxy, alone.detections.xyxy)
        np.testing.assert_array_equal(found.detections.class_id, alone.detections.class_id)


def test_touching_the_border_of_the_field_is_flagged() -> None:
    boxes = np.array([[0, 40, 20, 60], [50, 50, 70, 70]])
    found = find(draw_patches(150, 150, boxes, np.full(2, CUBE)), overlap_px=40).detections
    flagged = (found.flags & FLAG_BORDER) > 0
    assert in_order(found.xyxy[flagged]) == in_order(boxes[:1])


def test_the_scale_is_that_of_the_finest_level() -> None:
    box = np.array([[30, 30, 60, 60]])
    found = find(draw_patches(100, 100, box, np.array([CUBE])), scale=1.5, levels=1, overlap_px=60).detections
    np.testing.assert_allclose(found.xyxy, box, atol=1.0)


@KINDS
def test_frames_of_another_size_are_planned_anew(stride: int | None) -> None:
    detector = Detector(oracle_bundle(stride=stride), OracleEngine(), DetectSettings(overlap_px=40))
    for size in (100, 400, 100):
        box = np.array([[20, 20, 50, 50]])
        found = detector.detect(draw_patches(size, size, box, np.array([CUBE]))).detections
        np.testing.assert_allclose(found.xyxy, box)


@pytest.mark.parametrize(
    "settings",
    [{"overlap_px": SIDE}, {"overlap_px": -1}, {"scale": 0}, {"scale": 99}, {"score": 1.5}, {"levels": 0}],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(settings))):
        find(np.zeros((10, 10), np.uint8), **settings)


def test_an_empty_field_is_refused() -> None:
    with pytest.raises(ConfigError, match="nothing to look at"):
        find(np.zeros((10, 10), np.uint8), field=(5, 5, 5, 5))
