"""A whole synthetic micrograph: one seed one picture, labels that are exact in it, whatever lies on top."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nanotally.detections import CLASSES
from nanotally.generator import micrograph
from nanotally.generator.micrograph import (
    Specimen,
    SyntheticMicrograph,
    make_micrograph,
    make_paper_micrograph,
    random_specimen,
)
from nanotally.generator.optics import Optics
from nanotally.generator.placement import Crowd
from nanotally.generator.scene import LEAST_VISIBLE, Substrate
from nanotally.generator.shapes import Material
from nanotally.generator.stage import Simulation

seeds = st.integers(0, 2**32 - 1)


def varied(seed: int, most: int = 25, height: int = 120, width: int = 160) -> SyntheticMicrograph:
    specimen = random_specimen(np.random.default_rng(seed))
    return make_micrograph(specimen, height=height, width=width, max_particles=most, seed=seed, annotate=True)


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
    specimen = Specimen(size_px=9, size_sigma_g=1.05, crowd=Crowd(gap_px=0))
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


def test_particles_larger_than_the_field() -> None:
    crowd = Crowd(inside=False)
    made = make_micrograph(Specimen(size_px=120, crowd=crowd), height=64, width=64, max_particles=3, seed=0)
    check_exact(made)
    assert len(made.truth.detections) > 0
    assert made.truth.truncated.all()


def test_what_the_lettering_covers_is_not_labelled(monkeypatch: pytest.MonkeyPatch) -> None:
    written = []

    def write(image: np.ndarray, rng: np.random.Generator) -> None:
        written.append(1)
        image[40:60] = 255 - image[40:60]

    monkeypatch.setattr(micrograph, "draw_scale_bar", write)
    monkeypatch.setattr(micrograph, "draw_panel_letter", lambda image, rng: None)
    specimen, before = Specimen(size_px=12, crowd=Crowd(gap_px=0, inside=False)), 0
    for seed in range(8):
        made = make_micrograph(specimen, height=120, width=160, max_particles=80, seed=seed, annotate=True)
        if len(written) > before:
            assert not made.truth.instances[40:60].any()
            check_exact(made)
        before = len(written)
    assert written


def test_no_label_reaches_into_a_databar_that_looks_like_the_specimen(monkeypatch: pytest.MonkeyPatch) -> None:
    def draw_nothing(image: np.ndarray, height_px: int, rng: np.random.Generator) -> tuple[int, int, int, int]:
        return 0, 0, image.shape[1], image.shape[0] - height_px

    monkeypatch.setattr(micrograph, "draw_databar", draw_nothing)
    specimen, cut = Specimen(size_px=12, crowd=Crowd(gap_px=0, inside=False)), 0
    for seed in range(10):
        made = make_micrograph(specimen, height=120, width=160, max_particles=80, seed=seed, annotate=True)
        bottom, boxes = made.field[3], made.truth.detections.xyxy
        assert (boxes[:, 3] <= bottom).all()
        assert not made.truth.instances[bottom:].any()
        if bottom < 120:
            cut += int((made.truth.truncated & (boxes[:, 3] == bottom)).sum())
    assert cut > 5


def test_a_transmission_image_has_dark_particles() -> None:
    for inverted in (False, True):
        specimen = Specimen(optics=Optics(electrons=1000), inverted=inverted)
        made = make_micrograph(specimen, height=240, width=320, max_particles=10, seed=1)
        on_particle = made.truth.instances > 0
        assert (made.image[on_particle].mean() > made.image[~on_particle].mean()) != inverted


@given(seed=seeds, size=st.none() | st.floats(5, 100))
def test_a_random_specimen_has_the_classes_and_the_size_asked_for(seed: int, size: float | None) -> None:
    specimen = random_specimen(np.random.default_rng(seed), ("cube",), size_px=size)
    assert specimen.classes == ("cube",)
    assert specimen.size_px == size or (size is None and 9 <= specimen.size_px <= 220)
    assert set(random_specimen(np.random.default_rng(seed)).classes) <= set(CLASSES)


def test_sizes_are_log_normal() -> None:
    specimen = Specimen(classes=("cube",), size_px=10, size_sigma_g=1.3, crowd=Crowd(gap_px=0, max_overlap=0.3))
    made = make_micrograph(specimen, height=600, width=800, max_particles=600, seed=2)
    logs = np.log(made.truth.size_px)
    assert np.exp(logs.mean()) == pytest.approx(10, rel=0.05)
    assert np.exp(logs.std()) == pytest.approx(1.3, rel=0.05)


@pytest.mark.parametrize("settings", [Specimen, Crowd, Material, Substrate, Optics, Simulation])
def test_the_page_explains_every_control(settings: type) -> None:
    page = (Path(__file__).parent.parent / "docs" / "generator.md").read_text(encoding="utf-8")
    own_table = {"crowd", "material", "substrate", "optics"}
    assert [name for name in vars(settings()) if f"`{name}`" not in page and name not in own_table] == []
