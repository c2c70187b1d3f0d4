"""The report: what it says, that it needs nothing else, and that its drawings are right."""

import math
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from analysed import draw_discs, result_of, run_of
from hypothesis import given
from hypothesis import strategies as st

from nanotally.measure.statistics import size_distribution
from nanotally.results import Output
from nanotally.results.histogram import bins_of, histogram
from nanotally.results.report import MOST_PICTURES


class Page(HTMLParser):
    """Cells of every table, addresses, pictures, and tags that were not closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.addresses: list[str] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in ("meta", "img"):
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_data(self, data: str) -> None:
        if self.rows and {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data


def report(tmp_path: Path, *, images: int = 1, nm_per_px: float | None = 2.5, faults: tuple[str, ...] = ()) -> str:
    result = result_of(draw_discs(tmp_path / "discs.png"), nm_per_px=nm_per_px)
    with Output(tmp_path / "out", run_of(images), ["html"]) as output:
        for number in range(images):
            output.add(replace(result, name=f"<{number}>.png"))
        output.faults.extend(faults)
    return (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_report_says_what_was_found_where_and_how(tmp_path: Path) -> None:
    text = report(tmp_path, images=2, faults=("x.tif: cannot be read",))
    page = Page(text)
    assert page.open == []
    assert "<h1>12 particles in 2 images</h1>" in text
    assert "Not read: x.tif: cannot be read" in text
    rows = {row[0]: row[1:] for row in page.rows}
    sizes = np.array([22, 28, 18, 30, 25.5] * 2) * 5
    assert rows["size"] == ["edge length", "equivalent circular diameter"]
    assert rows["particles measured"] == ["0 of 2", "10 of 10"]
    assert rows["D50 (median), nm"][0] == "–"
    assert float(rows["D50 (median), nm"][1]) == pytest.approx(np.median(sizes), rel=0.03)
    assert float(rows["geometric standard deviation σg"][1]) == pytest.approx(
        math.exp(np.log(sizes).std(ddof=1)), rel=0.03
    )
    first = rows["<0>.png"]
    assert first[:2] == ["6", "1"]
    assert first[3] == "5"
    assert first[7:] == ["2.5", "config", ""]
    assert rows["sha256 of its network"] == ["ab" * 32]
    assert rows["command"] == ["nanotally detect 'a <b>.png'"]


def test_report_needs_nothing_from_anywhere(tmp_path: Path) -> None:
    text = report(tmp_path)
    assert all(address.startswith("data:image/jpeg;base64,") for address in Page(text).addresses)
    assert "<script" not in text
    assert "default-src 'none'" in text
    assert not re.search(r"https?://|@import|url\(", text)


def test_without_a_pixel_size_there_is_no_distribution_and_the_report_says_so(tmp_path: Path) -> None:
    text = report(tmp_path, nm_per_px=None)
    assert "Size distribution" not in text
    assert "The pixel size of 1 of 1 images is not known" in text
    assert "unknown" in {cell for row in Page(text).rows for cell in row}


@pytest.mark.parametrize("images", [1, MOST_PICTURES, MOST_PICTURES + 1, 3 * MOST_PICTURES])
def test_pictures_are_spread_over_the_images_and_no_more_than_so_many(tmp_path: Path, images: int) -> None:
    text = report(tmp_path, images=images)
    shown = [int(n) for n in re.findall(r"<figcaption>&lt;(\d+)&gt;", text)]
    assert min(images, MOST_PICTURES // 2) <= len(shown) <= MOST_PICTURES
    assert set(np.diff(shown)) <= {math.ceil(images / MOST_PICTURES)}
    assert shown[-1] >= images - math.ceil(images / MOST_PICTURES)
    assert len([row for row in Page(text).rows if row[0].startswith("<")]) == images


@given(
    size=st.lists(st.floats(0.5, 5000, width=32), min_size=1, max_size=60),
    spread=st.sampled_from([0.0, 0.01, 0.3, 1.0]),
)
def test_every_particle_is_in_a_bin_and_the_drawing_stays_in_its_frame(size: list[float], spread: float) -> None:
    size_nm = (np.array(size) ** spread * 20).astype(np.float32)
    own = size_distribution(size_nm)
    bins = bins_of(size_nm)
    assert bins.counts.sum() == len(size_nm)
    assert 1 <= len(bins.counts) <= 50
    assert (np.diff(bins.edges) > 0).all()
    svg = ET.fromstring(histogram("a<b", size_nm, own, "#0072B2"))
    for element in svg.iter():
        for name in ("x", "x1", "x2"):
            assert 0 <= float(element.get(name, "0")) <= 540
        for name in ("y", "y1", "y2", "height"):
            assert 0 <= float(element.get(name, "0")) <= 350
    points = svg.find("polyline")
    if points is not None:
        assert all(0 <= float(v.split(",")[1]) <= 350 for v in points.get("points", "").split())


def test_wide_distributions_have_a_logarithmic_axis() -> None:
    rng = np.random.default_rng(3)
    for sigma_g, logarithmic in ((1.1, False), (2.5, True)):
        size_nm = (50 * sigma_g ** rng.normal(size=500)).astype(np.float32)
        assert bins_of(size_nm).logarithmic == logarithmic
