"""A PNG tells the pixel size that it was written with, and none where that can no longer be true."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from nanotally.errors import MicrographError
from nanotally.micrograph import read_micrograph, with_pixel_size
from nanotally.micrograph.facts import COARSEST_NM, FINEST_NM
from nanotally.opencv import cv2

PICTURE = np.random.default_rng(3).integers(0, 255, (48, 64), np.uint8)


def png_of(picture: np.ndarray = PICTURE) -> bytes:
    return cv2.imencode(".png", picture)[1].tobytes()


@settings(max_examples=30)
@given(st.floats(FINEST_NM, COARSEST_NM), st.floats(1.0, 1.4))
def test_what_was_written_is_read_to_the_last_digit(
    tmp_path_factory: pytest.TempPathFactory, x_nm: float, ratio: float
) -> None:
    file = tmp_path_factory.getbasetemp() / "a.png"
    nm_per_px = (x_nm, min(x_nm * ratio, COARSEST_NM))
    file.write_bytes(with_pixel_size(png_of(), nm_per_px))
    read = read_micrograph(file)
    assert (read.nm_per_px, read.pixel_size_from, read.confidence) == (nm_per_px, "png text", "stated")
    np.testing.assert_array_equal(read.image, PICTURE)


def test_other_programs_are_told_pixels_a_metre(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(with_pixel_size(png_of(), (2.0, 2.5)))
    with Image.open(tmp_path / "a.png") as image:
        np.testing.assert_array_equal(np.asarray(image), PICTURE)
        assert [round(each / 0.0254) for each in image.info["dpi"]] == [500_000_000, 400_000_000]
        assert json.loads(image.info["nanotally"]) == {"nm_per_px": [2.0, 2.5], "size_px": [64, 48]}
    (tmp_path / "fine.png").write_bytes(with_pixel_size(png_of(), (0.1, 0.1)))  # no number of PNG holds so many
    with Image.open(tmp_path / "fine.png") as image:
        assert "dpi" not in image.info
    assert read_micrograph(tmp_path / "fine.png").nm_per_px == (0.1, 0.1)


def test_a_setting_for_print_is_no_pixel_size(tmp_path: Path) -> None:
    Image.fromarray(PICTURE).save(tmp_path / "a.png", dpi=(300, 300))
    read = read_micrograph(tmp_path / "a.png")
    assert (read.nm_per_px, read.warnings) == (None, ())


@pytest.mark.parametrize(("size", "known"), [((32, 24), False), ((64, 40), True)])
def test_a_picture_that_was_resized_since_has_none_and_one_without_its_lowest_rows_has(
    tmp_path: Path, size: tuple[int, int], known: bool
) -> None:
    """As an editor does that keeps what it finds."""
    text = PngImagePlugin.PngInfo()
    text.add_text("nanotally", '{"nm_per_px": [2, 2], "size_px": [64, 48]}')
    Image.fromarray(PICTURE[: size[1], : size[0]]).save(tmp_path / "a.png", pnginfo=text)
    read = read_micrograph(tmp_path / "a.png")
    assert (read.nm_per_px is not None) is known
    assert any("resized or cut since" in warning for warning in read.warnings) is not known


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "3",
        '{"nm_per_px": [2, 2]}',
        '{"nm_per_px": [2], "size_px": [64, 48]}',
        '{"nm_per_px": [0, 2], "size_px": [64, 48]}',
    ],
)
def test_a_text_that_makes_no_sense_costs_the_pixel_size_only(tmp_path: Path, text: str) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("nanotally", text)
    Image.fromarray(PICTURE).save(tmp_path / "a.png", pnginfo=info)
    read = read_micrograph(tmp_path / "a.png")
    assert read.nm_per_px is None
    assert len(read.warnings) == 1
    np.testing.assert_array_equal(read.image, PICTURE)


@settings(max_examples=40)
@given(st.integers(8, 200), st.integers(0, 255))
def test_a_damaged_byte_never_gives_another_pixel_size(
    tmp_path_factory: pytest.TempPathFactory, place: int, value: int
) -> None:
    file = tmp_path_factory.getbasetemp() / "damaged.png"
    png = bytearray(with_pixel_size(png_of(), (2.0, 2.0)))
    png[place] = value
    file.write_bytes(bytes(png))
    with suppress(MicrographError):
        assert read_micrograph(file).nm_per_px in (None, (2.0, 2.0))
