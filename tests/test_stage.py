"""The simulated microscope: whoever knows its URI knows every frame and the truth about it."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nanotally.detections import Detections, intersection
from nanotally.errors import EndOfFeed
from nanotally.generator.stage import FrameTruth, Stage, open_sim, parse_sim
from nanotally.opencv import cv2

SMALL = "sim:?width=160&height=120&particles=40&size_px=16"
EVERYTHING = (
    SMALL + "&pan=raster&drift_px=0.3&zoom=3&zoom_frames=30&defocus_px=2&defocus_frames=24&charging=0.5"
    "&blank_every=12&blank_frames=2&freeze_every=9&freeze_frames=3"
)
FRAME = np.array([160, 120, 160, 120])


@pytest.fixture(scope="module")
def stage() -> Stage:
    return Stage(parse_sim(SMALL))


@pytest.fixture(scope="module")
def eventful() -> Stage:
    return Stage(parse_sim(EVERYTHING))


@pytest.fixture(scope="module")
def clear() -> Stage:
    """A few particles, next to no noise, and the magnification changes."""
    return Stage(parse_sim(SMALL + "&particles=16&electrons=100000&zoom=2&zoom_frames=40"))


def whole(truth: FrameTruth) -> np.ndarray:
    """(n,) bool, particles that do not touch the border of the frame."""
    xyxy = truth.detections.xyxy
    return (xyxy[:, :2] > 0).all(axis=1) & (xyxy[:, 2:] < FRAME[2:]).all(axis=1)


@pytest.mark.parametrize("uri", [SMALL, EVERYTHING])
def test_the_same_uri_shows_the_same_frames(uri: str) -> None:
    one, other, another = Stage(parse_sim(uri)), Stage(parse_sim(uri)), Stage(parse_sim(uri + "&seed=2"))
    other.image(3)
    for number in (57, 0, 1):  # in any order, each by itself
        assert one.image(number).tobytes() == other.image(number).tobytes()
        assert one.image(number).tobytes() != another.image(number).tobytes()
        np.testing.assert_array_equal(one.truth(number).detections.xyxy, other.truth(number).detections.xyxy)
    assert one.image(0).shape == (120, 160)
    assert one.image(0).dtype == np.uint8


@settings(max_examples=40)
@given(number=st.integers(0, 100_000))
def test_the_truth_is_that_of_the_picture(stage: Stage, number: int) -> None:
    truth = stage.truth(number)
    xyxy, share = truth.detections.xyxy, truth.visible
    assert len(xyxy) == len(share) == len(truth.identity) == len(truth.size_nm) > 0
    assert truth.moment.state == "live"
    image, seen = stage.image(number).astype(float), np.zeros((120, 160), bool)
    for x1, y1, x2, y2 in xyxy[share == 1].astype(int):
        middle = image[(y1 + y2) // 2 - 2 : (y1 + y2) // 2 + 2, (x1 + x2) // 2 - 2 : (x1 + x2) // 2 + 2]
        assert middle.mean() > 85  # a particle, not substrate
    for x1, y1, x2, y2 in xyxy.astype(int):
        seen[max(y1 - 2, 0) : y2 + 2, max(x1 - 2, 0) : x2 + 2] = True
    if (~seen).any():
        assert image[~seen].mean() < 60
        assert (image[~seen] > 200).mean() < 0.001  # no particle without a box


@settings(max_examples=60)
@given(number=st.integers(0, 100_000))
def test_laws_of_the_truth(eventful: Stage, number: int) -> None:
    truth = eventful.truth(number)
    xyxy, share = truth.detections.xyxy, truth.visible
    assert (xyxy >= 0).all()
    assert (xyxy <= FRAME).all()
    assert (truth.detections.size > 0).all()
    assert ((share > 0) & (share <= 1)).all()
    assert (share[whole(truth)] == 1).all()  # they lie apart: only the border takes away from them
    assert len(set(truth.identity.tolist())) == len(truth.identity)
    assert truth.moment.number == number
    assert (truth.moment.state != "blank") or len(xyxy) == 0


def blobs(image: np.ndarray) -> np.ndarray:
    """(n, 4) x1 y1 x2 y2 of what is bright."""
    _, _, table, _ = cv2.connectedComponentsWithStats((image > 80).astype(np.uint8))
    x, y, w, h, area = table[1:].T
    return np.stack([x, y, x + w, y + h], axis=1)[area > 20]


def test_boxes_are_tight_at_every_magnification_and_where_the_border_cuts(clear: Stage) -> None:
    checked = cut = 0
    for number in range(0, 400, 7):
        truth, found = clear.truth(number), blobs(clear.image(number))
        blur_px = 2 * 3 / truth.moment.nm_per_px
        grown = truth.detections.xyxy + np.array([-1, -1, 1, 1]) * 2 * blur_px
        alone = (intersection(grown, grown) > 0).sum(axis=1) == 1  # two close ones may make one bright blob
        alone &= truth.detections.size.min(axis=1) > 6
        off = np.abs(truth.detections.xyxy[alone, None] - found[None]).max(axis=2)
        assert (off.min(axis=1, initial=99) <= blur_px).all()
        checked, cut = checked + len(off), cut + np.count_nonzero(alone & ~whole(truth))
    assert checked > 100
    assert cut > 30


def test_a_particle_keeps_its_identity_and_moves_with_the_stage(stage: Stage) -> None:
    lost = known = 0
    for one, other in ((10, 11), (200, 203), (7, 300)):
        before, after = stage.truth(one), stage.truth(other)
        moved = np.array([after.moment.x_nm - before.moment.x_nm, after.moment.y_nm - before.moment.y_nm]) / 3.0
        rows = {identity: row for row, identity in enumerate(after.identity.tolist())}
        for row, identity in enumerate(before.identity.tolist()):
            expected = before.detections.xyxy[row] - np.tile(moved, 2)
            again = rows.get(identity)
            if again is None:
                lost += 1
                assert (expected[:2] > FRAME[:2] - 2).any() or (expected[2:] < 2).any()  # it left the field
                continue
            assert after.size_nm[again] == before.size_nm[row]
            assert after.detections.class_id[again] == before.detections.class_id[row]
            if whole(before)[row] and whole(after)[again]:
                known += 1
                np.testing.assert_allclose(after.detections.xyxy[again], expected, atol=2)
    assert known > 20
    assert lost > 0


def test_sizes_are_those_that_the_boxes_show_at_every_magnification(clear: Stage) -> None:
    ratios: list[float] = []
    for number in range(0, 200, 2):
        truth = clear.truth(number)
        shown_nm = truth.detections.size.mean(axis=1) * truth.moment.nm_per_px
        rows = whole(truth) & (truth.detections.class_id == 1)
        ratios += (shown_nm / truth.size_nm)[rows].tolist()
    assert len(ratios) > 20
    np.testing.assert_allclose(ratios, 1, atol=0.15)


def test_what_is_magnified_grows_in_pixels() -> None:
    stage = Stage(parse_sim(SMALL + "&zoom=2&zoom_frames=40&seed=2"))
    wide, close = stage.truth(0), stage.truth(20)
    assert close.moment.nm_per_px == wide.moment.nm_per_px / 2 == 1.5
    assert 0 < len(close.identity) < len(wide.identity)
    wide_px, close_px = (
        dict(zip(truth.identity[whole(truth)].tolist(), truth.detections.size[whole(truth)], strict=True))
        for truth in (wide, close)
    )
    both = sorted(set(wide_px) & set(close_px))
    assert both
    np.testing.assert_allclose([close_px[i] / wide_px[i] for i in both], 2, rtol=0.12)


def sharpness(image: np.ndarray) -> float:
    """Variance of the Laplacian of the smoothed picture."""
    return float(cv2.Laplacian(cv2.GaussianBlur(image, (0, 0), 1), cv2.CV_32F).var())


def test_the_focus_is_pulled() -> None:
    stage = Stage(parse_sim(SMALL + "&defocus_px=3&defocus_frames=8&electrons=10000&speed_px=0"))
    seen = [sharpness(stage.image(number)) for number in range(9)]
    assert (np.diff(seen[:5]) < 0).all()
    assert seen[8] == pytest.approx(seen[0], rel=0.05)


def test_a_flash_of_charging_brightens_one_frame() -> None:
    stage = Stage(parse_sim(SMALL + "&charging=1&charging_every=5&speed_px=0"))
    mean = np.array([stage.image(number).mean() for number in range(10)])
    flashes = [stage.truth(number).moment.charging for number in range(10)]
    assert flashes == [0, 0, 0, 0, 1] * 2
    assert mean[[4, 9]].min() > 1.2 * np.delete(mean, [4, 9]).max()


def test_what_is_charged_trails_along_its_lines() -> None:
    stage = Stage(
        parse_sim("sim:?width=300&height=120&fields=1&particles=1&size_px=40&charging=1&charging_every=1&seed=2")
    )
    ((x1, y1, x2, y2),) = stage.truth(0).detections.xyxy.astype(int)
    lines = stage.image(0)[y1:y2].astype(float)
    assert 40 < x1 < x2 < 260
    assert lines[:, x2 + 5 : x2 + 35].mean() > 1.2 * lines[:, x1 - 35 : x1 - 5].mean()


def test_a_blanked_beam_leaves_dark_noise_and_no_particle() -> None:
    stage = Stage(parse_sim(SMALL + "&blank_every=4&blank_frames=1"))
    for number in (3, 7):
        image, truth = stage.image(number), stage.truth(number)
        assert truth.moment.state == "blank"
        assert len(truth.detections) == len(truth.identity) == 0
        assert isinstance(truth.detections, Detections)
        assert 0 < image.mean() < 15
        assert 0 < image.std() < 10
        assert image.max() < 60
    assert stage.image(3).tobytes() != stage.image(7).tobytes()
    assert [stage.truth(number).moment.state for number in range(4)] == ["live"] * 3 + ["blank"]


def test_a_frozen_frame_is_the_old_one_byte_for_byte() -> None:
    stage = Stage(parse_sim(SMALL + "&freeze_every=6&freeze_frames=2"))
    images = [stage.image(number).tobytes() for number in range(12)]
    assert images[3] == images[4] == images[5]
    assert len(set(images)) == 8
    frozen, shown = stage.truth(5), stage.truth(3)
    assert (frozen.moment.state, frozen.moment.shown, shown.moment.state) == ("frozen", 3, "live")
    np.testing.assert_array_equal(frozen.detections.xyxy, shown.detections.xyxy)
    np.testing.assert_array_equal(frozen.identity, shown.identity)


def test_a_specimen_without_particles() -> None:
    stage = Stage(parse_sim("sim:?width=96&height=64&particles=0"))
    assert len(stage.truth(0).detections) == 0
    assert stage.image(0).mean() > 20


def test_a_raster_over_a_large_specimen_meets_every_particle() -> None:
    stage = Stage(parse_sim("sim:?width=160&height=120&particles=150&size_px=12&fields=4&pan=raster&speed_px=40"))
    met: set[int] = set()
    seen: set[int] = set()
    for number in range(80):
        truth = stage.truth(number)
        met |= set(truth.identity.tolist())
        seen |= set(truth.identity[truth.visible == 1].tolist())
    assert met == set(range(150))
    assert len(seen) >= 148  # a very large one may be cut in every line of the raster


def test_a_replayed_simulation_waits_for_nobody_and_ends() -> None:
    source = open_sim(SMALL + "&fps=0&frames=3&nm_per_px=2.5")
    assert not source.live
    frames = [source.read(0.0) for _ in range(3)]
    assert [frame.number for frame in frames if frame] == [0, 1, 2]
    assert all(frame.nm_per_px == (2.5, 2.5) and frame.state == "live" for frame in frames if frame)
    with pytest.raises(EndOfFeed, match="3 frames"):
        source.read(0.0)
    source.close()
    source.close()


def test_a_live_simulation_keeps_its_rate() -> None:
    source = open_sim(SMALL + "&fps=20")
    assert source.live
    assert source.read(1.0) is not None
    begun = time.monotonic()
    assert [frame.number for frame in (source.read(1.0) for _ in range(4)) if frame] == [1, 2, 3, 4]
    assert time.monotonic() - begun > 0.15
    slow = open_sim(SMALL + "&fps=0.001")
    assert slow.read(1.0) is not None
    begun = time.monotonic()
    assert slow.read(0.05) is None  # not due, and not waited for longer than asked
    assert time.monotonic() - begun >= 0.05


def test_a_live_frame_is_the_stage_s_frame_of_that_number(eventful: Stage) -> None:
    source = open_sim(EVERYTHING + "&fps=0")
    for number in range(12):
        frame = source.read(0.0)
        assert frame is not None
        assert frame.image.tobytes() == eventful.image(number).tobytes()
        assert frame.nm_per_px == (eventful.truth(number).moment.nm_per_px,) * 2
        assert frame.state == "live"  # a frame grabber does not know better
