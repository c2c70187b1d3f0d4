"""A particle is counted once, however often it is seen; and nothing is counted twice in silence."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from tracking import Look, look

from nanotally.daemon.tracking.tracker import Tracker
from nanotally.detections import CLASSES, FLAG_BORDER, FLAG_MASKED, Detections, iou
from nanotally.frame import Frame
from nanotally.generator.stage import Stage, parse_sim

PAN = "sim:?width=320&height=240&particles=2100&fields=6&size_px=12&speed_px=32&pan=raster&seed=3"
OUT, BACK = 438, 60
"""Frames of the pan over the whole specimen, and of the way back that is followed."""
WIDTH, HEIGHT = 640, 480


@pytest.fixture(scope="module")
def pan() -> tuple[list[Look], list[NDArray[np.int64]], list[int], Tracker]:
    """A pan over 2,100 particles with detection noise: looks, identities given, unique count after each, tracker."""
    stage, tracker = Stage(parse_sim(PAN)), Tracker(CLASSES)
    looks, tracks, unique = [], [], []
    for number in range(OUT + BACK):
        looks.append(look(stage, number))
        tracks.append(tracker.update(looks[-1].frame, looks[-1].detections))
        unique.append(sum(tracker.unique.values()))
    return looks, tracks, unique, tracker


def shown(looks: list[Look]) -> int:
    """Particles that were really there to be counted."""
    return len(np.unique(np.concatenate([seen.whole for seen in looks])))


def test_unique_count_is_right_within_two_percent(pan) -> None:
    looks, _, unique, tracker = pan
    truth = shown(looks[:OUT])
    assert truth > 2000
    assert unique[OUT - 1] == pytest.approx(truth, rel=0.02)
    assert unique[OUT - 1] <= truth
    assert tracker.fields == 1


def test_the_way_back_counts_nothing_twice(pan) -> None:
    looks, _, unique, tracker = pan
    assert unique[-1] <= shown(looks)
    assert unique[-1] - unique[OUT - 1] < 0.01 * unique[-1]  # a few that were too briefly in sight before
    particles = tracker.particles()
    np.testing.assert_array_equal(np.sort(particles.number), np.arange(unique[-1]))


def test_one_identity_a_particle_and_one_particle_an_identity(pan) -> None:
    looks, tracks, _, _ = pan
    identity = np.concatenate([seen.identity for seen in looks])
    track = np.concatenate(tracks)
    given = (track >= 0) & (identity >= 0)
    pairs, times = np.unique(np.stack([identity[given], track[given]]), axis=1, return_counts=True)
    main = np.zeros(pairs[1].max() + 1, int)
    np.maximum.at(main, pairs[1], times)
    assert main.sum() / given.sum() > 0.99  # nearly all sightings of an identity are of one particle
    _, several = np.unique(pairs[0][times > 2], return_counts=True)
    assert np.mean(several > 1) < 0.005


def test_the_class_is_what_most_sightings_say(pan) -> None:
    looks, tracks, _, tracker = pan
    truth = [(seen.truth.identity, seen.truth.detections.class_id) for seen in looks]
    kinds = dict(np.concatenate([np.stack(pair, axis=1) for pair in truth]).tolist())
    particles = tracker.particles()
    identity, track = np.concatenate([seen.identity for seen in looks]), np.concatenate(tracks)
    of = dict(zip(track[identity >= 0].tolist(), identity[identity >= 0].tolist(), strict=True))
    right = [kinds[of[number]] == kind for number, kind in zip(particles.number, particles.class_id, strict=True)]
    assert np.mean(right) > 0.99


def scores(looks: list[Look], tracks: list[NDArray[np.int64]]) -> tuple[float, float]:
    """HOTA and IDF1 by the evaluator of `trackers`, against what can be seen."""
    evaluate = pytest.importorskip("trackers.eval", reason="trackers is not installed (the dev extra)")
    truth, given, overlap = [], [], []
    for seen, track in zip(looks, tracks, strict=True):
        there, has = seen.truth.visible > 0.3, track >= 0
        truth.append(seen.truth.identity[there])
        given.append(track[has])
        overlap.append(iou(seen.truth.detections.xyxy[there], seen.detections.xyxy[has]))
    truth, given = dense(truth), dense(given)
    hota = evaluate.compute_hota_metrics(truth, given, overlap)["HOTA"]
    return float(hota), float(evaluate.compute_identity_metrics(truth, given, overlap)["IDF1"])


def dense(numbers: list[NDArray[np.int64]]) -> list[NDArray[np.int64]]:
    """The same identities, numbered without gaps."""
    _, dense = np.unique(np.concatenate(numbers), return_inverse=True)
    return np.split(dense, np.cumsum([len(n) for n in numbers])[:-1])


def test_hota_and_idf1_come_near_what_such_detections_allow(pan) -> None:
    looks, tracks, _, _ = pan
    some = slice(OUT - 40, OUT + 40)  # there and back again
    hota, idf1 = scores(looks[some], tracks[some])
    best_hota, best_idf1 = scores(looks[some], [seen.identity for seen in looks[some]])
    # Unconfirmed particles, and those at the border that never were whole, have no identity.
    assert hota > 0.85 * best_hota
    assert idf1 > 0.85 * best_idf1


def test_agrees_with_a_library_tracker_where_that_can_follow() -> None:
    trackers = pytest.importorskip("trackers", reason="trackers is not installed (the dev extra)")
    supervision = pytest.importorskip("supervision")
    stage = Stage(parse_sim("sim:?width=320&height=240&particles=40&size_px=30&speed_px=2"))
    library, ours, theirs, looks = trackers.ByteTrackTracker(), [], [], [look(stage, number) for number in range(60)]
    tracker = Tracker(CLASSES)
    for seen in looks:
        found = seen.detections
        box = {tuple(row): i for i, row in enumerate(found.xyxy.tolist())}
        told = library.update(
            supervision.Detections(found.xyxy, confidence=np.full(len(found), 0.9), class_id=found.class_id)
        )
        track = np.full(len(found), -1)
        track[[box[tuple(row)] for row in told.xyxy.tolist()]] = told.tracker_id
        theirs.append(track)
        ours.append(tracker.update(seen.frame, found))
    both = [(a[(a >= 0) & (b >= 0)], b[(a >= 0) & (b >= 0)]) for a, b in zip(ours, theirs, strict=True)]
    pairs, times = np.unique(np.concatenate(both, axis=1), axis=1, return_counts=True)
    assert times.sum() > 400
    main = np.zeros(pairs[1].max() + 1, int)
    np.maximum.at(main, pairs[1], times)
    assert main.sum() / times.sum() > 0.97
    whole = [seen.detections.flags == 0 for seen in looks]
    followed = np.concatenate([a[w & (b >= 0)] >= 0 for a, b, w in zip(ours, theirs, whole, strict=True)])
    assert np.mean(followed) > 0.95


class Scene:
    """A plain specimen without pictures to go by: particles as large as a real one's, at known places."""

    def __init__(self, particles: int = 400, seed: int = 1) -> None:
        rng = np.random.default_rng(seed)
        self.place = rng.uniform(0, [3 * WIDTH, 3 * HEIGHT], (particles, 2))
        self.size = 20 * np.exp(rng.normal(0, 0.15, particles))
        self.rng = rng
        self.number = 0

    def see(self, x: float, y: float, *, state="live") -> tuple[Frame, Detections]:
        """The next frame, with the field's corner at x, y; the picture is noise."""
        at = self.place - [x, y]
        half = self.size[:, None] / 2
        inside = ((at - half > 1) & (at + half < [WIDTH - 1, HEIGHT - 1])).all(axis=1)
        found = Detections(np.hstack([at - half, at + half])[inside])
        image = self.rng.integers(0, 255, (HEIGHT, WIDTH), np.uint8)
        self.number += 1
        return Frame(self.number, 0, 0, image, (1.0, 1.0), state=state), found


