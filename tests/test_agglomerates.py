"""Agglomerates: who touches whom, and how much of the field is covered."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from rendered import render

from nanotally.detections import FLAG_MASKED, Detections
from nanotally.measure.agglomerates import Agglomerates, find_agglomerates
from nanotally.measure.contour import ANGLES, Contours
from nanotally.measure.shape import sizes_of
from nanotally.measure.sizing import Sizing, size_particles

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


@given(boxes, st.integers(0, 2**32 - 1))
def test_the_order_of_particles_does_not_matter(xyxy: NDArray[np.float32], seed: int) -> None:
    order = np.random.default_rng(seed).permutation(len(xyxy))
    plain, other = grouped(Detections(xyxy)), grouped(Detections(xyxy[order]))
    assert plain.covered_px == other.covered_px
    assert sorted(plain.particles.tolist()) == sorted(other.particles.tolist())
    together = plain.group[order][:, None] == plain.group[order][None]
    assert ((other.group[:, None] == other.group[None]) == together).all()
