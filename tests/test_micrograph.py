import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from micrograph_files import RAMP, write_tiff

from nanotally.errors import MicrographError
from nanotally.micrograph import image_size, list_micrographs, read_micrograph
from nanotally.micrograph.pixels import to_uint8
from nanotally.opencv import cv2

# Pixels


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif"])
def test_formats_agree_and_names_may_be_of_any_script(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"Würfel 立方体 µm{suffix}"
    path.write_bytes(cv2.imencode(suffix, RAMP)[1].tobytes())
    micrograph = read_micrograph(path)
    np.testing.assert_array_equal(micrograph.image, RAMP)
    assert micrograph.window == (0, 255)
    assert micrograph.field == (0, 0, 256, 64)
    assert image_size(path) == (256, 64)


def test_jpeg_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(cv2.imencode(".jpg", RAMP)[1].tobytes())
    assert np.abs(read_micrograph(tmp_path / "a.jpg").image.astype(int) - RAMP).max() < 8


def test_a_suffix_that_lies_does_no_harm(tmp_path: Path) -> None:
    write_tiff(tmp_path / "a.tif", RAMP).rename(tmp_path / "a.png")
    np.testing.assert_array_equal(read_micrograph(tmp_path / "a.png").image, RAMP)


@pytest.mark.parametrize(
    "options",
    [
        {"compression": "lzw"},
        {"compression": "zlib"},
        {"compression": "zlib", "predictor": True},
        {"compression": "packbits"},
        {"compression": "zstd"},
        {"tile": (32, 48)},
        {"rowsperstrip": 7},
        {"byteorder": ">"},
        {"bigtiff": True},
        {"photometric": "miniswhite"},
        {"photometric": "palette", "colormap": np.tile(np.arange(256, dtype=np.uint16) * 257, (3, 1))},
    ],
)
def test_grey_tiffs_are_read_as_they_are_meant(tmp_path: Path, options: dict[str, Any]) -> None:
    stored = 255 - RAMP if options.get("photometric") == "miniswhite" else RAMP
    np.testing.assert_array_equal(read_micrograph(write_tiff(tmp_path / "a.tif", stored, **options)).image, RAMP)


@pytest.mark.parametrize("planes", ["contig", "separate"])
def test_colours_become_their_luma(tmp_path: Path, planes: str) -> None:
    colour = np.zeros((20, 30, 3), np.uint8)
    colour[:] = (200, 100, 50)
    pixels = colour if planes == "contig" else np.moveaxis(colour, -1, 0)
    path = write_tiff(tmp_path / "a.tif", pixels, photometric="rgb", planarconfig=planes)
    assert np.unique(read_micrograph(path).image).tolist() == [round(0.299 * 200 + 0.587 * 100 + 0.114 * 50)]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [3, 4])
def test_grey_saved_as_colour_is_the_same_grey(tmp_path: Path, dtype: type, channels: int) -> None:
    grey = RAMP.astype(dtype) * (257 if dtype is np.uint16 else 1)
    colour = np.stack([grey] * 3 + [np.full_like(grey, 7)] * (channels - 3), axis=-1)
    path = write_tiff(tmp_path / "a.tif", colour, photometric="rgb", extrasamples=["unassalpha"] * (channels - 3))
    np.testing.assert_array_equal(read_micrograph(path).image, RAMP)


def test_colours_drawn_over_grey_leave_the_rest_as_it_was(tmp_path: Path) -> None:
    colour = np.stack([RAMP] * 3, axis=-1)
    cv2.line(colour, (0, 32), (255, 32), (255, 220, 0), 1)
    image = read_micrograph(write_tiff(tmp_path / "a.tif", colour, photometric="rgb")).image
    np.testing.assert_array_equal(np.delete(image, 32, axis=0), np.delete(RAMP, 32, axis=0))


@pytest.mark.parametrize("shape", [(1, 1), (1, 977), (613, 1), (7, 13), (481, 639)])
def test_odd_sizes(tmp_path: Path, shape: tuple[int, int]) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, shape, np.uint8)
    for compression in (None, "lzw"):
        micrograph = read_micrograph(write_tiff(tmp_path / "a.tif", pixels, compression=compression))
        np.testing.assert_array_equal(micrograph.image, pixels)
        assert micrograph.field == (0, 0, shape[1], shape[0])


def test_one_bit(tmp_path: Path) -> None:
    pixels = RAMP > 100
    for name, stored in (("minisblack", pixels), ("miniswhite", ~pixels)):
        path = write_tiff(tmp_path / "a.tif", stored, photometric=name)
        np.testing.assert_array_equal(read_micrograph(path).image, pixels * np.uint8(255))


def test_the_first_page_counts(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "a.tif", np.stack([RAMP, 255 - RAMP]), photometric="minisblack")
    np.testing.assert_array_equal(read_micrograph(path).image, RAMP)


def test_sixteen_bits_are_mapped_by_a_fixed_window(tmp_path: Path) -> None:
    """Two frames with one grey level in common show it alike, whatever else is in them."""
    dark = np.full((8, 8), 5000, np.uint16)
    bright = dark.copy()
    bright[0, 0] = 65535
    levels = [
        read_micrograph(write_tiff(tmp_path / f"{i}.tif", pixels)).image[4, 4]
        for i, pixels in enumerate((dark, bright))
    ]
    assert levels[0] == levels[1] == round(5000 / 257)


