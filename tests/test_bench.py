"""The measurement of speed: that it is the real path, and that its figures are those of what was heard."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from nanotally.cli import app, bench
from nanotally.daemon.bench.figures import figures
from nanotally.daemon.bench.footage import Footage, preload
from nanotally.daemon.bench.listener import Heard, Told
from nanotally.daemon.sources import open_source
from nanotally.errors import SourceError
from nanotally.opencv import cv2

runner = CliRunner()


def told(frame: int, at_ms: float, *, age_ms: float = 20.0, live: bool = True) -> Told:
    grabbed_ns, received_ns = round((at_ms - age_ms) * 1e6), round(at_ms * 1e6)
    return Told(frame, grabbed_ns, received_ns, age_ms - 1, {"infer": 10.0, "size": age_ms - 15}, 300, live)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three small pictures that differ."""
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    for i in range(3):
        image = rng.integers(40, 80, (200, 240), np.uint8)
        cv2.circle(image, (60 + 40 * i, 100), 20, 200, -1)
        cv2.imwrite(str(folder / f"{i}.png"), image)
    return folder


def test_figures_are_those_of_what_came_after_the_warming_up() -> None:
    slow = [told(0, 1000, age_ms=900), told(1, 1500, age_ms=900)]
    heard = Heard([*slow, *(told(2 + 2 * i, 2000 + 100 * i, age_ms=20 + i) for i in range(11))], missed=3)
    run = figures(heard, asked_fps=20, engine_ms=50, warm_s=1)
    assert run is not None
    assert (run.frames, run.dropped, run.missed, run.particles) == (11, 10, 3, 300)
    assert run.fps == pytest.approx(10)
    assert run.of_engine == pytest.approx(0.5)
    assert run.stages_ms["size"] == pytest.approx((10, 14.5, 14.9))
    assert run.stages_ms["rest"] == pytest.approx((4, 4, 4))
    assert run.age_ms == pytest.approx((25, 29.5, 29.9))
    assert run.age_in_engine_times == pytest.approx(29.9 / 50)


def test_frames_that_are_not_counted_tell_nothing_of_speed() -> None:
    heard = Heard([told(0, 0), told(1, 1000), told(2, 1100, live=False)], missed=0)
    assert figures(heard, asked_fps=1, engine_ms=1, warm_s=0.5) is None
    assert figures(Heard([], 0), asked_fps=1, engine_ms=1, warm_s=0) is None


def test_footage_is_the_first_frames_and_can_be_handed_on(pictures: Path, tmp_path: Path) -> None:
    footage = preload(f"dir:{pictures}", most=50)
    assert footage.images.shape == (3, 200, 240)
    assert np.array_equal(footage.images[2], open_source(f"file:{pictures / '2.png'}").read(1).image)
    footage = Footage(footage.images, (2.0, 2.5), 8)
    footage.save(tmp_path / "footage.npz")
    again = Footage.load(tmp_path / "footage.npz")
    assert np.array_equal(again.images, footage.images)
    assert (again.nm_per_px, again.databar_px) == ((2.0, 2.5), 8)


def test_too_few_frames_and_frames_of_several_sizes_are_refused(pictures: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="three or more"):
        preload(f"dir:{pictures}", most=2)
    for i in range(3):
        cv2.imwrite(str(tmp_path / f"{i}.png"), np.zeros((40 + i, 50), np.uint8))
    with pytest.raises(SourceError, match="not all of one size"):
        preload(f"dir:{tmp_path}", most=9)


def test_crowded_frames_are_simulated_with_smaller_particles() -> None:
    assert "particles=1200&size_px=32.0" in bench.simulated(300)
    assert "particles=8000&size_px=12.4" in bench.simulated(2000)


def test_the_verb_measures_a_daemon_between_two_processes(pictures: Path) -> None:
    result = runner.invoke(app, ["bench", str(pictures), "--seconds", "4", "--json"], catch_exceptions=False)
    assert result.exit_code == 0
    measured = json.loads(result.output[result.output.index("{") :])
    assert (measured["width"], measured["height"], measured["tiles"]) == (240, 200, 1)
    for run in (measured["flat_out"], measured["at_ease"]):
        assert list(run["stages_ms"]) == ["wait", "tile", "infer", "decode", "size", "track", "rest"]
        assert run["frames"] >= 2
        assert run["missed"] == 0
        assert 0 < run["fps"] <= 1.5 * run["asked_fps"]
        ages = run["age_ms"]
        assert ages == sorted(ages)
        assert ages[0] >= run["stages_ms"]["infer"][0]
    assert measured["at_ease"]["asked_fps"] < measured["flat_out"]["fps"]