def total(tracker: Tracker) -> int:
    return sum(tracker.unique.values())


def test_a_particle_seen_in_200_frames_is_one() -> None:
    tracker, image = Tracker(CLASSES), np.zeros((HEIGHT, WIDTH), np.uint8)
    boxes = np.array([[100, 100, 140, 140], [300, 200, 330, 230], [400, 50, 450, 100]], np.float32)
    image[100:140, 100:140] = image[200:230, 300:330] = image[50:100, 400:450] = 200
    tracks = [tracker.update(Frame(n, 0, 0, image), Detections(boxes)) for n in range(200)]
    assert [track.tolist() for track in tracks[:2]] == [[-1] * 3] * 2  # unconfirmed is not an identity
    assert all(track.tolist() == [0, 1, 2] for track in tracks[3:])
    assert tracker.unique == {"cube": 3, "quasi_sphere": 0}


def test_what_flickers_is_no_identity() -> None:
    scene, tracker = Scene(), Tracker(CLASSES)
    for number in range(30):
        frame, found = scene.see(500, 500)
        centre = scene.rng.uniform(50, [WIDTH - 50, HEIGHT - 50], (3, 2))
        tracker.update(frame, Detections.concatenate([found, Detections(np.hstack([centre - 10, centre + 10]))]))
        if number == 5:
            after_five = total(tracker)
    assert after_five == total(tracker) == len(found)