def test_a_stated_bit_depth_is_the_window(tmp_path: Path) -> None:
    pixels = np.full((8, 8), 4095, np.uint16)
    path = write_tiff(tmp_path / "a.tif", pixels, extratags=[(281, "H", 1, 4095, True)])
    micrograph = read_micrograph(path)
    assert micrograph.window == (0, 4095)
    assert micrograph.image.max() == 255
    # The brightest pixel of a frame is not a bit depth.
    path = write_tiff(tmp_path / "b.tif", pixels, extratags=[(281, "H", 1, 4000, True)])
    assert read_micrograph(path).window == (0, 65535)


def test_twelve_bits_in_sixteen_are_told(tmp_path: Path) -> None:
    """The window stays what it is: a window that follows the frame would make one of it that follows nothing."""
    micrograph = read_micrograph(write_tiff(tmp_path / "a.tif", np.full((8, 8), 4095, np.uint16)))
    assert micrograph.window == (0, 65535)
    assert micrograph.warnings == ("no pixel is above 4095 of 65535, the picture is nearly black: save it with 8 bits",)
    assert read_micrograph(write_tiff(tmp_path / "b.tif", np.full((8, 8), 4096, np.uint16))).warnings == ()


def test_sixteen_bit_png(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(cv2.imencode(".png", RAMP.astype(np.uint16) * 257)[1].tobytes())
    micrograph = read_micrograph(tmp_path / "a.png")
    assert micrograph.window == (0, 65535)
    np.testing.assert_array_equal(micrograph.image, RAMP)


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.uint32, np.float64])
def test_what_has_no_white_is_refused(tmp_path: Path, dtype: type) -> None:
    path = write_tiff(tmp_path / "a.tif", np.arange(64, dtype=dtype).reshape(8, 8))
    with pytest.raises(MicrographError, match="save it with 8 or 16 bits"):
        read_micrograph(path)
    assert read_micrograph(path, window=(0, 63)).image.max() == 255


def test_floats_need_a_window(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "a.tif", np.linspace(-1, 1, 64, dtype=np.float32).reshape(8, 8))
    with pytest.raises(MicrographError, match="float32"):
        read_micrograph(path)
    image = read_micrograph(path, window=(-1, 1)).image
    assert (image.min(), image.max()) == (0, 255)
    with pytest.raises(MicrographError, match="black must be below white"):
        read_micrograph(path, window=(1, 1))


@given(
    level=st.integers(0, 65535), black=st.integers(0, 65534), span=st.integers(1, 65535), other=st.integers(0, 65535)
)
def test_a_window_keeps_order_and_fills_the_range(level: int, black: int, span: int, other: int) -> None:
    pixels = np.array([[level, other, black, min(black + span, 65535)]], np.uint16)
    a, b, lowest, highest = to_uint8(pixels, (black, black + span))[0].astype(int)
    assert (a <= b) if level <= other else (a >= b)
    assert lowest == 0
    assert highest == 255 or black + span > 65535


# Files that are none


def png_of(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


def tiff_bytes(tmp_path: Path, **options: Any) -> bytes:
    return write_tiff(tmp_path / "whole.tif", RAMP, **options).read_bytes()


def broken_files(tmp_path: Path) -> dict[str, bytes]:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)
    png, jpg, bmp = (cv2.imencode(suffix, noise)[1].tobytes() for suffix in (".png", ".jpg", ".bmp"))
    return {
        "empty.png": b"",
        "empty.tif": b"",
        "text.png": b"this is not an image\n",
        "cut.png": png[: len(png) // 2],
        "flipped.png": png[:1000] + bytes(200) + png[1200:],
        "huge.png": png_of(200_000, 200_000),
        "cut.jpg": jpg[: len(jpg) // 2],
        "cut.bmp": bmp[: len(bmp) // 2],
        "head.tif": b"II*\0\x08\0\0\0",
        "noise.tif": b"II*\0\x08\0\0\0" + noise.tobytes(),
        "cut.tif": tiff_bytes(tmp_path)[:5000],
        "cut-lzw.tif": tiff_bytes(tmp_path, compression="lzw")[:-50],
    }


def test_what_is_not_an_image_is_one_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for name, data in broken_files(tmp_path).items():
        path = tmp_path / name
        path.write_bytes(data)
        with pytest.raises(MicrographError) as caught:
            read_micrograph(path)
        message = str(caught.value)
        assert message.startswith(f"{path}: cannot be read as an image (")
        assert "\n" not in message
    assert capfd.readouterr() == ("", "")


def test_a_missing_file_and_a_folder_are_no_images(tmp_path: Path) -> None:
    for read in (read_micrograph, image_size):
        with pytest.raises(MicrographError, match="No such file"):
            read(tmp_path / "a.png")
        with pytest.raises(MicrographError, match="Is a directory"):
            read(tmp_path)


# Folders


def test_a_folder_is_listed_in_natural_order_without_the_rest(tmp_path: Path) -> None:
    for name in ("f10.tif", "f9.TIF", "F1.png", "f9.txt", "._f9.tif", "notes.md", "2.jpeg"):
        (tmp_path / name).touch()
    (tmp_path / "folder.tif").mkdir()
    assert [path.name for path in list_micrographs(tmp_path)] == ["2.jpeg", "F1.png", "f9.TIF", "f10.tif"]
    assert list_micrographs(tmp_path / "f9.TIF") == [tmp_path / "f9.TIF"]


def test_an_empty_folder_and_a_missing_one_are_errors(tmp_path: Path) -> None:
    (tmp_path / "notes.md").touch()
    with pytest.raises(MicrographError, match="no micrograph in this folder"):
        list_micrographs(tmp_path)
    with pytest.raises(MicrographError, match="no such file or folder"):
        list_micrographs(tmp_path / "nowhere")
