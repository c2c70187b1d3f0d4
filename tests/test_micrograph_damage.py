"""Any bytes in any place: a picture with or without a pixel size, or a MicrographError. Never a wrong pixel size."""

import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from micrograph_files import (
    FEI,
    FEI_XML,
    GATAN,
    HITACHI,
    JEOL,
    OME,
    PHENOM,
    TESCAN_MAIN,
    VENDOR_FILES,
    XMP,
    ZEISS,
    VendorFile,
    byte_tag,
    picture,
    tescan_tag,
    text_tag,
    with_tags,
    write_jpeg,
    write_tiff,
)

from nanotally.errors import MicrographError
from nanotally.micrograph import Micrograph, read_micrograph

TAGS = (
    34680,
    34682,
    34683,
    34118,
    50431,
    40092,
    700,
    33471,
    33560,
    65003,
    65004,
    65009,
    65010,
    270,
    305,
    282,
    283,
    296,
)
SIDECARS = (".txt", "-tif.hdr", ".hdr")
TEXTS = [text.encode() for text in (FEI, FEI_XML, PHENOM, ZEISS, TESCAN_MAIN, JEOL, HITACHI, XMP, OME)]
SMALL = picture()[::4, ::4]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("damage")


def read_or_refuse(path: Path) -> Micrograph | None:
    try:
        micrograph = read_micrograph(path)
    except MicrographError:
        return None
    assert not any("\n" in warning for warning in micrograph.warnings)
    return micrograph


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Noise, or real metadata with a stretch of it replaced by noise, or cut."""
    text = draw(st.sampled_from([b"", tescan_tag(), *TEXTS]))
    begin = draw(st.integers(0, len(text)))
    end = draw(st.integers(begin, len(text)))
    return text[:begin] + draw(st.binary(max_size=40)) + text[end:]


@given(data=damaged(), ending=st.sampled_from(SIDECARS))
def test_any_bytes_as_a_sidecar(folder: Path, data: bytes, ending: str) -> None:
    path = folder / "sidecar.tif"
    for other in SIDECARS:
        path.with_name(path.stem + other).unlink(missing_ok=True)
    path.with_name(path.stem + ending).write_bytes(data)
    assert read_or_refuse(write_tiff(path, SMALL)) is not None


@settings(max_examples=300)
@given(code=st.sampled_from(TAGS), kind=st.sampled_from("BsHId"), data=damaged().filter(bool))
def test_any_bytes_as_a_tag(folder: Path, code: int, kind: str, data: bytes) -> None:
    if kind in "Bs":
        tag = (code, kind, len(data) if kind == "B" else 0, data, True)
    else:
        width = struct.calcsize(kind)
        data = data + bytes(-len(data) % width)
        count = len(data) // width
        tag = (code, kind, count, struct.unpack(f"<{count}{kind}", data), True)
    assert read_or_refuse(write_tiff(folder / "tag.tif", SMALL, extratags=[tag])) is not None


@given(data=damaged())
def test_any_bytes_in_a_jpeg(folder: Path, data: bytes) -> None:
    assert read_or_refuse(write_jpeg(folder / "a.jpg", SMALL, segment=data)) is not None


@settings(max_examples=60)
@given(vendor=st.sampled_from(list(VENDOR_FILES.values())), share=st.floats(0, 1))
def test_a_file_that_ends_early(folder: Path, vendor: VendorFile, share: float) -> None:
    """As it does while it is being written, or after a transfer that broke off."""
    path = vendor.write(folder / f"cut{vendor.suffix}", picture())
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    micrograph = read_or_refuse(path)
    assert micrograph is None or micrograph.nm_per_px in (None, pytest.approx(vendor.nm_per_px))
    for sidecar in (*folder.glob("cut*.txt"), *folder.glob("cut*.hdr")):
        sidecar.unlink()


@pytest.mark.parametrize("name", ["jeol", "hitachi", "tescan-sidecar"])
def test_a_sidecar_that_ends_early(tmp_path: Path, name: str) -> None:
    """`PixelSize=82.5` is for a moment `PixelSize=8`: at every length, the right pixel size or none."""
    vendor = VENDOR_FILES[name]
    path = vendor.write(tmp_path / "a.tif", picture()[-100:])
    (sidecar,) = [file for file in tmp_path.iterdir() if file != path]
    data = sidecar.read_bytes()
    found = set()
    for end in range(len(data) + 1):
        sidecar.write_bytes(data[:end])
        found.add(read_micrograph(path).nm_per_px)
    assert None in found
    assert list(found - {None}) == [pytest.approx(vendor.nm_per_px)]


@settings(max_examples=60)
@given(position=st.floats(0, 1), new=st.binary(min_size=1, max_size=8))
def test_damage_anywhere_in_a_tiff(folder: Path, position: float, new: bytes) -> None:
    tags = (text_tag(34682, FEI), text_tag(34118, ZEISS), byte_tag(50431, tescan_tag()), *GATAN)
    path = with_tags(*tags, description=OME)(folder / "hit.tif", SMALL)
    data = bytearray(path.read_bytes())
    begin = int(position * (len(data) - len(new)))
    data[begin : begin + len(new)] = new
    path.write_bytes(data)
    read_or_refuse(path)


def test_xml_that_means_harm(tmp_path: Path) -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>' + PHENOM.partition("?>")[2].replace(
        "ProX", "&b;"
    )
    for code, text in ((34683, bomb), (700, bomb + "point electronic DISS"), (270, bomb + "</OME>")):
        path = write_tiff(tmp_path / f"{code}.tif", SMALL, extratags=[text_tag(code, text)])
        assert read_micrograph(path).metadata == {}


def test_a_sidecar_without_end_is_not_read_to_its_end(tmp_path: Path) -> None:
    with (tmp_path / "a.txt").open("wb") as file:
        file.write(HITACHI.replace("256x200", "64x50").encode())
        file.truncate(1 << 40)
    assert read_micrograph(write_tiff(tmp_path / "a.tif", SMALL)).nm_per_px == (82.5, 82.5)