def test_border_and_masked_particles_are_not_counted() -> None:
    scene, tracker = Scene(), Tracker(CLASSES)
    for _ in range(8):
        frame, found = scene.see(500, 500)
        rows = np.arange(len(found))
        marked = found.flag(FLAG_BORDER, rows < 2).flag(FLAG_MASKED, (rows >= 2) & (rows < 5))
        tracks = tracker.update(frame, marked)
    assert total(tracker) == len(found) - 5
    assert (tracks[:5] == -1).all()
    assert (tracks[5:] >= 0).all()


def test_a_cut_sighting_keeps_its_identity_and_changes_no_size() -> None:
    scene, tracker = Scene(), Tracker(CLASSES)
    for _ in range(4):
        frame, found = scene.see(500, 500)
        whole = tracker.update(frame, found, size_nm=np.full(len(found), 20, np.float32))
    leftmost = int(found.xyxy[:, 0].argmin())
    middle = float(found.xyxy[leftmost, [0, 2]].mean())
    frame, _ = scene.see(500 + middle, 500)
    xyxy = found.xyxy - [middle, 0, middle, 0]
    in_sight = np.arange(len(found)) == leftmost
    in_sight |= xyxy[:, 0] > 1
    cut = Detections(np.clip(xyxy[in_sight], 0, None))
    row = np.flatnonzero(in_sight).tolist().index(leftmost)
    tracks = tracker.update(
        frame, cut.flag(FLAG_BORDER, np.arange(len(cut)) == row), size_nm=np.full(len(cut), 10, np.float32)
    )
    assert tracks[row] == whole[leftmost]
    particles = tracker.particles()
    assert particles.size_nm[particles.number == whole[leftmost]] == 20


def test_the_size_is_the_median_of_what_was_measured() -> None:
    scene, tracker = Scene(), Tracker(CLASSES)
    for size_nm in (50.0, 51.0, 500.0, np.nan, 49.0):
        frame, found = scene.see(500, 500)
        tracker.update(frame, found, size_nm=np.full(len(found), size_nm, np.float32))
    assert set(tracker.particles().size_nm.tolist()) == {50.5}


@pytest.mark.parametrize("state", ["blank", "frozen", "partial"])
def test_only_live_frames_are_followed(state: str) -> None:
    scene, tracker = Scene(), Tracker(CLASSES)
    for _ in range(4):
        tracker.update(*scene.see(500, 500))
    before = total(tracker)
    for _ in range(10):
        frame, found = scene.see(800, 300, state=state)
        assert (tracker.update(frame, found) == -1).all()
    assert total(tracker) == before > 0
    assert (tracker.update(*scene.see(500, 500)) >= 0).all()


def test_the_place_is_found_again_after_a_jump_back() -> None:
    scene, tracker = Scene(), Tracker(CLASSES)
    for x in (*range(300, 1000, 20), *[1000] * 4):
        tracker.update(*scene.see(x, 300))
    before = total(tracker)
    tracks = tracker.update(*scene.see(450, 310))  # as far as a field of view, and no picture to go by
    assert np.mean(tracks >= 0) > 0.9
    assert total(tracker) == before
    assert tracker.fields == 1


