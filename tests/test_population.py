"""What is known of the particles of a group: sizes and density of each particle once."""

from __future__ import annotations

import numpy as np
import pytest

from nanotally.daemon.population import Population
from nanotally.detections import Detections
from nanotally.frame import Frame
from nanotally.measure.measurement import Measurement

CLASSES = ("cube", "quasi_sphere")
PLACES = np.stack(np.meshgrid(np.arange(30, 600, 57), np.arange(30, 440, 57)), -1).reshape(-1, 2)
CORNER = np.random.default_rng(3).permutation(PLACES)[:40].astype(np.float32)
FOUND = Detections(np.hstack([CORNER, CORNER + 20]), class_id=np.arange(40) % 2)
AREA_UM2 = 640 * 480 * 4 / 1e6


def frame(number: int, nm_per_px: tuple[float, float] | None = (2.0, 2.0)) -> Frame:
    return Frame(number, 0, 0, np.zeros((480, 640), np.uint8), nm_per_px=nm_per_px)


def measured(size_nm: float | None = 40.0, density: float | None = 30.0, area_px: int = 640 * 480) -> Measurement:
    sizes = None if size_nm is None else np.where(FOUND.class_id == 0, np.nan, size_nm).astype(np.float32)
    return Measurement({}, sizes, 0, 0.0, area_px, density, None)


def test_a_particle_seen_in_many_frames_is_measured_once() -> None:
    population = Population(1, CLASSES, stills=False)
    for number in range(12):
        tracks = population.take(frame(number), FOUND, measured(40.0 + number % 3))
    assert tracks is not None
    assert len(set(tracks.tolist())) == 40
    assert population.unique == {"cube": 20, "quasi_sphere": 20}
    known = population.statistics()
    assert (known.sizes["quasi_sphere"].n, known.sizes["quasi_sphere"].quantity) == (20, "ecd")
    assert (known.sizes["cube"].n, known.sizes["cube"].quantity) == (0, "edge")
    assert known.sizes["quasi_sphere"].d50_nm == pytest.approx(41)
    # The stage stood still: one field, however many frames.
    assert (known.frames, known.density_per_um2, known.area_um2) == (1, 30.0, pytest.approx(AREA_UM2))


def test_every_still_is_a_field_and_larger_ones_weigh_more() -> None:
    population = Population(1, CLASSES, stills=True)
    assert population.take(frame(0), FOUND, measured(density=10.0)) is None
    population.take(frame(1), FOUND, measured(size_nm=50.0, density=40.0, area_px=640 * 240))
    known = population.statistics()
    assert population.unique is None
    assert known.sizes["quasi_sphere"].n == 40
    assert known.sizes["quasi_sphere"].mean_nm == pytest.approx(45)
    assert (known.frames, known.density_per_um2) == (2, pytest.approx(20))
    assert population.statistics() == known


@pytest.mark.parametrize("stills", [True, False])
def test_without_a_pixel_size_there_is_neither_size_nor_density(stills: bool) -> None:
    population = Population(1, CLASSES, stills=stills)
    for number in range(6):
        population.take(frame(number, None), FOUND, measured(size_nm=None, density=None))
    known = population.statistics()
    assert (known.frames, known.area_um2, known.density_per_um2, known.sizes) == (0, None, None, {})


def test_nothing_is_known_before_the_first_frame() -> None:
    known = Population(1, CLASSES, stills=True).statistics()
    assert (known.frames, known.density_per_um2, known.sizes) == (0, None, {})
