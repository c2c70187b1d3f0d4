"""The options of a `sim:` URI."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanotally.errors import SourceError
from nanotally.generator.simulation import Simulation, parse_sim
from nanotally.generator.stage import open_sim


def test_options_have_their_defaults_and_their_types() -> None:
    assert parse_sim("sim:") == parse_sim("sim:?") == Simulation()
    assert parse_sim("sim:?width=320&fps=2.5&seed=9") == Simulation(width=320, fps=2.5, seed=9)
    assert parse_sim("sim:?pan=raster&blank_every=9") == Simulation(pan="raster", blank_every=9)


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("sim:?colour=red", "there are width, height"),
        ("sim:pattern.txt", "not known"),
        ("sim:?width=wide", "expected a whole number between 64 and 4096"),
        ("sim:?width=", "expected a whole number"),
        ("sim:?width=%0A", "expected a whole number"),
        ("sim:?width=63", "between 64 and 4096"),
        ("sim:?height=5000", "between 64 and 4096"),
        ("sim:?frames=1.5", "expected a whole number"),
        ("sim:?fps=nan", "expected a number between"),
        ("sim:?fps=-1", "between 0 and 1e+06"),
        ("sim:?seed=-1", "between 0"),
        ("sim:?speed_px=inf", "between 0"),
        ("sim:?nm_per_px=0", "between 0.001"),
        ("sim:?electrons=0.5", "between 1"),
        ("sim:?size_px=3", "between 4 and 600"),
        ("sim:?size_px=601", "between 4 and 600"),
        ("sim:?fields=0.5", "between 1 and 50"),
        ("sim:?zoom=0.5", "between 1 and 8"),
        ("sim:?pan=spiral", "expected one of lissajous, raster"),
        ("sim:?width=4096&height=4096&fields=4", "a specimen of 16384 x 16384 pixels is too large"),
        ("sim:?width=4096&height=64&fields=20", "32000 a side"),
        ("sim:?blank_every=5", "blank_frames=5 leaves nothing of blank_every=5"),
        ("sim:?freeze_every=10&freeze_frames=11", "leaves nothing of freeze_every=10"),
    ],
)
def test_a_wrong_option_is_told_in_one_line(uri: str, words: str) -> None:
    with pytest.raises(SourceError) as caught:
        open_sim(uri)
    assert str(caught.value).startswith(f"{uri}: ")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@given(text=st.text(st.characters(codec="utf-8"), max_size=30))
def test_any_text_is_a_simulation_or_a_clear_error(text: str) -> None:
    with suppress(SourceError):
        assert isinstance(parse_sim(f"sim:?{text}"), Simulation)


NAMES = st.sampled_from([*vars(Simulation()), "colour"])
VALUES = st.one_of(st.integers(-10, 10**7), st.floats(), st.sampled_from(["raster", "", "1e3", "٣"]))


@given(options=st.lists(st.tuples(NAMES, VALUES), max_size=6))
def test_any_values_are_a_simulation_that_can_be_held_or_a_clear_error(options: list[tuple[str, object]]) -> None:
    with suppress(SourceError):
        simulation = parse_sim("sim:?" + "&".join(f"{name}={value}" for name, value in options))
        height, width = simulation.specimen_size
        assert height >= simulation.height >= 64
        assert width >= simulation.width >= 64
        assert height * width <= 2e8
        assert 0 < simulation.freeze_frames < (simulation.freeze_every or float("inf"))
