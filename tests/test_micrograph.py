import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from nanotally.errors import MicrographError
from nanotally.micrograph import image_size, list_micrographs, read_micrograph
from nanotally.micrograph.pixels import to_uint8
from nanotally.opencv import cv2

RAMP = np.tile(np.arange(256, dtype=np.uint8), (64, 1))


def write_tiff(path: Path, pixels: NDArray[Any], **options: Any) -> Path:
    tifffile.imwrite(path, pixels, metadata=None, **options)
    return path


def text_tag(code: int, text: str) -> tuple[int, str, int, bytes, bool]:
    return (code, "s", 0, text.encode("cp1252"), True)


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


def test_sixteen_bit_png(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(cv2.imencode(".png", RAMP.astype(np.uint16) * 257)[1].tobytes())
    micrograph = read_micrograph(tmp_path / "a.png")
    assert micrograph.window == (0, 65535)
    np.testing.assert_array_equal(micrograph.image, RAMP)


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


# Vendors

FEI = """[Beam]\r\nHV=10000\r\nBeam=EBeam\r\n[System]\r\nSystemType=Nova\r\n[Scan]\r\nPixelWidth=4e-09\r\n
PixelHeight=5e-09\r\n[Image]\r\nResolutionX=256\r\nResolutionY=50\r\n[PrivateFei]\r\nDatabarHeight=0\r\n"""

ZEISS = """0\r\n0\r\n0\r\n2.937500e-008\r\nDP_SEM\r\nSem = Auriga\r\nDP_IMAGE_STORE\r\nStore resolution = 256 * 64\r\n
AP_PIXEL_SIZE\r\nPixel Size = 99.9 nm\r\nAP_IMAGE_PIXEL_SIZE\r\nImage Pixel Size = 117.5 nm\r\n"""

JEOL = """$SEM_DATA_VERSION 1\r\n$CM_INSTRUMENT 7600F\r\n$CM_ACCEL_VOLT 1.00\r\n$CM_FULL_SIZE 256 50\r\n
$$SM_MICRON_BAR 50\r\n$$SM_MICRON_MARKER 100nm\r\n"""

HITACHI = """[SemImageFile]\r\nInstructName=TM4000\r\nImageName=タンポポ.tif\r\nDataSize=256x64\r\nPixelSize=82.5\r\n"""


def test_thermo_fisher(tmp_path: Path) -> None:
    micrograph = read_micrograph(write_tiff(tmp_path / "a.tif", RAMP, extratags=[text_tag(34682, FEI)]))
    assert micrograph.nm_per_px == pytest.approx((4, 5))
    assert (micrograph.pixel_size_from, micrograph.confidence) == ("thermofisher tag 34682", "stated")
    assert (micrograph.field, micrograph.databar_from) == ((0, 0, 256, 50), "metadata")
    assert micrograph.metadata == {"instrument": "Nova", "accelerating_voltage": "10 kV"}


def test_thermo_fisher_by_field_of_view(tmp_path: Path) -> None:
    text = FEI.replace("PixelWidth=4e-09", "HorFieldsize=2.56e-6")
    micrograph = read_micrograph(write_tiff(tmp_path / "a.tif", RAMP, extratags=[text_tag(34682, text)]))
    assert micrograph.nm_per_px == pytest.approx((10, 10))
    assert micrograph.confidence == "derived"


def test_thermo_fisher_databar_height_serves_where_the_scan_size_is_missing(tmp_path: Path) -> None:
    text = FEI.replace("ResolutionY=50", "").replace("DatabarHeight=0", "DatabarHeight=9")
    micrograph = read_micrograph(write_tiff(tmp_path / "a.tif", RAMP, extratags=[text_tag(34682, text)]))
    assert (micrograph.field, micrograph.databar_from) == ((0, 0, 256, 55), "metadata")


def test_zeiss_takes_the_image_pixel_with_the_digits_of_the_block(tmp_path: Path) -> None:
    micrograph = read_micrograph(write_tiff(tmp_path / "a.tif", RAMP, extratags=[text_tag(34118, ZEISS)]))
    assert micrograph.nm_per_px == pytest.approx((117.5, 117.5), rel=1e-9)
    assert micrograph.pixel_size_from == "zeiss tag 34118"
    assert micrograph.metadata == {"instrument": "Auriga"}


@pytest.mark.parametrize(("text", "nm"), [("117.6 nm", 117.5), ("0.2 µm", 200), ("500 pm", 0.5), ("3 parsec", None)])
def test_zeiss_units_and_a_block_that_disagrees(tmp_path: Path, text: str, nm: float | None) -> None:
    tag = text_tag(34118, ZEISS.replace("117.5 nm", text))
    found = read_micrograph(write_tiff(tmp_path / "a.tif", RAMP, extratags=[tag])).nm_per_px
    assert found == (pytest.approx((nm, nm)) if nm else None)


def test_jeol(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "a.tif", RAMP)
    path.with_suffix(".txt").write_text(JEOL, newline="")
    micrograph = read_micrograph(path)
    assert micrograph.nm_per_px == (2, 2)
    assert (micrograph.pixel_size_from, micrograph.confidence) == ("jeol sidecar", "derived")
    assert (micrograph.field, micrograph.databar_from) == ((0, 0, 256, 50), "metadata")


@pytest.mark.parametrize(("marker", "nm"), [("10µm", 200), ("1um", 20), ("1 mm", 20_000), ("far", None), ("0nm", None)])
def test_jeol_markers(tmp_path: Path, marker: str, nm: float | None) -> None:
    path = write_tiff(tmp_path / "a.tif", RAMP)
    path.with_suffix(".TXT").write_bytes(JEOL.replace("100nm", marker).encode("latin-1"))
    assert read_micrograph(path).nm_per_px == ((nm, nm) if nm else None)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8", "shift-jis"])
def test_hitachi(tmp_path: Path, encoding: str) -> None:
    path = write_tiff(tmp_path / "a.tif", RAMP)
    path.with_suffix(".txt").write_bytes(HITACHI.encode(encoding))
    micrograph = read_micrograph(path)
    assert micrograph.nm_per_px == (82.5, 82.5)
    assert (micrograph.pixel_size_from, micrograph.confidence) == ("hitachi sidecar", "stated")
    assert micrograph.databar_from is None


def test_a_label_file_beside_the_image_is_no_sidecar(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "a.tif", RAMP)
    path.with_suffix(".txt").write_text("0 0.5 0.5 0.1 0.1\n")
    micrograph = read_micrograph(path)
    assert micrograph.nm_per_px is None
    assert micrograph.pixel_size_from is None


def test_a_resized_image_has_no_pixel_size(tmp_path: Path) -> None:
    """Metadata that survives a resize is the most common way to wrong nanometres."""
    half = cv2.resize(RAMP, None, fx=0.5, fy=0.5)
    micrograph = read_micrograph(write_tiff(tmp_path / "a.tif", half, extratags=[text_tag(34682, FEI)]))
    assert micrograph.nm_per_px is None
    assert micrograph.confidence is None
    assert micrograph.field == (0, 0, 128, 32)
    assert "128 px wide, thermofisher tag 34682 says 256" in micrograph.warnings[0]


@pytest.mark.real
@pytest.mark.parametrize(
    ("name", "nm", "source", "specimen_rows", "databar_from"),
    [
        ("thermofisher/2_cal_2.tif", 4.13411, "thermofisher tag 34682", 1103 - 79, "metadata"),
        ("thermofisher/blobs.tif", 26.9792, "thermofisher tag 34682", 1024, "metadata"),
        ("zeiss/Sample 1 04.tif", 42.46117, "zeiss tag 34118", 686, "pixels"),
        ("jeol/JEOL SEM - etched sidewall 01.tif", 100 / 53, "jeol sidecar", 960, "metadata"),
        ("hitachi/TM4000_x1.2k.tif", 82.68229, "hitachi sidecar", 901, "pixels"),
    ],
)
def test_real_vendor_files(
    shared_data: Path, *, name: str, nm: float, source: str, specimen_rows: int, databar_from: str
) -> None:
    micrograph = read_micrograph(shared_data / "vendor" / name)
    assert micrograph.nm_per_px == pytest.approx((nm, nm), rel=1e-6)
    assert micrograph.pixel_size_from == source
    assert micrograph.field == (0, 0, micrograph.image.shape[1], specimen_rows)
    assert micrograph.databar_from == databar_from
    assert micrograph.window == (0, 65535 if "blobs" in name else 255)
    assert micrograph.warnings == ()
    assert micrograph.metadata["instrument"]
