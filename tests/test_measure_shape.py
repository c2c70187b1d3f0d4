"""Sizes of contours: known figures, and the laws of scale, rotation and translation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from nanotally.measure.shape import Sizes, sizes_of
from nanotally.opencv import cv2

Points = NDArray[np.float32]
angles = st.floats(0, 180, exclude_max=True)


def turned(points: NDArray[np.floating], turn_deg: float) -> Points:
    """Turned anticlockwise as seen, y being downwards."""
    angle = np.radians(turn_deg)
    matrix = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    return np.asarray(points @ np.array(matrix), np.float32)


def polygon(corners: NDArray[np.floating], number: int = 64) -> Points:
    """(number, 2) points at equal distances along a polygon with the corners (k, 2)."""
    ends = np.concatenate([corners, corners[:1]])
    along = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(ends, axis=0).T))])
    at = np.linspace(0, along[-1], number, endpoint=False)
    return np.stack([np.interp(at, along, ends[:, i]) for i in (0, 1)], axis=1).astype(np.float32)


def rectangle(width: float, height: float, turn_deg: float = 0) -> Points:
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * [width / 2, height / 2]
    return turned(polygon(corners), turn_deg)


def regular(sides: int, radius: float, turn_deg: float = 0) -> Points:
    angle = 2 * np.pi / sides * np.arange(sides)
    return turned(polygon(radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)), turn_deg)


def measured(*contours: Points, cube: bool = True) -> Sizes:
    return sizes_of(np.stack(contours), cube=np.full(len(contours), cube))


@given(angles, st.floats(1, 500))
def test_a_square_has_its_edge_at_every_rotation(turn_deg: float, edge: float) -> None:
    found = measured(rectangle(edge, edge, turn_deg))
    assert found.edge[0] == pytest.approx(edge, rel=2e-3)
    assert found.area[0] == pytest.approx(edge**2, rel=2e-3)
    assert found.ecd[0] == pytest.approx(2 * edge / np.sqrt(np.pi), rel=2e-3)
    assert found.feret_max[0] == pytest.approx(edge * np.sqrt(2), rel=5e-3)
    assert found.feret_min[0] == pytest.approx(edge, rel=5e-3)
    assert abs((found.orientation_deg[0] - turn_deg + 45) % 90 - 45) < 0.2


@given(st.floats(1, 500))
def test_a_circle_has_its_diameter_and_no_direction(diameter: float) -> None:
    found = measured(regular(64, diameter / 2))
    for size in (found.ecd, found.feret_max, found.feret_min):
        assert size[0] == pytest.approx(diameter, rel=3e-3)
    assert np.isnan(found.edge[0])
    assert np.isnan(found.orientation_deg[0])


@given(angles, st.floats(1.2, 4))
def test_a_rectangle_has_a_direction_and_no_edge(turn_deg: float, ratio: float) -> None:
    found = measured(rectangle(20 * ratio, 20, turn_deg))
    assert np.isnan(found.edge[0])
    assert found.feret_min[0] == pytest.approx(20, rel=0.01)
    assert abs((found.orientation_deg[0] - turn_deg + 90) % 180 - 90) < 1


@pytest.mark.parametrize("sides", [3, 5, 6, 8])
def test_a_cube_that_shows_more_than_a_face_has_no_edge(sides: int) -> None:
    found = measured(*(regular(sides, 30, turn) for turn in range(0, 180, 7)))
    assert np.isnan(found.edge).all()
    assert np.isfinite(found.ecd).all()


def test_only_cubes_have_an_edge() -> None:
    assert np.isnan(measured(rectangle(30, 30), cube=False).edge[0])


def test_rounded_corners_do_not_shorten_an_edge() -> None:
    angle = np.arctan2(*rectangle(1, 1).T[::-1])
    # The opening of a square of half edge 1 by a disc of a third of that.
    core = np.clip(1.5 * np.stack([np.cos(angle), np.sin(angle)], axis=1), -2 / 3, 2 / 3)
    ray = 1.5 * np.stack([np.cos(angle), np.sin(angle)], axis=1) - core
    rounded = core + ray / np.hypot(*ray.T)[:, None] / 3
    assert measured((50 * rounded).astype(np.float32)).edge[0] == pytest.approx(100, rel=0.01)


shapes = st.builds(np.random.default_rng, st.integers(0, 2**32 - 1)).map(
    lambda rng: polygon(
        (rng.uniform(8, 20, 9) * np.exp(2j * np.pi * np.arange(9) / 9)).view(float).reshape(9, 2)
    )
)  # fmt: skip


@given(shapes)
def test_ferets_are_those_of_all_directions_and_of_all_pairs(contour: Points) -> None:
    found = measured(contour)
    angle = np.radians(np.arange(0, 180, 0.1))
    breadth = np.ptp(contour @ np.stack([np.cos(angle), np.sin(angle)]), axis=0)
    assert 0.998 * breadth.min() < found.feret_min[0] < (1 + 1e-5) * breadth.min()
    pairs = contour[:, None] - contour[None]
    assert found.feret_max[0] == pytest.approx(np.hypot(pairs[..., 0], pairs[..., 1]).max(), rel=1e-6)
    assert found.area[0] == pytest.approx(cv2.contourArea(contour), rel=1e-3)


@given(shapes, st.floats(0.01, 100), angles, st.floats(-1000, 1000), st.floats(-1000, 1000))
def test_laws_of_scale_rotation_and_translation(
    contour: Points, scale: float, turn_deg: float, right: float, down: float
) -> None:
    plain = measured(contour)
    other = measured((turned(contour, turn_deg) + np.float32([right, down])) * np.float32(scale))
    assert other.area[0] == pytest.approx(plain.area[0] * scale**2, rel=2e-3)
    for name, tolerance in (("ecd", 2e-3), ("feret_max", 2e-3), ("feret_min", 2e-3)):
        assert getattr(other, name)[0] == pytest.approx(getattr(plain, name)[0] * scale, rel=tolerance), name


def test_sizes_in_another_unit_are_sizes_of_the_contour_in_it() -> None:
    contours = [rectangle(30, 30, 20), rectangle(50, 20, 70), regular(64, 9)]
    scaled, direct = measured(*contours).scaled(3.5), measured(*(3.5 * c for c in contours))
    for name in vars(direct):
        np.testing.assert_allclose(getattr(scaled, name), getattr(direct, name), rtol=1e-4, equal_nan=True)


def test_a_contour_without_area_has_a_length_at_most() -> None:
    along = np.linspace(-1, 1, 64)[:, None]
    ways = np.float32([[0, 0], [30, 0], [0, 30], [18, 24]])
    found = measured(*(np.asarray(along * way / 2, np.float32) for way in ways))
    assert found.feret_max == pytest.approx([0, 30, 30, 30], rel=1e-6)
    assert found.feret_min == pytest.approx(0, abs=1e-5)
    assert found.area == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("missing", [np.nan, np.inf, -np.inf])
def test_a_contour_with_a_point_that_is_not_there_has_no_size(missing: float) -> None:
    contour = rectangle(10, 10)
    contour[5, 1] = missing
    assert all(np.isnan(column).all() for column in vars(measured(contour)).values())


def test_a_contour_that_is_not_there_has_no_size() -> None:
    found = measured(np.full((64, 2), np.nan, np.float32), rectangle(10, 10))
    for name, column in vars(found).items():
        assert column.dtype == np.float32, name
        assert np.isnan(column[0]), name
    assert found.edge[1] == pytest.approx(10, rel=2e-3)
    assert all(
        len(column) == 0 for column in vars(sizes_of(np.zeros((0, 64, 2), np.float32), cube=np.zeros(0, bool))).values()
    )
