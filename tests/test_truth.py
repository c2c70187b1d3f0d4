"""The truth about a scene: boxes tight to what is seen, and no label that nobody could point at."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nanotally.generator.bodies import Habit, Image, Material, Sprite, quasi_sphere
from nanotally.generator.imaging import Scan
from nanotally.generator.imaging.scan import wander
from nanotally.generator.placement import Placed
from nanotally.generator.scene import paint_particles
from nanotally.generator.truth import DIFFICULT_BELOW, LEAST_VISIBLE, Truth, truth_of, without_unseen

HEIGHT, WIDTH = 60, 80
BARE = 0.2
"""Signal of the substrate where one is painted."""
seeds = st.integers(0, 2**32 - 1)


def square(x: int, y: int, side: int = 10, *, level: float = 0.5, class_id: int | None = 0) -> Placed:
    alpha = np.ones((side, side), np.float32)
    return Placed(Sprite(alpha * np.float32(level), alpha, class_id, float(side)), x, y)


def nowhere() -> np.ndarray:
    return np.zeros((HEIGHT, WIDTH), bool)


def painted(placed: list[Placed]) -> Image:
    canvas = np.full((HEIGHT, WIDTH), BARE, np.float32)
    paint_particles(canvas, placed)
    return canvas


def check_exact(truth: Truth) -> None:
    """Boxes are tight and half-open around the pixels of their instance, and there is no other instance."""
    assert set(np.unique(truth.instances)) <= set(range(len(truth.detections) + 1))
    for row, (x1, y1, x2, y2) in enumerate(truth.detections.xyxy, start=1):
        ys, xs = np.nonzero(truth.instances == row)
        assert (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1) == (x1, y1, x2, y2)


@st.composite
def piles(draw: st.DrawFn) -> list[Placed]:
    """Quasi-spheres and things that are not counted, anywhere on the field and beside it."""
    rng = np.random.default_rng(draw(seeds))
    placed = []
    for _ in range(draw(st.integers(0, 15))):
        sprite = quasi_sphere(float(rng.uniform(4, 40)), Habit(), Material(), rng)
        counted = replace(sprite, class_id=None) if rng.random() < 0.2 else sprite
        placed.append(Placed(counted, *rng.integers(-30, 70, 2).tolist()))
    return placed


@settings(max_examples=50)
@given(placed=piles(), seed=seeds, bar=st.integers(0, 20))
def test_labels_are_exact_in_any_pile(placed: list[Placed], seed: int, bar: int) -> None:
    hidden = np.random.default_rng(seed).random((HEIGHT, WIDTH)) < 0.1
    truth = truth_of(placed, hidden, bar_px=bar)
    check_exact(truth)
    assert not truth.instances[hidden].any()
    assert not truth.instances[HEIGHT - bar :].any()
    assert (truth.visible >= LEAST_VISIBLE).all()
    np.testing.assert_array_equal(truth.difficult, truth.visible < DIFFICULT_BELOW)
    own = [placed[i].sprite for i in truth.identity]
    assert truth.detections.class_id.tolist() == [sprite.class_id for sprite in own]
    np.testing.assert_allclose(truth.size_px, [sprite.size_px for sprite in own], rtol=1e-6)
    seen = np.bincount(truth.instances.ravel(), minlength=len(own) + 1)[1:]
    np.testing.assert_allclose(truth.visible, seen / [max(sprite.mask.sum(), 1) for sprite in own], rtol=1e-5)


def test_what_lies_on_top_hides_what_lies_below() -> None:
    truth = truth_of([square(10, 10), square(16, 10)], nowhere())
    np.testing.assert_array_equal(truth.detections.xyxy, [[10, 10, 16, 20], [16, 10, 26, 20]])
    np.testing.assert_allclose(truth.visible, [0.6, 1.0])
    assert not truth.difficult.any()
    assert not truth.truncated.any()


@pytest.mark.parametrize(
    ("covered_px", "labelled", "difficult"), [(4, True, False), (6, True, True), (7, True, True), (8, False, False)]
)
def test_a_hardly_visible_particle_is_difficult_and_a_hidden_one_is_not_labelled(
    covered_px: int, labelled: bool, difficult: bool
) -> None:
    truth = truth_of([square(10, 10), square(20 - covered_px, 10)], nowhere())
    assert len(truth.detections) == 1 + labelled
    assert truth.difficult.tolist() == ([difficult, False] if labelled else [False])
    # Its pixels are nobody's then.
    assert set(np.unique(truth.instances)) == set(range(2 + labelled))


def test_what_is_not_counted_hides_others_and_has_no_label() -> None:
    rod, below = square(16, 10, class_id=None), square(10, 10)
    truth = truth_of([below, rod], nowhere())
    np.testing.assert_array_equal(truth.detections.xyxy, [[10, 10, 16, 20]])
    assert truth.visible == pytest.approx(0.6)
    assert not truth.instances[:, 16:].any()


def test_the_border_truncates() -> None:
    truth = truth_of([square(-4, 10), square(40, 10), square(75, 55), square(-20, -20)], nowhere())
    np.testing.assert_array_equal(truth.detections.xyxy, [[0, 10, 6, 20], [40, 10, 50, 20], [75, 55, 80, 60]])
    assert truth.truncated.tolist() == [True, False, True]
    np.testing.assert_allclose(truth.visible, [0.6, 1, 0.25])


def test_the_databar_truncates_even_where_it_looks_like_the_specimen() -> None:
    truth = truth_of([square(10, 44)], nowhere(), bar_px=10)
    np.testing.assert_array_equal(truth.detections.xyxy, [[10, 44, 20, 50]])
    assert truth.truncated.tolist() == [True]
    assert truth.instances.shape == (HEIGHT, WIDTH)


def test_every_scrap_is_in_the_truth_when_asked_for() -> None:
    scrap = square(79, 59)
    assert len(truth_of([scrap], nowhere()).detections) == 0
    truth = truth_of([scrap, square(100, 0)], nowhere(), least_visible=0)
    np.testing.assert_array_equal(truth.detections.xyxy, [[79, 59, 80, 60]])
    np.testing.assert_allclose(truth.visible, [0.01])


def test_an_empty_scene_has_an_empty_truth() -> None:
    truth = truth_of([], nowhere())
    assert len(truth.detections) == len(truth.size_px) == len(truth.identity) == 0
    assert not truth.instances.any()
    assert len(without_unseen(truth, painted([]), noise=0.1).detections) == 0


def test_identity_is_the_order_of_placing_whoever_has_no_label() -> None:
    placed = [square(0, 0, 8), square(20, 20, class_id=None), square(40, 20), square(40, 20), square(0, 40, 12)]
    truth = truth_of(placed, nowhere())
    assert truth.identity.tolist() == [0, 3, 4]
    assert truth.size_px.tolist() == [8, 10, 12]


def test_a_shift_moves_the_boxes_with_the_picture() -> None:
    shift = np.zeros((2, HEIGHT), np.float32)
    shift[0, 12:15] = 3  # the beam is further right in these lines, so what it sees is drawn further left
    truth = truth_of([square(20, 10), square(50, 30)], nowhere(), shift_px=shift)
    check_exact(truth)
    np.testing.assert_array_equal(truth.detections.xyxy, [[17, 10, 30, 20], [50, 30, 60, 40]])
    down = truth_of([square(20, 10)], nowhere(), shift_px=np.full((2, HEIGHT), [[0], [-2]], np.float32))
    np.testing.assert_array_equal(down.detections.xyxy, [[20, 12, 30, 22]])


@settings(max_examples=50)
@given(placed=piles(), seed=seeds, drift=st.tuples(st.floats(-8, 8), st.floats(-8, 8)), vibration=st.floats(0.01, 2))
def test_under_drift_and_vibration_a_pixel_is_what_the_beam_hit(
    placed: list[Placed], seed: int, drift: tuple[float, float], vibration: float
) -> None:
    scan = Scan(drift_x_px=drift[0], drift_y_px=drift[1], vibration_px=vibration, dwell_us=10)
    shift = wander(HEIGHT, WIDTH, scan, np.random.default_rng(seed))
    assert shift is not None
    still = truth_of(placed, nowhere(), least_visible=0)
    moved = truth_of(placed, nowhere(), shift_px=shift, least_visible=0)
    check_exact(moved)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    hit_y, hit_x = (np.rint(at + by[:, None]).astype(int) for at, by in ((y, shift[1]), (x, shift[0])))
    inside = (hit_y >= 0) & (hit_y < HEIGHT) & (hit_x >= 0) & (hit_x < WIDTH)
    who_was, who_is = (np.concatenate([[-1], truth.identity])[truth.instances] for truth in (still, moved))
    np.testing.assert_array_equal(who_is[inside], who_was[hit_y[inside], hit_x[inside]])


def test_a_databar_stands_still_while_the_specimen_drifts() -> None:
    shift = np.full((2, HEIGHT), [[4], [0]], np.float32)
    truth = truth_of([square(20, 44)], nowhere(), bar_px=10, shift_px=shift)
    np.testing.assert_array_equal(truth.detections.xyxy, [[16, 44, 26, 50]])
    assert truth.instances.shape == (HEIGHT, WIDTH)


def check_taken_out(before: Truth, after: Truth, gone: set[int]) -> None:
    """`after` is `before` without the particles whose identity is in `gone`, and nothing else has changed."""
    kept = [row for row, identity in enumerate(before.identity) if identity not in gone]
    assert after.identity.tolist() == before.identity[kept].tolist()
    for name in ("visible", "truncated", "difficult", "size_px"):
        np.testing.assert_array_equal(getattr(after, name), getattr(before, name)[kept])
    np.testing.assert_array_equal(after.detections.xyxy, before.detections.xyxy[kept])
    np.testing.assert_array_equal(after.detections.class_id, before.detections.class_id[kept])
    number = np.zeros(len(before.identity) + 1, int)
    number[np.array(kept, int) + 1] = np.arange(1, len(kept) + 1)
    np.testing.assert_array_equal(after.instances, number[before.instances])
    check_exact(after)


@given(bright=st.lists(st.sampled_from([-0.1, 0.0, 0.05, 0.4]), min_size=1, max_size=12), cut=st.booleans())
def test_a_particle_as_bright_as_its_surroundings_has_no_label_and_no_pixels(bright: list[float], cut: bool) -> None:
    start = -5 if cut else 4
    placed = [
        square(start + 20 * (i % 4), start + 20 * (i // 4), level=BARE + step, class_id=i % 2)
        for i, step in enumerate(bright)
    ]
    before = truth_of(placed, nowhere(), least_visible=0.2)
    after = without_unseen(before, painted(placed), noise=0)
    check_taken_out(before, after, {i for i, step in enumerate(bright) if step == 0})


def test_a_saturated_particle_is_not_seen() -> None:
    placed = [square(10, 10, level=0.4), square(40, 10, level=0.15)]
    shown = np.clip(5 * painted(placed), 0, 1)  # the substrate is white already
    before = truth_of(placed, nowhere())
    check_taken_out(before, without_unseen(before, shown, noise=0), {0})


def test_a_particle_in_the_middle_of_its_equals_is_not_seen_and_its_neighbours_are() -> None:
    arms = [square(30, 20), square(20, 30), square(40, 30), square(30, 40)]
    before = truth_of([*arms, square(30, 30)], nowhere())
    check_taken_out(before, without_unseen(before, painted([*arms, square(30, 30)]), noise=0), {4})
    grey = [*arms, square(30, 30, level=0.55)]
    assert len(without_unseen(before, painted(grey), noise=0).detections) == 5


@pytest.mark.parametrize(("noise", "seen"), [(0.0, [0, 1]), (0.06, [0, 1]), (0.12, [1]), (0.5, [])])
def test_what_noise_hides_depends_on_the_length_of_the_rim(noise: float, seen: list[int]) -> None:
    # A step of 0.05 is five times the noise of n pixels from a noise of 0.01 sqrt(n) on (Rose): 40 pixels lie along
    # the rim of the small square and up to 120 across it, 160 and up to 480 those of the large one.
    placed = [square(5, 5, 10, level=BARE + 0.05), square(30, 10, 40, level=BARE + 0.05)]
    truth = truth_of(placed, nowhere())
    assert without_unseen(truth, painted(placed), noise=noise).identity.tolist() == seen


@settings(max_examples=100)
@given(seed=seeds, count=st.integers(1, 10), noise=st.floats(0, 0.004))
def test_what_differs_clearly_from_all_around_it_never_loses_its_label(seed: int, count: int, noise: float) -> None:
    rng = np.random.default_rng(seed)
    steps = rng.permutation(0.02 * np.arange(1, count + 1)) * rng.choice([-0.9, 1], count)  # no two alike
    placed = [
        square(*rng.integers(-5, 60, 2).tolist(), int(rng.integers(4, 40)), level=BARE + step, class_id=kind)
        for step, kind in zip(steps, rng.choice(np.array([0, 1, None]), count), strict=True)
    ]
    before = truth_of(placed, nowhere())
    check_taken_out(before, without_unseen(before, painted(placed), noise=noise), set())
