"""The imaging chain, beam and scan: each control does what its unit says."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from imaging import MOVING, PERFECT, flat, particle, point, random, seeds, seen, step

from nanotally.generator.bodies import Image
from nanotally.generator.imaging import Beam, Scan
from nanotally.generator.imaging.beam import FINEST_PX, spread
from nanotally.generator.imaging.scan import VIBRATION_HZ, sweep, wander


def spreads(signal: Image) -> tuple[float, float, float]:
    """Standard deviation along the shorter and the longer axis, pixels, and the angle of the longer one."""
    y, x = np.indices(signal.shape)
    weight = np.maximum(signal, 0).ravel()  # a convolution leaves zeros of either sign
    (low, high), ways = np.linalg.eigh(np.cov(x.ravel(), y.ravel(), aweights=weight, ddof=0))
    return float(np.sqrt(low)), float(np.sqrt(high)), float(np.arctan2(ways[1, 1], ways[0, 1]))


@pytest.mark.parametrize("sigma", [0.8, 1.5, 3.0])
def test_the_beam_spreads_an_edge_by_its_standard_deviation(sigma: float) -> None:
    near = slice(80, 120)
    slope = np.diff(seen(step(), replace(PERFECT, beam=Beam(sigma_px=sigma))).mean(axis=0)[near])
    at = np.arange(80, 119) + 0.5
    centre = (slope * at).sum() / slope.sum()
    assert np.sqrt((slope * (at - centre) ** 2).sum() / slope.sum()) == pytest.approx(sigma, rel=0.1)
    assert centre == pytest.approx(99.5, abs=0.1)


@settings(max_examples=40)
@given(sigma=st.floats(1, 4), astigmatism=st.floats(1.3, 3), angle=st.floats(0, 2 * np.pi))
def test_an_astigmatic_beam_is_wider_in_its_direction(sigma: float, astigmatism: float, angle: float) -> None:
    spot = spread(point(), Beam(sigma_px=sigma, astigmatism=astigmatism, angle_rad=angle))
    narrow, wide, found = spreads(spot)
    assert wide / narrow == pytest.approx(astigmatism, rel=0.1)
    assert np.sqrt(wide * narrow) == pytest.approx(sigma, rel=0.05)
    assert np.sin(found - angle) == pytest.approx(0, abs=0.03)  # clockwise from +x, as y runs down
    assert spot.sum() == pytest.approx(1, rel=1e-3)


@settings(max_examples=30)
@given(radius=st.floats(0.5, 12))
def test_a_beam_out_of_focus_is_a_disc_of_its_radius(radius: float) -> None:
    spot = spread(point(), Beam(sigma_px=0, defocus_px=radius))
    y, x = np.indices(spot.shape) - 30
    distance = np.hypot(x, y)
    assert spot.sum() == pytest.approx(1, rel=1e-3)
    assert spot[distance > radius + 0.5].max(initial=0) < 1e-6
    inner = spot[distance < radius - 0.5]
    assert inner.size == 0 or inner.min() == pytest.approx(inner.max(), abs=1e-6)
    if radius > 3:
        assert spot.max() == pytest.approx(1 / (np.pi * radius**2), rel=0.05)


def test_a_beam_that_is_fine_enough_changes_nothing() -> None:
    fine = Beam(sigma_px=FINEST_PX, astigmatism=2, defocus_px=FINEST_PX)
    np.testing.assert_array_equal(spread(step(), fine), step())


@given(frames=st.integers(1, 32), vibration=st.floats(0.1, 5), seed=st.integers(0, 1000))
@settings(max_examples=15)
def test_vibration_has_its_deviation_and_shrinks_with_the_root_of_frames(
    frames: int, vibration: float, seed: int
) -> None:
    scan = Scan(dwell_us=20, frames=frames, vibration_px=vibration)
    shifts = np.array([wander(200, 500, scan, random(1000 * seed + n)) for n in range(50)])
    for axis in (0, 1):
        assert shifts[:, axis].std() == pytest.approx(vibration / np.sqrt(frames), rel=0.1)
    assert np.corrcoef(shifts[:, 0].ravel(), shifts[:, 1].ravel())[0, 1] == pytest.approx(0, abs=0.2)


@settings(max_examples=20)
@given(dwell=st.floats(0.05, 2), seed=seeds)
def test_no_vibration_is_faster_than_the_fastest(dwell: float, seed: int) -> None:
    scan = Scan(dwell_us=dwell, vibration_px=1.0)
    shift = wander(300, 500, scan, random(seed))
    assert shift is not None
    line_s = (500 * dwell + scan.flyback_us) * 1e-6
    # Ten sinusoids of amplitudes a and sum(a^2)/2 = 1: at most sqrt(20) together.
    assert np.abs(np.diff(shift)).max() <= 2 * np.pi * VIBRATION_HZ[1] * line_s * np.sqrt(20)


@given(x=st.floats(-20, 20), y=st.floats(-20, 20), frames=st.integers(1, 8), height=st.integers(2, 300), seed=seeds)
def test_drift_runs_evenly_and_each_frame_has_its_share(
    x: float, y: float, frames: int, height: int, seed: int
) -> None:
    shift = wander(height, 100, Scan(frames=frames, drift_x_px=x, drift_y_px=y), random(seed))
    if x == y == 0:
        assert shift is None
        return
    assert shift is not None
    expected = np.outer([x, y], np.arange(height) / (height - 1) - 0.5) / frames
    np.testing.assert_allclose(shift, expected, atol=1e-5)


def test_where_nothing_moves_there_is_no_shift() -> None:
    assert wander(100, 100, Scan(frames=4, streaks=0.1, charging=0.3, halo=0.1), random()) is None


def test_a_sweep_sees_what_lies_where_the_beam_was() -> None:
    y, x = np.indices((120, 150)).astype(np.float32)
    shift = wander(120, 150, replace(MOVING, dwell_us=20), random(3))
    assert shift is not None
    inner = (slice(10, -10), slice(10, -10))
    for place, way in ((x, shift[0]), (y, shift[1])):
        found = sweep(place, MOVING, shift, random())
        np.testing.assert_allclose(found[inner], (place + way[:, None])[inner], atol=0.04)  # OpenCV: to 1/32 px


@pytest.mark.parametrize("frames", [2, 8])
def test_what_averaging_takes_from_vibration_it_adds_as_blur(frames: int) -> None:
    scan = Scan(frames=frames, vibration_px=2.0)
    still = np.zeros((2, 61), np.float32)
    _, blur, _ = spreads(sweep(point(), scan, still, random()))
    assert blur**2 + 2.0**2 / frames == pytest.approx(2.0**2, rel=0.05)


@pytest.mark.parametrize("frames", [2, 4, 40])
@pytest.mark.parametrize(("x", "y"), [(20, 0), (12, 16), (14, -14)])
def test_drift_over_several_frames_is_a_streak_of_their_places(x: float, y: float, frames: int) -> None:
    scan = Scan(frames=frames, drift_x_px=x, drift_y_px=y)
    streak = sweep(point(), scan, np.zeros((2, 61), np.float32), random())
    across, along, angle = spreads(streak)
    places = np.linspace(-0.5, 0.5, 2 * frames + 1)[1::2] * np.hypot(x, y)  # the middle of each frame
    assert along == pytest.approx(places.std(), rel=0.05)
    assert across < 0.5
    assert np.sin(angle - np.arctan2(y, x)) == pytest.approx(0, abs=0.02)


def test_streaks_change_whole_lines() -> None:
    image = seen(flat(0.5), replace(PERFECT, scan=Scan(streaks=0.05)))
    assert image.mean(axis=1).std() == pytest.approx(0.025, rel=0.2)
    assert image.std(axis=1).max() < 2 / 255


def change(scan: Scan) -> Image:
    """What charging adds to the signal of the particle."""
    return np.asarray(sweep(particle(), scan, None, random()) - particle())


@pytest.mark.parametrize("charging", [0.3, -0.3])
@pytest.mark.parametrize("reach", [20.0, 60.0])
def test_charge_trails_behind_what_is_bright(charging: float, reach: float) -> None:
    added = change(Scan(charging=charging, charging_px=reach)) / charging
    assert np.abs(added[:, :92]).max() < 1e-6  # before the particle: nothing
    assert np.abs(added[np.r_[:56, 84:140]]).max() < 1e-6  # nor on other lines
    trail = added[70, 124 : 124 + int(2.5 * reach)]
    assert trail.min() > 0
    assert np.polyfit(np.arange(len(trail)), np.log(trail), 1)[0] == pytest.approx(-1 / reach, rel=0.02)
    assert added.sum() == pytest.approx(20 * 20, rel=0.03)  # its share of the particle's signal


def test_a_halo_darkens_what_lies_around() -> None:
    lost = -change(Scan(halo=0.4, charging_px=16))
    assert lost.min() >= 0
    right, below = lost[70, 124:170:8], lost[84:130:8, 110]
    assert (np.diff(right) < 0).all()
    assert (np.diff(below) < 0).all()
    np.testing.assert_allclose(lost[:, :220], lost[:, 219::-1], atol=0.01)  # the same on both sides
    assert lost.sum() == pytest.approx(0.4 * 20 * 20, rel=0.05)


@pytest.mark.parametrize("scan", [Scan(charging=0.3), Scan(halo=0.4)])
def test_an_even_field_does_not_charge(scan: Scan) -> None:
    np.testing.assert_allclose(sweep(flat(0.6), scan, None, random()), flat(0.6), atol=1e-6)
