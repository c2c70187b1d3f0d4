from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from nanotally.trainer.evaluation.svg import MOST_POINTS, Axis, Line, axis_over, plot


def drawn(*lines: Line) -> ET.Element:
    return ET.fromstring(plot("a < b", lines, Axis("x & y"), Axis("y")))


def test_a_plot_is_well_formed_and_says_its_names() -> None:
    page = drawn(Line("cube > 1", [0, 1], [0, 1], "#000"), Line("", [0, 1], [1, 0], "#000"))
    texts = [text.text for text in page.iter("text")]
    assert page.findtext("title") == "a < b"
    assert {"x & y", "y", "cube > 1", "0.2"} <= set(texts)
    assert len(list(page.iter("polyline"))) == 2


def test_what_is_not_finite_is_left_out_and_long_lines_are_thinned() -> None:
    page = drawn(Line("a", [0.0, 0.5, 1.0], [float("nan"), 0.5, 1.0], "#000", dots=True, notes=["x", "y", "z"]))
    assert [dot.findtext("title") for dot in page.iter("circle")] == ["y", "z"]
    many = [i / 9999 for i in range(10_000)]
    (line,) = drawn(Line("a", many, many, "#000")).iter("polyline")
    points = (line.get("points") or "").split()
    assert len(points) == MOST_POINTS
    (first,) = drawn(Line("a", [0], [0], "#000")).iter("polyline")
    assert points[0] == first.get("points")


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (10_000, 200_000, [50_000, 100_000, 150_000, 200_000]),
        (3, 3, [2, 2.5, 3, 3.5, 4]),
    ],
)
def test_ticks_are_round(low: float, high: float, ticks: list[float]) -> None:
    assert axis_over("x", [low, high]).ticks() == pytest.approx(ticks)
