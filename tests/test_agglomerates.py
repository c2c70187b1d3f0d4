"""Agglomerates: who touches whom, and how much of the field is covered."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from rendered import render

from nanotally.detections import FLAG_MASKED, Detections
from nanotally.measure.agglomerates import Agglomerates, find_agglomerates
from nanotally.measure.contour import ANGLES, Contours
from nanotally.measure.shape import sizes_of
from nanotally.measure.sizing import Sizing, size_particles
from nanotally.opencv import cv2

SHAPE = (300, 400)


def circles(*middles: tuple[float, float], radius: float = 20) -> Detections:
    centre = np.array(middles, np.float32).reshape(-1, 2)
    return Detections(np.hstack([centre - radius, centre + radius]))


def unmeasured(found: Detections) -> Sizing:
    """Nothing known but the boxes: each particle is the ellipse in its own."""
    n = len(found)
    points = np.full((n, ANGLES, 2), np.nan, np.float32)
    return Sizing(
        Contours(points, np.zeros(n, np.float32)), np.zeros(n, bool), sizes_of(points, cube=np.zeros(n, bool)), None
    )


def grouped(found: Detections, shape: tuple[int, int] = SHAPE) -> Agglomerates:
    return find_agglomerates(found, unmeasured(found), shape)


def test_particles_that_touch_are_a_group_along_the_whole_chain() -> None:
    found = grouped(circles((40, 60), (80, 60), (120, 60), (250, 60), (250, 200), (270, 200)))
    assert found.group.tolist() == [0, 0, 0, 1, 2, 2]
    assert found.particles.tolist() == [3, 1, 2]
    assert found.number == 2


@pytest.mark.parametrize(("gap", "groups"), [(-5, 1), (0, 1), (1, 1), (4, 2), (10, 2)])
def test_a_gap_that_can_be_seen_parts_two_particles(gap: float, groups: int) -> None:
    assert len(grouped(circles((100.2, 100), (140.2 + gap, 100))).particles) == groups


def test_boxes_that_overlap_at_their_corners_hold_particles_that_do_not_touch() -> None:
    assert len(grouped(circles((100, 100), (132, 132))).particles) == 2


def test_an_area_covered_twice_counts_once() -> None:
    one, pair = grouped(circles((100, 100))), grouped(circles((100, 100), (120, 100)))
    circle = np.pi * 20**2
    # Two circles whose centres are a radius apart share 2/3 pi - sqrt(3)/2 radii squared.
    union = 2 * circle - (2 * np.pi / 3 - np.sqrt(3) / 2) * 20**2
    assert one.covered_px == pytest.approx(circle, rel=0.02)
    assert pair.covered_px == pytest.approx(union, rel=0.02)


def test_a_particle_on_top_of_another_covers_nothing_more() -> None:
    assert grouped(circles((100, 100), (100, 100))).covered_px == grouped(circles((100, 100))).covered_px


@pytest.mark.parametrize("shape", ["square", "hexagon", "disc"])
@pytest.mark.parametrize("size_px", [15, 40])
def test_the_covered_area_is_that_of_the_contours(shape: str, size_px: float) -> None:
    scene = render(shape, size_px, np.arange(0, 90, 6.0), blur_px=0.7, snr=20)
    found = Detections(scene.boxes)
    told = find_agglomerates(found, size_particles(scene.image, found), scene.image.shape)
    truth = len(found) * np.pi / 4 * scene.ecd_px**2
    assert told.covered_px == pytest.approx(truth, rel=0.02)
    assert told.covered_share == pytest.approx(truth / scene.image.size, rel=0.02)
    assert told.number == 0


def test_square_micrometres_follow_from_both_pixel_sizes() -> None:
    found = grouped(circles((100, 100)))
    assert found.covered_um2((2.0, 5.0)) == pytest.approx(found.covered_px * 1e-5)
    assert found.covered_um2(None) is None


def test_only_the_field_is_looked_at() -> None:
    found = circles((100, 100), (300, 100))
    told = find_agglomerates(found, unmeasured(found), SHAPE, field=(100, 0, 200, 300))
    assert told.covered_px == pytest.approx(np.pi * 20**2 / 2, rel=0.03)
    assert told.group.tolist() == [0, -1]
    assert told.covered_share == told.covered_px / 30000


def test_masked_particles_belong_to_no_group() -> None:
    found = circles((100, 100), (130, 100)).flag(FLAG_MASKED, np.array([True, False]))
    told = grouped(found)
    assert told.group.tolist() == [-1, 0]
    assert told.covered_px == grouped(circles((130, 100))).covered_px


def test_no_particle_covers_nothing() -> None:
    told = grouped(Detections.empty())
    assert (told.covered_px, told.number, told.covered_share, len(told.particles)) == (0, 0, 0.0, 0)


boxes = st.lists(
    st.tuples(st.floats(-100, 500), st.floats(-100, 400), st.floats(0, 80), st.floats(0, 80)), min_size=0, max_size=25
).map(lambda rows: np.array([(x, y, x + w, y + h) for x, y, w, h in rows], np.float32).reshape(-1, 4))


@given(boxes)
def test_every_particle_in_the_field_has_a_group_and_every_group_particles(xyxy: NDArray[np.float32]) -> None:
    told = grouped(Detections(xyxy))
    inside = (xyxy[:, 0] < SHAPE[1]) & (xyxy[:, 1] < SHAPE[0]) & (xyxy[:, 2] > 0) & (xyxy[:, 3] > 0)
    assert (told.group >= 0).tolist() == inside.tolist()
    assert np.bincount(told.group[inside], minlength=0).tolist() == told.particles.tolist()
    assert 0 <= told.covered_px <= told.field_px


def covered_by(contour: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """(h, w), pixels whose middle lies under a contour (k, 2): by the parity of the edges left of it."""
    y, x = (np.indices(shape) + 0.5)[:, :, :, None]
    (x1, y1), (x2, y2) = contour.T.astype(float), np.roll(contour, 1, axis=0).T.astype(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        left = x1 + (x2 - x1) * (y - y1) / (y2 - y1) <= x
    return np.asarray(((y1 <= y) != (y2 <= y)) & left).sum(axis=2) % 2 == 1


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1))
def test_groups_and_covered_area_are_those_of_the_pixels_under_the_contours(seed: int) -> None:
    rng, shape = np.random.default_rng(seed), (40, 60)
    n = rng.integers(1, 12)
    angle = 2 * np.pi / ANGLES * np.arange(ANGLES)
    radius = rng.uniform(0.3, 9, (n, 1)) * (1 + rng.choice([0, 0.05, 0.3]) * rng.standard_normal((n, ANGLES)))
    middle = rng.uniform(-4, [64, 44], (n, 1, 2))
    points = (middle + radius[:, :, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)).astype(np.float32)
    found = Detections(np.hstack([points.min(axis=1), points.max(axis=1)]))
    sizing = dataclasses.replace(
        unmeasured(found), contours=Contours(points, np.ones(n, np.float32)), measured=np.ones(n, bool)
    )
    told = find_agglomerates(found, sizing, shape)

    covers = [covered_by(contour, shape) for contour in points]
    assert told.covered_px == np.logical_or.reduce(covers).sum()
    near = [cv2.dilate(cover.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0 for cover in covers]
    touch = np.array([[(one & other).any() for other in covers] for one in near]) | np.eye(n, dtype=bool)
    along_chains = np.linalg.matrix_power(touch.astype(np.int64), int(n)) > 0
    inside = told.group >= 0
    together = told.group[:, None] == told.group[None]
    assert (together == along_chains)[np.ix_(inside, inside)].all()


@pytest.mark.parametrize(("apart", "groups"), [(2, 1), (3, 2)])
@pytest.mark.parametrize("way", [(1, 0), (0, 1), (1, 1), (1, -1)])
def test_two_pixels_apart_are_one_group_and_three_are_two(apart: int, groups: int, way: tuple[int, int]) -> None:
    middles = np.array([[50.5, 50.5], [50.5, 50.5] + (apart + 1) * np.array(way)])  # each covers one pixel
    assert len(grouped(circles(*middles, radius=0.6)).particles) == groups


def test_the_end_of_a_line_is_not_near_the_beginning_of_the_next() -> None:
    assert len(grouped(circles((399, 100.5), (0.5, 101.5), radius=2)).particles) == 2


def test_a_box_as_large_as_numbers_go_covers_the_field() -> None:
    most = np.finfo(np.float32).max
    told = grouped(Detections(np.array([[-most, -most, most, most], [100, 100, 110, 110]], np.float32)))
    assert told.covered_share == 1
    assert told.particles.tolist() == [2]


def test_a_particle_between_the_middles_of_pixels_is_a_group_of_its_own() -> None:
    told = grouped(circles((100, 100), (150, 150), (100, 100), radius=0.4))
    assert told.covered_px == 0
    assert told.particles.tolist() == [1, 1, 1]


@given(boxes, st.integers(0, 2**32 - 1))
def test_the_order_of_particles_does_not_matter(xyxy: NDArray[np.float32], seed: int) -> None:
    order = np.random.default_rng(seed).permutation(len(xyxy))
    plain, other = grouped(Detections(xyxy)), grouped(Detections(xyxy[order]))
    assert plain.covered_px == other.covered_px
    assert sorted(plain.particles.tolist()) == sorted(other.particles.tolist())
    together = plain.group[order][:, None] == plain.group[order][None]
    assert ((other.group[:, None] == other.group[None]) == together).all()
