"""A whole synthetic micrograph: one seed one picture, labels that are exact in it, whatever lies on top."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nanotally.detections import CLASSES
from nanotally.generator import annotation
from nanotally.generator.annotation import Lettering
from nanotally.generator.bodies import Material
from nanotally.generator.imaging import Detector, Display, Imaging, Scan
from nanotally.generator.micrograph import SyntheticMicrograph, make_micrograph
from nanotally.generator.paper import make_paper_micrograph
from nanotally.generator.pattern import Pattern, Template
from nanotally.generator.recipe import read_recipe, sample
from nanotally.generator.sites import Crowd
from nanotally.generator.specimen import Specimen
from nanotally.generator.substrate import Substrate
from nanotally.generator.truth import LEAST_VISIBLE

SEM = read_recipe("sem")
seeds = st.integers(0, 2**32 - 1)


def varied(seed: int, most: int = 25, height: int = 120, width: int = 160) -> SyntheticMicrograph:
    specimen, _ = sample(SEM, np.random.default_rng(seed))
    return make_micrograph(specimen, height=height, width=width, max_particles=most, seed=seed)


def paper(seed: int, most: int = 25, height: int = 240, width: int = 320) -> SyntheticMicrograph:
    return make_paper_micrograph(CLASSES, height=height, width=width, max_particles=most, seed=seed)


def check_exact(made: SyntheticMicrograph) -> None:
    """Every box is tight around the pixels of its instance, and every instance has a box."""
    truth = made.truth
    assert truth.instances.shape == made.image.shape
    assert set(np.unique(truth.instances)) - {0} == set(range(1, len(truth.detections) + 1))
    for row, (x1, y1, x2, y2) in enumerate(truth.detections.xyxy, start=1):
        ys, xs = np.nonzero(truth.instances == row)
        assert (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1) == (x1, y1, x2, y2)


@settings(max_examples=25)
@given(seed=seeds, most=st.integers(0, 40))
def test_labels_are_exact_in_any_micrograph(seed: int, most: int) -> None:
    made = varied(seed, most)
    check_exact(made)
    assert made.image.dtype == np.uint8
    assert made.image.shape == (120, 160)
    assert len(made.truth.detections) <= most
    assert (made.truth.visible >= LEAST_VISIBLE).all()
    assert (made.truth.detections.xyxy[:, 3] <= made.field[3]).all()  # nothing is labelled in the databar


@settings(max_examples=12)
@given(seed=seeds, most=st.integers(0, 40))
def test_a_paper_micrograph_shows_every_particle_whole_and_apart(seed: int, most: int) -> None:
    made = paper(seed, most)
    truth = made.truth
    check_exact(made)
    assert (truth.visible == 1).all()
    assert not (truth.truncated | truth.difficult).any()
    assert (made.stop == "maximum reached") == (len(truth.detections) == most)
    # Between two particles there is always canvas.
    padded = np.pad(truth.instances, 1)
    for dy, dx in ((0, 1), (1, 0), (1, 1), (1, -1)):
        beside = np.roll(padded, (dy, dx), (0, 1))
        assert ((padded == beside) | (padded == 0) | (beside == 0)).all()
    if most:
        assert np.bincount(made.image.ravel()).argmax() == 18  # the flat dark canvas


@pytest.mark.parametrize("make", [varied, paper])
def test_one_seed_is_one_micrograph(make) -> None:
    one, other, another = make(3), make(3), make(4)
    assert one.image.tobytes() == other.image.tobytes()
    assert one.truth.instances.tobytes() == other.truth.instances.tobytes()
    assert one.image.tobytes() != another.image.tobytes()


def test_two_thousand_particles_are_two_thousand_labels() -> None:
    specimen = Specimen(d_g_nm=27, sigma_g=1.05, crowd=Crowd(gap_px=0))
    made = make_micrograph(specimen, height=960, width=1280, max_particles=2000, seed=0)
    assert (len(made.truth.detections), made.stop) == (2000, "maximum reached")
    assert made.truth.instances.max() == 2000


def test_a_full_field_says_so() -> None:
    made = paper(0, most=1000)
    assert made.stop == "no space left"
    assert 10 < len(made.truth.detections) < 1000


def test_no_particles_at_all() -> None:
    for made in (varied(0, most=0), paper(0, most=0)):
        assert len(made.truth.detections) == 0
        assert made.stop == "maximum reached"
        assert not made.truth.instances.any()


def test_particles_as_large_as_the_field() -> None:
    specimen = Specimen(d_g_nm=180, crowd=Crowd(inside=False))
    made = make_micrograph(specimen, height=64, width=64, max_particles=3, seed=0)
    check_exact(made)
    assert len(made.truth.detections) > 0
    assert made.truth.truncated.all()


def dense(lettering: Lettering) -> Specimen:
    return Specimen(d_g_nm=36, crowd=Crowd(gap_px=0, inside=False), lettering=lettering)


def test_what_the_lettering_covers_is_not_labelled(monkeypatch: pytest.MonkeyPatch) -> None:
    def write(image: np.ndarray, rng: np.random.Generator, *, nm_per_px: float) -> None:
        image[40:60] = 255 - image[40:60]

    monkeypatch.setattr(annotation, "draw_scale_bar", write)
    for seed in range(3):
        made = make_micrograph(dense(Lettering(scale_bar=True)), height=120, width=160, max_particles=80, seed=seed)
        assert not made.truth.instances[40:60].any()
        check_exact(made)


def test_no_label_reaches_into_a_databar_that_looks_like_the_specimen(monkeypatch: pytest.MonkeyPatch) -> None:
    def draw_nothing(
        image: np.ndarray, height_px: int, rng: np.random.Generator, *, nm_per_px: float
    ) -> tuple[int, int, int, int]:
        return 0, 0, image.shape[1], image.shape[0] - height_px

    monkeypatch.setattr(annotation, "draw_databar", draw_nothing)
    cut = 0
    for seed in range(4):
        made = make_micrograph(dense(Lettering(databar=0.1)), height=120, width=160, max_particles=80, seed=seed)
        boxes = made.truth.detections.xyxy
        assert made.field == (0, 0, 160, 108)
        assert (boxes[:, 3] <= 108).all()
        assert not made.truth.instances[108:].any()
        cut += int((made.truth.truncated & (boxes[:, 3] == 108)).sum())
    assert cut > 5


def test_a_transmission_image_has_dark_particles() -> None:
    for absorption in (0.0, 1.5):
        specimen = Specimen(
            material=Material(absorption=absorption, level=0.6),
            substrate=Substrate(level=0.3 if not absorption else 1.0),
        )
        made = make_micrograph(specimen, height=240, width=320, max_particles=10, seed=1)
        on_particle = made.truth.instances > 0
        assert (made.image[on_particle].mean() < made.image[~on_particle].mean()) == (absorption > 0)


def test_sizes_are_log_normal() -> None:
    crowd = Crowd(gap_px=0, max_overlap=0.3)
    specimen = Specimen(cube_share=1.0, d_g_nm=30, sigma_g=1.3, nm_per_px=3, crowd=crowd)
    made = make_micrograph(specimen, height=600, width=800, max_particles=600, seed=2)
    logs = np.log(made.truth.size_px)
    assert np.exp(logs.mean()) == pytest.approx(10, rel=0.05)
    assert np.exp(logs.std()) == pytest.approx(1.3, rel=0.05)


@settings(max_examples=20)
@given(nm_per_px=st.floats(1, 4), density=st.floats(5, 60))
def test_a_stated_density_is_that_of_the_specimen_at_every_magnification(nm_per_px: float, density: float) -> None:
    specimen = Specimen(d_g_nm=20, nm_per_px=nm_per_px, density_per_um2=density)
    rng, area_um2 = np.random.default_rng(0), 480 * 640 * nm_per_px**2 / 1e6
    numbers = [specimen.how_many(480, 640, rng) for _ in range(300)]
    assert np.mean(numbers) == pytest.approx(density * area_um2, abs=4 * np.sqrt(density * area_um2 / 300))
    assert np.var(numbers) == pytest.approx(density * area_um2, rel=0.5)  # a Poisson number


def test_a_stated_coverage_is_the_share_of_the_field_that_is_covered() -> None:
    for share in (0.0, 1.0):
        specimen = Specimen(
            cube_share=share,
            d_g_nm=45,
            sigma_g=1.3,
            coverage=0.2,
            imaging=Imaging(detector=Detector(electrons_per_us=1e4)),
        )
        made = make_micrograph(specimen, height=600, width=800, max_particles=9999, seed=0)
        assert (made.truth.instances > 0).mean() == pytest.approx(0.2, rel=0.12)  # tilted cubes cover a little more
        assert len(made.truth.detections) == specimen.how_many(600, 800, np.random.default_rng(0))


def test_a_stated_count_is_kept_and_capped() -> None:
    specimen = Specimen(count=7.0, d_g_nm=45)
    for most, n in ((100, 7), (3, 3)):
        made = make_micrograph(specimen, height=300, width=400, max_particles=most, seed=5)
        assert len(made.truth.detections) == n


def test_particles_that_nobody_can_see_have_no_label() -> None:
    plain = Specimen(count=20, d_g_nm=60, material=Material(edge_gain=0, tilt_gain=0, side_gain=0, roughness=0))
    flat = replace(plain, substrate=Substrate(level=1.0))
    saturated = replace(plain, substrate=Substrate(level=0.9), imaging=Imaging(display=Display(brightness=2.0)))
    noisy = replace(
        plain, substrate=Substrate(level=0.93), imaging=Imaging(detector=Detector(amplifier=2.0, electrons_per_us=1e4))
    )
    assert len(make_micrograph(plain, height=300, width=400, max_particles=20, seed=5).truth.detections) == 20
    for unseen in (flat, saturated, noisy):
        truth = make_micrograph(unseen, height=300, width=400, max_particles=20, seed=5).truth
        assert len(truth.detections) == 0
        assert not truth.instances.any()


def test_labels_follow_a_drifting_picture() -> None:
    still = Specimen(count=25, d_g_nm=60, imaging=Imaging(detector=Detector(electrons_per_us=1e5)))
    drifting = replace(still, imaging=replace(still.imaging, scan=Scan(drift_x_px=40.0)))
    moved, placed = (
        make_micrograph(each, height=300, width=400, max_particles=25, seed=3) for each in (drifting, still)
    )
    ratio = moved.truth.instances > 0
    bright = moved.image > 0.5 * (moved.image[ratio].mean() + moved.image[~ratio].mean())
    assert (bright == ratio)[:, 30:-30].mean() > 0.98
    assert (bright == (placed.truth.instances > 0))[:, 30:-30].mean() < 0.96


def test_templates_and_bodies_lie_in_one_scene() -> None:
    grey, alpha = np.full((20, 20), 0.9, np.float32), np.ones((20, 20), np.float32)
    pattern = Pattern(640, 480, (Template(grey, alpha, 0, 1.0),))
    specimen = Specimen(cube_share=0.0, template_share=0.5, count=60, d_g_nm=60)
    made = make_micrograph(specimen, height=480, width=640, max_particles=60, seed=1, pattern=pattern)
    counts = made.truth.detections.counts()
    assert counts["cube"] > 15  # cut from the pattern
    assert counts["quasi_sphere"] > 15  # drawn
    assert np.median(made.truth.size_px) == pytest.approx(20, rel=0.1)


def test_a_real_background_is_lain_on() -> None:
    stripes = np.tile(np.array([40] * 8 + [80] * 8, np.uint8), (300, 20))
    specimen = Specimen(count=3, d_g_nm=60, substrate=Substrate(level=0.4))
    made = make_micrograph(specimen, height=200, width=200, max_particles=3, seed=1, background=stripes)
    profile = made.image[made.truth.instances.any(axis=1) == 0].mean(axis=0)
    assert np.abs(np.fft.rfft(profile - profile.mean())).argmax() == pytest.approx(200 / 16, abs=1)


def test_other_shapes_have_no_label() -> None:
    specimen = Specimen(other="rod", other_share=1.0, count=20, d_g_nm=90)
    made = make_micrograph(specimen, height=300, width=400, max_particles=20, seed=1)
    assert len(made.truth.detections) == 0
    assert (made.image > 1.5 * np.median(made.image)).mean() > 0.03
