"""Sizes from frames: accuracy against rendered truth, what may not matter, and what gets no size."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from rendered import Scene, render

from nanotally.detections import FLAG_BORDER, FLAG_MASKED, FLAG_SEAM, Detections, iou
from nanotally.measure.sizing import SMALLEST_ECD_PX, size_particles
from nanotally.opencv import cv2

CUBE, QUASI_SPHERE = 0, 1
TURNS = np.arange(0, 90, 7.5)
EDGES_OF_ISSUE = [(30, 0.5, 20), (30, 1.5, 5), (45, 1.0, 5), (45, 1.5, 20), (100, 1.5, 5)]

Image = NDArray[np.uint8]


def detections(scene: Scene, class_id: int = CUBE) -> Detections:
    return Detections(scene.boxes, class_id=np.full(len(scene.boxes), class_id))


def scene_of_squares(**others: float) -> Scene:
    return render("square", 40, TURNS, **{"blur_px": 1.0, "snr": 10, **others})


@pytest.mark.parametrize(("edge_px", "blur_px", "snr"), EDGES_OF_ISSUE)
def test_edge_and_ecd_of_cubes_are_right_at_every_rotation(edge_px: float, blur_px: float, snr: float) -> None:
    repeats = 4 if edge_px < 60 else 1
    scene = render("square", edge_px, np.tile(TURNS, repeats), blur_px=blur_px, snr=snr)
    sizing = size_particles(scene.image, detections(scene))
    assert sizing.measured.all()
    for found, truth in ((sizing.px.edge, edge_px), (sizing.px.ecd, scene.ecd_px)):
        error = (found / truth - 1).reshape(repeats, -1)
        assert np.abs(error).mean(axis=0).max() < 0.02
        assert abs(error.mean()) < 0.015
        assert np.abs(error).max() < 0.03
    lean = (sizing.px.orientation_deg - scene.turn_deg + 45) % 90 - 45
    assert np.abs(lean).max() < 3


def test_the_box_of_a_turned_cube_is_far_larger_than_its_edge() -> None:
    # What the contour is for: 4 / pi in the mean over all angles.
    scene = render("square", 40, np.arange(0, 90, 3.0), blur_px=1, snr=10)
    assert (scene.tight[:, 2:] - scene.tight[:, :2]).mean() / 40 == pytest.approx(4 / np.pi, rel=0.01)


@pytest.mark.parametrize(("diameter_px", "blur_px", "snr"), EDGES_OF_ISSUE)
def test_ecd_of_quasi_spheres_is_right(diameter_px: float, blur_px: float, snr: float) -> None:
    scene = render("disc", diameter_px, TURNS, blur_px=blur_px, snr=snr)
    sizing = size_particles(scene.image, detections(scene, QUASI_SPHERE))
    assert sizing.measured.all()
    assert np.abs(sizing.px.ecd / diameter_px - 1).max() < 0.02
    assert np.isnan(sizing.px.edge).all()


def test_a_cube_on_its_corner_is_a_hexagon_and_has_no_edge_but_an_ecd() -> None:
    scene = render("hexagon", 50, TURNS, blur_px=1, snr=10)
    sizing = size_particles(scene.image, detections(scene))
    assert np.isnan(sizing.px.edge).all()
    assert np.abs(sizing.px.ecd / scene.ecd_px - 1).max() < 0.02


def test_between_10_and_30_px_sizes_are_given_and_below_10_none() -> None:
    for size_px, share in ((7, 0), (9, 0), (12, 1), (20, 1)):
        scene = render("disc", size_px, TURNS, blur_px=1, snr=20)
        sizing = size_particles(scene.image, detections(scene, QUASI_SPHERE))
        assert sizing.measured.mean() == share, size_px
        assert not (sizing.px.ecd < SMALLEST_ECD_PX).any()


@pytest.mark.parametrize("slope", [0.4, 0.7, 1.3, -1.0])
def test_brightness_contrast_and_polarity_do_not_matter(slope: float) -> None:
    scene = scene_of_squares()
    other = np.clip(np.round((scene.image.astype(float) - 110) * slope + 125), 0, 255).astype(np.uint8)
    plain, changed = (size_particles(image, detections(scene)).px for image in (scene.image, other))
    np.testing.assert_allclose(changed.ecd, plain.ecd, rtol=0.005)
    np.testing.assert_allclose(changed.edge, plain.edge, rtol=0.01)


def test_a_particle_may_lie_anywhere_in_the_frame() -> None:
    scene = scene_of_squares()
    padded = np.pad(scene.image, ((11, 5), (7, 3)), mode="edge")
    moved = Detections(scene.boxes + np.float32([7, 11, 7, 11]))
    plain, other = size_particles(scene.image, detections(scene)), size_particles(padded, moved)
    np.testing.assert_allclose(other.px.ecd, plain.px.ecd, rtol=1e-3)
    np.testing.assert_allclose(other.contours.points, plain.contours.points + np.float32([7, 11]), atol=0.05)


def test_a_frame_turned_by_a_right_angle_gives_the_same_sizes() -> None:
    scene = scene_of_squares()
    x1, y1, x2, y2 = scene.boxes.T
    width = scene.image.shape[1]
    turned = Detections(np.stack([y1, width - x2, y2, width - x1], axis=1))
    plain = size_particles(scene.image, detections(scene)).px
    other = size_particles(np.ascontiguousarray(np.rot90(scene.image)), turned).px
    np.testing.assert_allclose(other.ecd, plain.ecd, rtol=0.01)
    np.testing.assert_allclose(other.edge, plain.edge, rtol=0.015)


@pytest.mark.parametrize("factor", [2, 3])
def test_a_frame_of_more_pixels_gives_sizes_of_more_pixels(factor: int) -> None:
    scene = scene_of_squares(blur_px=1.5, snr=20)
    larger = cv2.resize(scene.image, None, fx=factor, fy=factor, interpolation=cv2.INTER_LINEAR)
    plain = size_particles(scene.image, detections(scene)).px
    other = size_particles(np.asarray(larger, np.uint8), Detections(scene.boxes * factor)).px
    np.testing.assert_allclose(other.ecd, factor * plain.ecd, rtol=0.01)
    np.testing.assert_allclose(other.edge, factor * plain.edge, rtol=0.015)


def test_each_particle_is_measured_alone() -> None:
    scene = scene_of_squares()
    together = size_particles(scene.image, detections(scene)).px.ecd
    order = np.random.default_rng(0).permutation(len(together))
    shuffled = size_particles(scene.image, detections(scene)[order]).px.ecd
    np.testing.assert_allclose(shuffled, together[order], rtol=1e-5)


def test_nanometres_are_pixels_times_the_pixel_size_and_none_without_it() -> None:
    scene = scene_of_squares()
    assert size_particles(scene.image, detections(scene)).nm is None
    sizing = size_particles(scene.image, detections(scene), nm_per_px=(2.5, 2.5))
    assert sizing.nm is not None
    np.testing.assert_allclose(sizing.nm.edge, 2.5 * sizing.px.edge, rtol=1e-5)
    np.testing.assert_allclose(sizing.nm.area, 6.25 * sizing.px.area, rtol=1e-5)
    assert sizing.nm.orientation_deg.tolist() == sizing.px.orientation_deg.tolist()


def test_pixels_that_are_not_square_give_right_nanometres() -> None:
    scene = scene_of_squares()
    wide = np.asarray(cv2.resize(scene.image, None, fx=1.5, fy=1, interpolation=cv2.INTER_LINEAR), np.uint8)
    stretched = Detections(scene.boxes * np.float32([1.5, 1, 1.5, 1]))
    nm = size_particles(wide, stretched, nm_per_px=(2.0, 3.0)).nm
    assert nm is not None
    np.testing.assert_allclose(nm.edge, 120, rtol=0.03)
    np.testing.assert_allclose(nm.ecd, 3 * scene.ecd_px, rtol=0.03)


def test_only_the_class_named_cube_has_an_edge() -> None:
    scene = scene_of_squares()
    named = size_particles(scene.image, detections(scene, 1), classes=("rod", "cube"))
    assert np.isfinite(named.px.edge).all()
    unknown = size_particles(scene.image, detections(scene, 7), classes=("rod", "cube"))
    assert np.isnan(unknown.px.edge).all()


@pytest.mark.parametrize("flag", [FLAG_BORDER, FLAG_SEAM, FLAG_MASKED])
def test_what_was_cut_or_masked_gets_no_size(flag: int) -> None:
    scene = scene_of_squares()
    rows = np.arange(len(TURNS)) < 4
    sizing = size_particles(scene.image, detections(scene).flag(flag, rows), nm_per_px=(1, 2))
    assert sizing.measured.tolist() == (~rows).tolist()
    assert sizing.nm is not None
    assert all(np.isnan(column[rows]).all() for sizes in (sizing.px, sizing.nm) for column in vars(sizes).values())


def test_what_reaches_the_border_of_the_field_gets_no_size() -> None:
    scene = render("disc", 40, np.zeros(1), blur_px=1, snr=20)
    x1, _, x2, _ = scene.tight[0].round().astype(int)
    height, width = scene.image.shape
    found = detections(scene, QUASI_SPHERE)
    for field, measured in (
        ((0, 0, width, height), True),
        ((0, 0, x2 - 3, height), False),
        ((x1 + 3, 0, width, height), False),
    ):
        assert size_particles(scene.image, found, field=field).measured.tolist() == [measured]


def test_noise_and_flat_frames_give_no_size() -> None:
    rng = np.random.default_rng(0)
    centre = rng.uniform(60, 240, (60, 2))
    half = rng.uniform(10, 40, (60, 2))
    found = Detections(np.hstack([centre - half, centre + half]))
    noise = np.clip(rng.normal(100, 15, (300, 300)), 0, 255).astype(np.uint8)
    assert size_particles(noise, found).measured.mean() < 0.1
    assert not size_particles(np.full((300, 300), 90, np.uint8), found).measured.any()


def test_touching_particles_do_not_leak_into_one_another() -> None:
    image = np.full((120, 300), 40, np.uint8)
    middles = range(50, 260, 40)
    for x in middles:
        cv2.circle(image, (x, 60), 20, 150, -1, cv2.LINE_AA)
        cv2.circle(image, (x, 60), 19, 210, 2, cv2.LINE_AA)  # the bright rim that tells one from the next
    image = np.asarray(cv2.GaussianBlur(image, (0, 0), 1), np.uint8)
    boxes = np.array([[x - 20, 40, x + 21, 81] for x in middles], np.float32)
    sizing = size_particles(image, Detections(boxes, class_id=np.full(len(boxes), QUASI_SPHERE)))
    assert sizing.measured.all()
    np.testing.assert_allclose(sizing.px.ecd, 40.5, rtol=0.04)


def test_a_particle_behind_another_is_not_measured() -> None:
    image = np.full((140, 140), 40, np.uint8)
    cv2.circle(image, (60, 70), 30, 120, -1, cv2.LINE_AA)
    cv2.circle(image, (92, 70), 30, 230, -1, cv2.LINE_AA)
    boxes = np.array([[30, 40, 91, 101], [62, 40, 123, 101]], np.float32)
    sizing = size_particles(image, Detections(boxes, class_id=[QUASI_SPHERE] * 2))
    assert sizing.measured.tolist() == [False, True]


anything = st.one_of(st.floats(-50, 200, width=32), st.floats(width=32))


@settings(max_examples=60)
@example(image=np.zeros((1, 1), np.uint8), xyxy=np.full((1, 4), np.inf, np.float32), class_id=0)
@given(
    image=arrays(np.uint8, st.tuples(st.integers(1, 80), st.integers(1, 80))),
    xyxy=arrays(np.float32, st.tuples(st.integers(0, 12), st.just(4)), elements=anything),
    class_id=st.integers(0, 3),
)
def test_no_image_and_no_box_is_too_odd(image: Image, xyxy: NDArray[np.float32], class_id: int) -> None:
    found = Detections(xyxy, class_id=np.full(len(xyxy), class_id))
    sizing = size_particles(image, found, nm_per_px=(1.0, 2.0))
    assert len(sizing.px.ecd) == len(xyxy)
    assert not (sizing.px.ecd < SMALLEST_ECD_PX).any()
    assert np.isfinite(sizing.contours.points[sizing.measured]).all()


@pytest.mark.real
@pytest.mark.parametrize("stem", ["5fc8c5b53c", "80719af02f", "2ee0518d7a"])
def test_touching_particles_in_real_micrographs_are_measured_alike(shared_data: Path, stem: str) -> None:
    # People draw outlines further out than the steepest place, by as much in all of one picture: that much is set off.
    folder = shared_data / "emps-dev"
    facts = next(f for f in json.loads((folder / "boxes.json").read_text()) if f["file"] == f"{stem}.png")
    whole = [instance for instance in facts["instances"] if not instance["border"]]
    tight = np.array([instance["box"] for instance in whole], np.float32)
    rng = np.random.default_rng(0)
    boxes = tight + rng.uniform(-0.05, 0.05, tight.shape) * np.tile(tight[:, 2:] - tight[:, :2], 2)
    assert np.diag(iou(boxes, tight)).mean() < 0.92
    image = np.asarray(cv2.imread(str(folder / "images" / f"{stem}.png"), cv2.IMREAD_GRAYSCALE), np.uint8)
    sizing = size_particles(image, Detections(boxes, class_id=np.full(len(boxes), QUASI_SPHERE)))
    ratio = sizing.px.ecd / np.sqrt(4 / np.pi * np.array([instance["area"] for instance in whole]))
    assert sizing.measured.mean() > 0.85
    assert np.nanmedian(np.abs(ratio / np.nanmedian(ratio) - 1)) < 0.02
    assert 0.88 < np.nanmedian(ratio) < 1.02