def test_other_ground_is_another_field_until_it_is_seen_to_belong_together() -> None:
    scene, tracker = Scene(1200), Tracker(CLASSES)
    for _ in range(5):
        tracker.update(*scene.see(0, 0))
    for x in (*[1200] * 5, *range(1200, 200, -20)):
        tracker.update(*scene.see(x, 0))
        if x == 1180:
            assert tracker.fields == 2
    for _ in range(32):  # so often at most it is looked up what belongs together
        tracker.update(*scene.see(200, 0))
    assert tracker.fields == 1
    assert not tracker.lost
    half = scene.size / 2
    seen = (scene.place[:, 1] + half < HEIGHT - 1) & (scene.place[:, 0] + half < 1200 + WIDTH - 1)
    seen &= ((scene.place - half[:, None]) > 1).all(axis=1)
    assert total(tracker) == pytest.approx(seen.sum(), rel=0.01)
    assert total(tracker) <= seen.sum()


def test_few_particles_without_a_picture_are_lost_and_not_counted() -> None:
    scene, tracker = Scene(40, seed=3), Tracker(CLASSES)
    for _ in range(4):
        tracker.update(*scene.see(0, 0))
    before = total(tracker)
    for jump in range(1, 9):
        frame, found = scene.see(150.0 * jump, 200)
        few = found[:3]
        tracker.update(frame, few)
    assert tracker.lost
    assert total(tracker) == before


def test_a_lattice_is_followed_along_its_way() -> None:
    """One pitch back and one pitch on look alike but for the sizes: the picture alone would not do."""
    scene, tracker = Scene(), Tracker(CLASSES)
    pitch = 30.0
    scene.place = np.stack(np.meshgrid(np.arange(60) * pitch, np.arange(40) * pitch), axis=-1).reshape(-1, 2)
    scene.size = 20 * np.exp(scene.rng.normal(0, 0.06, len(scene.place)))
    for step in range(60):
        tracker.update(*scene.see(100 + 13.0 * step, 200))
    x, y = scene.place.T
    seen = (x - 12 > 100) & (x + 12 < 100 + 13 * 59 + WIDTH) & (y - 12 > 200) & (y + 12 < 200 + HEIGHT)
    assert total(tracker) == pytest.approx(seen.sum(), rel=0.03)
    assert tracker.fields == 1


def test_magnification_may_change_where_the_pixel_size_is_known() -> None:
    scene, tracker = Scene(), Tracker(CLASSES)
    for _ in range(5):
        tracker.update(*scene.see(500, 500))
    before = total(tracker)
    frame, found = scene.see(500, 500)
    middle = np.tile([WIDTH / 2, HEIGHT / 2], 2)
    larger = (found.xyxy - middle) * 1.25 + middle
    inside = ((larger > 0) & (larger < np.tile([WIDTH, HEIGHT], 2))).all(axis=1)
    tracks = tracker.update(replace(frame, nm_per_px=(0.8, 0.8)), Detections(larger[inside]))
    assert np.mean(tracks >= 0) > 0.95
    assert total(tracker) == before
    # Where it is not known, nobody can say what belongs together: that is another field.
    for _ in range(4):
        tracker.update(replace(scene.see(500, 500)[0], nm_per_px=None), Detections(larger[inside]))
    assert tracker.fields == 2


def test_fresh_ground_is_told_once() -> None:
    scene, tracker = Scene(1200), Tracker(CLASSES)
    fresh = []
    for x in range(0, 1260, 20):
        tracker.update(*scene.see(x, 0))
        fresh.append(tracker.fresh)
    assert [20 * i for i in np.flatnonzero(fresh)] == [0, WIDTH]


def test_a_feed_without_particles_is_followed_without_a_fault() -> None:
    tracker = Tracker(CLASSES)
    for number in range(3):
        frame = Frame(number, 0, 0, np.zeros((HEIGHT, WIDTH), np.uint8))
        assert tracker.update(frame, Detections.empty()).shape == (0,)
    assert tracker.unique == {"cube": 0, "quasi_sphere": 0}
    assert tracker.fields == 0
    assert len(tracker.particles().number) == 0
