"""The imaging chain from the detector on: counts, display, publication, and the recording as a whole."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from imaging import MOVING, PERFECT, flat, particle, point, random, seeds, seen, step
from numpy.typing import NDArray

from nanotally.generator.bodies import Image
from nanotally.generator.imaging import Beam, Detector, Display, Imaging, Publication, Recording, Scan, record
from nanotally.generator.imaging.detector import FAST_US, MANY, PULSE_EXCESS, detect, electrons_a_pixel, noise_sigma
from nanotally.generator.imaging.display import digitise, publish, show

EVERYTHING = Imaging(
    beam=Beam(sigma_px=1.0, astigmatism=1.5, angle_rad=0.4, defocus_px=1.5),
    scan=replace(MOVING, dwell_us=0.1, frames=2, streaks=0.02, charging=0.2, charging_px=20.0, halo=0.2),
    detector=Detector(electrons_per_us=300, response_us=0.1, amplifier=0.03),
    display=Display(contrast=1.2, brightness=0.05, gamma=0.8),
    publication=Publication(rescale=0.6, jpeg_quality=80),
)
REGIMES = {
    "gamma": (FAST_US / 2, 300.0, PULSE_EXCESS),
    "poisson": (1.0, 0.8 * MANY, 1.0),
    "square root": (1.0, 5 * MANY, 1.0),
}
"""Dwell in microseconds, electrons on a pixel, and variance a count."""


@pytest.mark.parametrize("regime", REGIMES)
@settings(max_examples=10)
@given(level=st.floats(0.1, 1), seed=seeds)
def test_noise_is_that_of_counted_electrons(regime: str, level: float, seed: int) -> None:
    dwell, electrons, excess = REGIMES[regime]
    detector, scan = Detector(electrons_per_us=electrons / dwell), Scan(dwell_us=dwell)
    noisy = detect(flat(level), detector, scan, random(seed)).astype(float)
    variance = excess * level / electrons
    assert noisy.mean() == pytest.approx(level, abs=5 * np.sqrt(variance / noisy.size))
    assert noisy.var() == pytest.approx(variance, rel=0.05)


@pytest.mark.parametrize("regime", REGIMES)
def test_where_there_is_no_signal_there_are_no_electrons(regime: str) -> None:
    dwell, electrons, _ = REGIMES[regime]
    detector, scan = Detector(electrons_per_us=electrons / dwell), Scan(dwell_us=dwell)
    for level in (0.0, -0.5):
        dark = detect(flat(level), detector, scan, random())
        assert np.abs(dark).max() * electrons < 6  # the square root of a count is wrong by a few where it is none
        assert dark.mean() * electrons == pytest.approx(0, abs=0.02)


def test_slow_counts_are_whole_numbers_and_fast_pulses_are_skewed() -> None:
    dwell, electrons, _ = REGIMES["poisson"]
    counts = detect(flat(0.5), Detector(electrons_per_us=electrons / dwell), Scan(dwell_us=dwell), random()) * electrons
    np.testing.assert_allclose(counts, counts.round(), atol=1e-4)
    few = Detector(electrons_per_us=8 / 0.1)
    pulses = detect(flat(1.0, (400, 400)), few, Scan(dwell_us=0.1), random()).astype(float)
    skewness = (((pulses - 1) / pulses.std()) ** 3).mean()
    assert skewness == pytest.approx(2 / np.sqrt(8 / PULSE_EXCESS), rel=0.1)  # of a Gamma distribution
    assert pulses.min() >= 0


@given(rate=st.floats(1, 1000), dwell=st.floats(0.05, 30), frames=st.integers(1, 64))
def test_electrons_gather_with_dwell_and_frames(rate: float, dwell: float, frames: int) -> None:
    found = electrons_a_pixel(Detector(electrons_per_us=rate), Scan(dwell_us=dwell, frames=frames))
    assert found == pytest.approx(rate * dwell * frames)


@settings(max_examples=30)
@given(
    level=st.floats(0.1, 1),
    dwell=st.floats(0.05, 30),
    frames=st.integers(1, 16),
    rate=st.floats(60, 600),
    amplifier=st.floats(0, 0.1),
    seed=seeds,
)
def test_noise_sigma_agrees_with_the_noise(
    level: float, dwell: float, frames: int, rate: float, amplifier: float, seed: int
) -> None:
    detector, scan = Detector(electrons_per_us=rate, amplifier=amplifier), Scan(dwell_us=dwell, frames=frames)
    noisy = detect(flat(level), detector, scan, random(seed)).astype(float)
    assert noisy.std() == pytest.approx(noise_sigma(level, detector, scan), rel=0.06)


@pytest.mark.parametrize("smear", [0.5, 2.0, 4.0])
def test_a_slow_detector_averages_the_noise_along_the_line(smear: float) -> None:
    detector, scan = Detector(electrons_per_us=600, response_us=smear * 0.05), Scan(dwell_us=0.05)
    noisy = detect(flat(0.5, (300, 300)), detector, scan, random())
    assert noisy.std() == pytest.approx(noise_sigma(0.5, detector, scan), rel=0.03)


def test_the_amplifier_adds_its_own_noise() -> None:
    silent = detect(flat(0.0), Detector(electrons_per_us=1e5, amplifier=0.05), Scan(), random())
    assert silent.std() == pytest.approx(0.05, rel=0.03)
    assert silent.mean() == pytest.approx(0, abs=0.001)


@pytest.mark.parametrize("smear", [0.5, 2.0, 6.0])
def test_a_slow_detector_smears_along_the_line_only(smear: float) -> None:
    scan = Scan(dwell_us=0.05)
    detector = Detector(electrons_per_us=1e9, response_us=smear * 0.05)
    signal = point((21, 121))
    line = detect(signal, detector, scan, random())
    assert np.abs(np.delete(line, 10, axis=0)).max() < 1e-6
    assert np.abs(line[10, :60]).max() < 1e-6  # nothing before it is scanned
    tail = line[10, 60 : 60 + int(4 * smear) + 2]
    np.testing.assert_allclose(tail[1:] / tail[:-1], np.exp(-1 / smear), rtol=0.01)
    assert line.sum() == pytest.approx(1, rel=0.01)


def test_a_slow_detector_keeps_the_mean() -> None:
    noisy = detect(flat(0.5), Detector(electrons_per_us=600, response_us=0.2), Scan(dwell_us=0.1), random())
    assert noisy.mean() == pytest.approx(0.5, rel=0.01)


def test_brightness_contrast_and_gamma() -> None:
    def shown(level: float, **display: float) -> NDArray[np.float64]:
        return seen(flat(level), replace(PERFECT, display=Display(**display)))

    assert shown(0.4, brightness=0.1).mean() == pytest.approx(0.5, abs=0.003)
    assert shown(0.4, contrast=1.5).mean() == pytest.approx(0.6, abs=0.003)
    assert shown(0.4, gamma=2.0).mean() == pytest.approx(0.16, abs=0.003)
    assert shown(0.4, contrast=2.0, brightness=-0.3, gamma=0.5).mean() == pytest.approx(np.sqrt(0.5), abs=0.003)
    assert shown(0.9, contrast=2.0).min() == 1.0
    assert shown(-0.3).max() == 0.0


@given(
    contrast=st.floats(0.05, 20),
    brightness=st.floats(-2, 2),
    gamma=st.floats(0.1, 10),
    low=st.floats(-2, 3),
    high=st.floats(-2, 3),
)
def test_what_is_shown_is_grey_and_never_in_another_order(
    contrast: float, brightness: float, gamma: float, low: float, high: float
) -> None:
    signal = np.array([sorted((low, high))], np.float32)
    darker, brighter = show(signal, Display(contrast=contrast, brightness=brightness, gamma=gamma))[0]
    assert 0 <= darker <= brighter <= 1


@given(low=st.floats(0.05, 0.5), span=st.floats(0.2, 2))
def test_an_automatic_microscope_uses_its_greys(low: float, span: float) -> None:
    ramp = np.tile(np.linspace(low, low + span, 400, dtype=np.float32), (100, 1))
    image = seen(ramp, replace(PERFECT, display=Display(automatic=True)))
    assert np.percentile(image, [0.5, 99.5]) == pytest.approx([0.08, 0.95], abs=0.01)
    softer = seen(ramp, replace(PERFECT, display=Display(automatic=True, contrast=0.5)))
    assert softer.mean() == pytest.approx(0.5 + 0.5 * (image.mean() - 0.5), abs=0.01)


def test_an_automatic_microscope_leaves_an_empty_field_dull() -> None:
    nearly_flat = flat(0.3) + np.float32(0.002) * np.arange(200, dtype=np.float32)[None] / 200
    assert np.ptp(seen(nearly_flat, replace(PERFECT, display=Display(automatic=True)))) < 0.03


def test_eight_bits_are_rounded() -> None:
    grey = np.arange(256, dtype=np.float32)
    for off in (-0.45, 0, 0.45):
        found = digitise(np.clip((grey + np.float32(off)) / 255, 0, 1)[None])
        np.testing.assert_array_equal(found[0], np.arange(256))


@pytest.mark.parametrize("publication", [Publication(rescale=0.6), Publication(jpeg_quality=50)])
def test_publishing_spoils_details_and_moves_nothing(publication: Publication) -> None:
    signal = (step() + random().normal(0, 0.1, (200, 200))).astype(np.float32)
    before, after = (seen(signal, replace(PERFECT, publication=how)) for how in (Publication(), publication))
    assert after.shape == before.shape
    assert np.abs(after - before).mean() > 0.005
    assert after.mean() == pytest.approx(before.mean(), abs=0.01)
    profile = after.mean(axis=0)
    assert np.interp(0.5, profile[95:105], np.arange(95, 105)) == pytest.approx(99.5, abs=0.3)


@pytest.mark.parametrize("factor", [0.4, 0.55, 0.7])
def test_rescaling_moves_nothing_in_a_picture_of_any_width(factor: float) -> None:
    image = np.full((64, 1281), 50, np.uint8)
    image[:, 1217:] = 200
    slope = np.diff(publish(image, Publication(rescale=factor)).astype(float).mean(axis=0))
    assert (slope * (np.arange(1280) + 0.5)).sum() / slope.sum() == pytest.approx(1216.5, abs=0.25)


def test_a_picture_that_is_not_published_is_left_alone() -> None:
    image = digitise(step())
    np.testing.assert_array_equal(publish(image, Publication()), image)


def average(signal: Image, imaging: Imaging, times: int) -> NDArray[np.float64]:
    return np.asarray(np.mean([seen(signal, imaging, seed) for seed in range(times)], axis=0))


def test_many_records_approach_what_is_expected() -> None:
    imaging = Imaging(
        beam=Beam(sigma_px=1.5),
        scan=Scan(drift_x_px=3.0, charging=0.2, halo=0.1, charging_px=20.0),
        detector=Detector(electrons_per_us=400, amplifier=0.02),
        display=Display(contrast=0.7, brightness=0.1),
    )
    expected = record(particle(), imaging, random()).expected
    mean = average(particle(), imaging, 60)
    assert np.abs(mean - expected).max() < 5 * 0.7 * np.sqrt((1.3 / 400 + 0.02**2) / 60)
    assert np.abs(mean - expected).mean() < 0.01


def test_what_is_expected_has_the_response_of_the_detector() -> None:
    detector = Detector(electrons_per_us=6000, response_us=0.1)
    imaging = replace(PERFECT, scan=Scan(dwell_us=0.05), detector=detector)
    expected = record(step(), imaging, random()).expected
    np.testing.assert_allclose(average(step(), imaging, 20).mean(axis=0), expected.mean(axis=0), atol=0.005)


def test_what_is_expected_of_a_signal_below_nothing_is_nothing() -> None:
    imaging = replace(PERFECT, display=Display(brightness=0.3))
    recording = record(flat(-0.2), imaging, random())
    np.testing.assert_allclose(recording.expected, 0.3, rtol=1e-6)
    np.testing.assert_allclose(recording.image / 255, 0.3, atol=0.5 / 255)


def test_what_is_expected_has_no_noise_and_is_not_rounded() -> None:
    imaging = replace(PERFECT, detector=Detector(electrons_per_us=20, amplifier=0.1), display=Display(contrast=0.9))
    recording = record(flat(0.5003), replace(imaging, publication=Publication(jpeg_quality=30)), random())
    np.testing.assert_allclose(recording.expected, 0.9 * 0.5003, rtol=1e-5)
    assert recording.expected.dtype == np.float32


@settings(max_examples=20)
@given(
    contrast=st.floats(0.7, 1.4),
    brightness=st.floats(-0.05, 0.15),
    gamma=st.floats(0.6, 1.5),
    dwell=st.floats(0.05, 10),
    seed=seeds,
)
def test_the_noise_of_a_recording_is_that_of_medium_grey(
    contrast: float, brightness: float, gamma: float, dwell: float, seed: int
) -> None:
    imaging = Imaging(
        beam=Beam(sigma_px=0),
        scan=Scan(dwell_us=dwell),
        detector=Detector(electrons_per_us=3000),
        display=Display(contrast=contrast, brightness=brightness, gamma=gamma),
    )
    recording = record(flat((0.5 ** (1 / gamma) - brightness) / contrast), imaging, random(seed))
    grey = recording.image.astype(float) / 255
    assert grey.mean() == pytest.approx(0.5, abs=0.01)
    assert recording.noise == pytest.approx(np.sqrt(max(grey.var() - 1 / 12 / 255**2, 0)), rel=0.08)


def test_a_recording_knows_where_the_beam_was() -> None:
    assert record(step(), PERFECT, random()).shift_px is None
    moving = record(step(), replace(PERFECT, scan=replace(MOVING, dwell_us=20)), random(2))
    assert moving.shift_px is not None
    assert moving.shift_px.shape == (2, 200)
    # The edge lies at 99.5; a line whose beam was too far to the right shows it too far to the left.
    bright = ((moving.image / 255 - 0.2) / 0.6).sum(axis=1)
    np.testing.assert_allclose(bright - 100, moving.shift_px[0], atol=0.3)


def parts(recording: Recording) -> tuple[bytes, ...]:
    assert recording.shift_px is None or recording.shift_px.dtype == np.float32
    shift = b"" if recording.shift_px is None else recording.shift_px.tobytes()
    return recording.image.tobytes(), recording.expected.tobytes(), shift


@pytest.mark.parametrize("imaging", [Imaging(), EVERYTHING])
def test_the_same_seed_records_the_same_bytes(imaging: Imaging) -> None:
    one, other, another = (record(step(), imaging, random(seed)) for seed in (1, 1, 2))
    assert one.image.dtype == np.uint8
    assert parts(one) == parts(other)
    assert one.image.tobytes() != another.image.tobytes()


@pytest.mark.parametrize("imaging", [PERFECT, Imaging(), EVERYTHING])
def test_the_signal_is_left_as_it_was(imaging: Imaging) -> None:
    signal = step()
    record(signal, imaging, random())
    np.testing.assert_array_equal(signal, step())


@settings(max_examples=30)
@given(height=st.integers(1, 60), width=st.integers(1, 60), level=st.floats(-1, 3), seed=seeds)
def test_a_field_of_any_size_can_be_recorded(height: int, width: int, level: float, seed: int) -> None:
    recording = record(flat(level, (height, width)), EVERYTHING, random(seed))
    assert recording.image.shape == recording.expected.shape == (height, width)
    assert np.isfinite(recording.expected).all()
