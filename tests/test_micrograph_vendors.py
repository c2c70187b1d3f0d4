"""Pixel size and databar of every vendor: from real files where there are some, else from ones of the same shape."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from micrograph_files import (
    BAR_ROWS,
    FEI,
    FEI_XML,
    GATAN,
    HITACHI,
    JEOL,
    OME,
    PHENOM,
    RAMP,
    TESCAN_MAIN,
    VENDOR_FILES,
    XMP,
    ZEISS,
    Image,
    VendorFile,
    byte_tag,
    picture,
    tescan_tag,
    text_tag,
    with_sidecar,
    with_tags,
    write_jpeg,
    write_olympus,
    write_tiff,
)

from nanotally.micrograph import Micrograph, read_micrograph
from nanotally.micrograph.micrograph import VENDORS
from nanotally.opencv import cv2


def refusal(micrograph: Micrograph) -> str:
    """Why a picture has no pixel size, on one line."""
    assert micrograph.nm_per_px is None
    assert micrograph.pixel_size_from is None
    assert micrograph.confidence is None
    reasons = [warning for warning in micrograph.warnings if warning.startswith("no pixel size is used: ")]
    assert reasons
    assert not any("\n" in reason for reason in reasons)
    return "; ".join(reasons)


def resized(image: Image, scale: float) -> Image:
    smooth = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=smooth), np.uint8)


# All of them


@pytest.mark.parametrize("vendor", VENDOR_FILES.values(), ids=VENDOR_FILES)
def test_every_vendor(tmp_path: Path, vendor: VendorFile) -> None:
    micrograph = read_micrograph(vendor.write(tmp_path / f"a{vendor.suffix}", picture()))
    assert micrograph.nm_per_px == pytest.approx(vendor.nm_per_px, rel=1e-9)
    assert micrograph.pixel_size_from == vendor.source
    assert micrograph.databar_from == vendor.databar_from
    assert micrograph.field == (0, 0, 256, 200 - BAR_ROWS)
    assert micrograph.warnings == ()


def test_no_source_is_without_a_test(tmp_path: Path) -> None:
    asked = set()
    for name, vendor in VENDOR_FILES.items():
        path = vendor.write(tmp_path / f"{name}.tif", picture())
        if vendor.suffix == ".tif":
            with tifffile.TiffFile(path) as tiff:
                asked |= {source for source, read in VENDORS.items() if read(path, tiff) is not None}
    assert asked | {"png text"} == set(VENDORS)  # tests/test_micrograph_png.py


@pytest.mark.parametrize("scale", [0.5, 0.75, 2])
@pytest.mark.parametrize("vendor", [v for v in VENDOR_FILES.values() if v.knows_size], ids=lambda v: v.source)
def test_a_resized_picture_has_no_pixel_size(tmp_path: Path, vendor: VendorFile, scale: float) -> None:
    """Metadata that survives a resize is the most common way to wrong nanometres."""
    micrograph = read_micrograph(vendor.write(tmp_path / f"a{vendor.suffix}", resized(picture(), scale)))
    assert "resized" in refusal(micrograph)
    assert micrograph.field[3] == pytest.approx(160 * scale, abs=2)


@pytest.mark.parametrize("vendor", VENDOR_FILES.values(), ids=VENDOR_FILES)
def test_a_databar_that_was_cut_off_takes_no_specimen_with_it(tmp_path: Path, vendor: VendorFile) -> None:
    micrograph = read_micrograph(vendor.write(tmp_path / f"a{vendor.suffix}", picture(bar_rows=0)[:160]))
    assert micrograph.nm_per_px == pytest.approx(vendor.nm_per_px, rel=1e-9)
    assert micrograph.field == (0, 0, 256, 160)


# What contradicts itself


def test_two_sources_that_disagree(tmp_path: Path) -> None:
    """A picture that somebody calibrated anew, beside the old sidecar."""
    (tmp_path / "a.txt").write_bytes(HITACHI.encode())
    path = with_tags(imagej=True, resolution=(1 / 90, 1 / 90), metadata={"unit": "nm"})(tmp_path / "a.tif", picture())
    assert "hitachi sidecar says 82.5 x 82.5 nm, imagej description 90 x 90 nm" in refusal(read_micrograph(path))


def test_two_sources_that_agree(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(HITACHI.encode())
    path = with_tags(imagej=True, resolution=(1 / 83, 1 / 83), metadata={"unit": "nm"})(tmp_path / "a.tif", picture())
    micrograph = read_micrograph(path)
    assert (micrograph.nm_per_px, micrograph.pixel_size_from) == ((82.5, 82.5), "hitachi sidecar")
    assert micrograph.warnings == ()


@pytest.mark.parametrize("factor", [1e-6, 1e6])
def test_a_unit_misread_is_noticed(tmp_path: Path, factor: float) -> None:
    text = TESCAN_MAIN.replace("7.7221e-009", f"{7.7221e-9 * factor}")
    path = with_tags(byte_tag(50431, tescan_tag(text)))(tmp_path / "a.tif", picture())
    assert "no pixel of an electron microscope" in refusal(read_micrograph(path))


def test_pixels_of_a_squeezed_picture_are_not_believed(tmp_path: Path) -> None:
    path = with_tags(text_tag(34682, FEI.replace("PixelHeight=5e-09", "PixelHeight=8e-09")))(
        tmp_path / "a.tif", picture()
    )
    assert "a pixel of 4 x 8 nm is not believed" in refusal(read_micrograph(path))


def test_a_pixel_size_that_does_not_fill_the_field(tmp_path: Path) -> None:
    text = FEI.replace("HorFieldsize=1.024e-6", "HorFieldsize=2.048e-6")
    path = with_tags(text_tag(34682, text))(tmp_path / "a.tif", picture())
    assert "256 px of 4 nm are not the stated 2048 nm field" in refusal(read_micrograph(path))


def test_damaged_metadata_costs_the_pixel_size_and_not_the_picture(tmp_path: Path) -> None:
    micrograph = read_micrograph(with_tags((34118, "d", 3, (1.0, 2.0, 3.0), True))(tmp_path / "a.tif", picture()))
    np.testing.assert_array_equal(micrograph.image, picture())
    assert micrograph.nm_per_px is None


def test_plain_resolution_tags_are_settings_for_print(tmp_path: Path) -> None:
    micrograph = read_micrograph(write_tiff(tmp_path / "a.tif", picture(), resolution=(1e7, 1e7), resolutionunit=3))
    assert micrograph.nm_per_px is None
    assert micrograph.warnings == ()


# Thermo Fisher


def test_thermo_fisher(tmp_path: Path) -> None:
    micrograph = read_micrograph(with_tags(text_tag(34682, FEI))(tmp_path / "a.tif", picture()))
    assert micrograph.confidence == "stated"
    assert micrograph.metadata == {"instrument": "Nova", "accelerating_voltage": "10 kV"}


@pytest.mark.parametrize(
    ("old", "new", "nm"),
    [
        ("PixelWidth=4e-09", "", (4, 4)),
        ("PixelWidth=4e-09", "VerFieldsize=0.8e-6", (4, 5)),
        ("[Scan]\r\nPixelWidth=4e-09", "[EScan]\r\n", (4, 4)),
        ("[Scan]\r\nPixelWidth=4e-09", "[IScan]\r\nHorFieldsize=9e-6\r\n[EScan]\r\n", (4, 4)),
    ],
)
def test_thermo_fisher_by_field_of_view(tmp_path: Path, old: str, new: str, nm: tuple[float, float]) -> None:
    micrograph = read_micrograph(with_tags(text_tag(34682, FEI.replace(old, new)))(tmp_path / "a.tif", picture()))
    assert micrograph.nm_per_px == pytest.approx(nm)
    assert micrograph.confidence == "derived"


def test_thermo_fisher_by_the_field_of_the_infrared_camera(tmp_path: Path) -> None:
    text = "[Image]\r\nResolutionX=256\r\nResolutionY=200\r\n[IRBeam]\r\nHFW=2.56e-5\r\nVFW=2e-5\r\n"
    micrograph = read_micrograph(with_tags(text_tag(34682, text))(tmp_path / "a.tif", picture()))
    assert micrograph.nm_per_px == pytest.approx((100, 100))


def test_thermo_fisher_takes_the_scan_of_the_beam_in_use_and_no_other(tmp_path: Path) -> None:
    both = "[EScan]\r\nPixelWidth=4e-09\r\nPixelHeight=4e-09\r\n[IScan]\r\nPixelWidth=9e-09\r\nPixelHeight=9e-09\r\n"
    for beam, nm in (("[Beam]\r\nScan=IScan\r\n", 9), ("", None)):
        path = with_tags(text_tag(34682, beam + both))(tmp_path / "a.tif", picture())
        assert read_micrograph(path).nm_per_px == (pytest.approx((nm, nm)) if nm else None)


def test_thermo_fisher_databar_height_serves_where_the_scan_size_is_missing(tmp_path: Path) -> None:
    text = FEI.replace("ResolutionY=160", "").replace("DatabarHeight=0", "DatabarHeight=40")
    micrograph = read_micrograph(with_tags(text_tag(34682, text))(tmp_path / "a.tif", picture()))
    assert (micrograph.field, micrograph.databar_from) == ((0, 0, 256, 160), "metadata")


def test_a_diffraction_pattern_has_no_nanometres(tmp_path: Path) -> None:
    path = with_tags(text_tag(34683, FEI_XML.replace('unit="m"', 'unit="1/m"')))(tmp_path / "a.tif", picture())
    assert read_micrograph(path).nm_per_px is None
    path = with_tags(text_tag(65003, "1/nm"), *GATAN[1:])(tmp_path / "b.tif", picture())
    assert read_micrograph(path).nm_per_px is None


def test_xml_that_says_it_is_of_another_encoding(tmp_path: Path) -> None:
    text = "\ufeff" + FEI_XML.replace("utf-8", "utf-16")
    micrograph = read_micrograph(with_tags(byte_tag(34683, text.encode()))(tmp_path / "a.tif", picture()))
    assert micrograph.nm_per_px == pytest.approx((2.5, 2.5))
    assert micrograph.metadata == {"instrument": "Talos"}


# Zeiss


def test_zeiss_takes_the_image_pixel_with_the_digits_of_the_block(tmp_path: Path) -> None:
    text = ZEISS.replace("2.937500e-008", "2.938125e-008")
    micrograph = read_micrograph(with_tags(text_tag(34118, text))(tmp_path / "a.tif", picture()))
    assert micrograph.nm_per_px == pytest.approx((117.525, 117.525), rel=1e-9)
    assert micrograph.confidence == "stated"
    assert micrograph.metadata == {"instrument": "Auriga"}


@pytest.mark.parametrize(
    ("text", "nm"), [("119.3 nm", 119.3), ("0.1193 µm", 119.3), ("119300 pm", 119.3), ("3 ly", None)]
)
def test_zeiss_units_and_a_block_that_disagrees(tmp_path: Path, text: str, nm: float | None) -> None:
    tag = text_tag(34118, ZEISS.replace("117.5 nm", text).replace("AP_WIDTH", "AP_ELSE"))
    found = read_micrograph(with_tags(tag)(tmp_path / "a.tif", picture())).nm_per_px
    assert found == (pytest.approx((nm, nm)) if nm else None)


def test_zeiss_of_old_versions(tmp_path: Path) -> None:
    """Without a name for it, the block's pixel size is believed if it fills the width of the field."""
    old = ZEISS.replace("AP_IMAGE_PIXEL_SIZE", "AP_ELSE")
    micrograph = read_micrograph(with_tags(text_tag(34118, old))(tmp_path / "a.tif", picture()))
    assert micrograph.nm_per_px == pytest.approx((117.5, 117.5))
    assert micrograph.confidence == "derived"
    alone = old.replace("AP_WIDTH", "AP_ELSE")
    assert read_micrograph(with_tags(text_tag(34118, alone))(tmp_path / "b.tif", picture())).nm_per_px is None


def test_zeiss_of_the_ion_beam_and_of_another_field(tmp_path: Path) -> None:
    ions = with_tags(text_tag(34118, ZEISS.replace("FIB Imaging = SEM", "FIB Imaging = FIB")))
    assert "ion beam" in refusal(read_micrograph(ions(tmp_path / "a.tif", picture())))
    field = with_tags(text_tag(34118, ZEISS.replace("Width = 30.08", "Width = 60.16")))
    assert "235 nm by the width of the field" in refusal(read_micrograph(field(tmp_path / "b.tif", picture())))


# TESCAN and Phenom


@pytest.mark.parametrize("ending", ["-tif.hdr", "-TIF.HDR", "-TIF.hdr", ".hdr"])
def test_tescan_header_names(tmp_path: Path, ending: str) -> None:
    text = f"[MAIN]\r\n{TESCAN_MAIN}"
    micrograph = read_micrograph(with_sidecar(ending, text.encode())(tmp_path / "a.tif", picture()))
    assert micrograph.nm_per_px == pytest.approx((7.7221, 7.7221))
    assert micrograph.metadata == {"instrument": "MIRA3 LMH", "magnification": "22456.7"}


def test_tescan_header_of_a_png(tmp_path: Path) -> None:
    (tmp_path / "a-png.hdr").write_text(f"[MAIN]\n{TESCAN_MAIN}")
    (tmp_path / "a.png").write_bytes(cv2.imencode(".png", picture())[1].tobytes())
    assert read_micrograph(tmp_path / "a.png").pixel_size_from == "tescan sidecar"


def test_tescan_with_two_detectors_side_by_side(tmp_path: Path) -> None:
    text = TESCAN_MAIN.replace("CountX=1", "CountX=2")
    micrograph = read_micrograph(with_tags(byte_tag(50431, tescan_tag(text)))(tmp_path / "a.tif", picture()))
    assert micrograph.nm_per_px is not None
    assert "2 views of one field side by side" in micrograph.warnings[0]


def test_a_thumbnail_alone_says_nothing(tmp_path: Path) -> None:
    path = with_tags(byte_tag(50431, tescan_tag("Device=AMBER X\r\n")))(tmp_path / "a.tif", picture())
    assert read_micrograph(path).warnings == ()


def test_a_databar_cut_off_is_told(tmp_path: Path) -> None:
    path = with_tags(text_tag(34683, PHENOM))(tmp_path / "a.tif", picture(bar_rows=0))
    assert read_micrograph(path).warnings == ("phenom tag 34683: its databar of 40 rows is not in the picture",)


def test_phenom_without_a_unit(tmp_path: Path) -> None:
    path = write_jpeg(tmp_path / "a.jpg", picture(), segment=PHENOM.replace(' unit="um"', "").encode())
    micrograph = read_micrograph(path)
    assert (micrograph.nm_per_px, micrograph.databar_from) == (None, "metadata")
    assert micrograph.metadata == {"instrument": "ProX", "accelerating_voltage": "15 kV"}


# JEOL and Hitachi


@pytest.mark.parametrize(("marker", "nm"), [("10µm", 200), ("1um", 20), ("0.1 mm", 2000), ("far", None), ("0nm", None)])
def test_jeol_markers(tmp_path: Path, marker: str, nm: float | None) -> None:
    data = JEOL.replace("100nm", marker).encode("latin-1")
    micrograph = read_micrograph(with_sidecar(".TXT", data)(tmp_path / "a.tif", picture()))
    assert micrograph.nm_per_px == (pytest.approx((nm, nm)) if nm else None)
    assert micrograph.confidence == ("derived" if nm else None)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8", "shift-jis"])
def test_hitachi_in_every_code_page(tmp_path: Path, encoding: str) -> None:
    micrograph = read_micrograph(with_sidecar(".txt", HITACHI.encode(encoding))(tmp_path / "a.tif", picture()))
    assert (micrograph.nm_per_px, micrograph.confidence) == ((82.5, 82.5), "stated")


@pytest.mark.parametrize(
    ("name", "display", "nm"), [("S-4700", "", 127e6 / 1e5 / 256), ("S-4700", "1", None), ("TM3000", "", None)]
)
def test_hitachi_without_a_pixel_size(tmp_path: Path, name: str, display: str, nm: float | None) -> None:
    """The S series has photographs of 127 mm; what others refer their magnification to is not known."""
    text = HITACHI.replace("PixelSize=82.5", f"Magnification=100000\r\nMagnificationDisplay={display}")
    data = text.replace("TM4000", name).encode("utf-16")
    micrograph = read_micrograph(with_sidecar(".txt", data)(tmp_path / "a.tif", picture()))
    assert micrograph.nm_per_px == (pytest.approx((nm, nm)) if nm else None)
    assert micrograph.confidence == ("derived" if nm else None)


def test_a_label_file_beside_the_image_is_no_sidecar(tmp_path: Path) -> None:
    micrograph = read_micrograph(with_sidecar(".txt", b"0 0.5 0.5 0.1 0.1\n")(tmp_path / "a.tif", RAMP))
    assert micrograph.nm_per_px is None
    assert micrograph.warnings == ()


# Programs


@pytest.mark.parametrize(
    ("unit", "nm"),
    [
        ("nm", 0.005), ("um", 5), ("µm", 5), ("μm", 5), ("\\u00B5m", 5), ("micron", 5), ("microns", 5), ("mm", 5000),
        ("pixel", None), ("pixels", None), ("", None), ("arcsec", None),
    ],
)  # fmt: skip
def test_imagej_units(tmp_path: Path, unit: str, nm: float | None) -> None:
    description = f"ImageJ=1.54f\nunit={unit}\nmin=0.0\nmax=255.0\n".encode()
    path = write_tiff(
        tmp_path / "a.tif", picture(), description=description, resolution=(200.0, 200.0), resolutionunit=1
    )
    micrograph = read_micrograph(path)
    assert micrograph.nm_per_px == (pytest.approx((nm, nm)) if nm else None)
    assert micrograph.warnings == ()


@pytest.mark.parametrize(("unit", "code"), [("inch", 2), ("cm", 3)])
def test_imagej_units_of_print_are_named_and_not_used(tmp_path: Path, unit: str, code: int) -> None:
    description = f"ImageJ=1.54f\nunit={unit}\n"
    path = write_tiff(
        tmp_path / "a.tif", picture(), description=description, resolution=(5e4, 5e4), resolutionunit=code
    )
    micrograph = read_micrograph(path)
    assert micrograph.nm_per_px is None
    assert micrograph.warnings == (f"imagej description: its scale is in {unit}, a setting for print, and is not used",)


def test_imagej_of_which_two_readings_are_possible(tmp_path: Path) -> None:
    """Pixels a centimetre under `unit=um`, as some programs write, or pixels a micrometre, as ImageJ does."""
    options = {"description": "ImageJ=1.51d\nunit=um\n", "resolutionunit": 3}
    path = write_tiff(tmp_path / "a.tif", picture(), resolution=(15314.0, 15314.0), **options)
    assert "unit um, its resolution tags cm" in refusal(read_micrograph(path))
    path = write_tiff(tmp_path / "b.tif", picture(), resolution=(20.0, 20.0), **options)
    assert read_micrograph(path).nm_per_px == pytest.approx((50, 50))


def test_imagej_axes_and_what_is_no_resolution(tmp_path: Path) -> None:
    write = with_tags(imagej=True, resolution=(200.0, 160.0), metadata={"unit": "um"})
    assert read_micrograph(write(tmp_path / "a.tif", picture())).nm_per_px == pytest.approx((5, 6.25))
    write = with_tags(imagej=True, resolution=(200.0, 0.2), metadata={"unit": "um", "yunit": "nm"})
    assert read_micrograph(write(tmp_path / "b.tif", picture())).nm_per_px == pytest.approx((5, 5))
    write = with_tags(imagej=True, metadata={"unit": "um"})
    assert read_micrograph(write(tmp_path / "c.tif", picture())).nm_per_px is None


@pytest.mark.parametrize(
    ("old", "new", "nm"),
    [
        (' PhysicalSizeY="0.0034"', "", (3.3, 3.3)),
        ('SizeX="0.0033"', 'SizeX="3.3" PhysicalSizeXUnit="nm"', (3.3, 3.4)),
        ('SizeX="0.0033"', 'SizeX="33" PhysicalSizeXUnit="Å"', (3.3, 3.4)),
        ('SizeX="0.0033"', 'SizeX="1" PhysicalSizeXUnit="pixel"', None),
        (' PhysicalSizeX="0.0033" PhysicalSizeY="0.0034"', "", None),
        ("2016-06", "2011-06", (3.3, 3.4)),
    ],
)
def test_ome(tmp_path: Path, old: str, new: str, nm: tuple[float, float] | None) -> None:
    path = with_tags(description=OME.replace(old, new).encode())(tmp_path / "a.tif", picture())
    assert read_micrograph(path).nm_per_px == (pytest.approx(nm) if nm else None)


def test_ome_as_tifffile_writes_it(tmp_path: Path) -> None:
    sizes = {"PhysicalSizeX": 7.5, "PhysicalSizeXUnit": "nm", "PhysicalSizeY": 7.5, "PhysicalSizeYUnit": "nm"}
    path = write_tiff(tmp_path / "a.ome.tif", picture(), ome=True, metadata=sizes)
    assert read_micrograph(path).nm_per_px == (7.5, 7.5)


@pytest.mark.parametrize("page", [0, 1])
def test_olympus_on_either_page(tmp_path: Path, page: int) -> None:
    path = write_olympus(tmp_path / "a.tif", picture(), x_m=1e-9, y_m=1.1e-9, page=page)
    micrograph = read_micrograph(path)
    assert micrograph.nm_per_px == pytest.approx((1, 1.1))
    assert micrograph.metadata == {"magnification": "600000"}


def test_gatan_numbers_without_a_unit_are_somebody_elses(tmp_path: Path) -> None:
    assert read_micrograph(with_tags(*GATAN[2:])(tmp_path / "a.tif", picture())).nm_per_px is None


def test_point_electronic_by_attributes_and_nobody_elses_xmp(tmp_path: Path) -> None:
    elements = "<pe:PixelSizeX>1.25e-08</pe:PixelSizeX><pe:PixelSizeY>1.25e-08</pe:PixelSizeY>"
    short = XMP.replace(elements, "").replace('="http://pointelectronic"', '="http://p" pe:PixelSizeX="2e-08"')
    assert read_micrograph(with_tags(byte_tag(700, short.encode()))(tmp_path / "a.tif", picture())).nm_per_px == (
        20,
        20,
    )
    strange = XMP.replace("point electronic DISS", "Adobe Photoshop").encode()
    assert read_micrograph(with_tags(byte_tag(700, strange))(tmp_path / "b.tif", picture())).nm_per_px is None


# Real files


REAL = {
    "thermofisher/2_cal_2.tif": (4.13411, "thermofisher tag 34682", 1103 - 79, "metadata"),
    "thermofisher/blobs.tif": (26.9792, "thermofisher tag 34682", 1024, "metadata"),
    "zeiss/Sample 1 04.tif": (42.46117, "zeiss tag 34118", 686, "pixels"),
    "jeol/JEOL SEM - etched sidewall 01.tif": (100 / 53, "jeol sidecar", 960, "metadata"),
    "hitachi/TM4000_x1.2k.tif": (82.68229, "hitachi sidecar", 901, "pixels"),
}


@pytest.mark.real
@pytest.mark.parametrize("name", REAL)
def test_real_vendor_files(shared_data: Path, name: str) -> None:
    nm, source, specimen_rows, databar_from = REAL[name]
    micrograph = read_micrograph(shared_data / "vendor" / name)
    assert micrograph.nm_per_px == pytest.approx((nm, nm), rel=1e-6)
    assert micrograph.pixel_size_from == source
    assert micrograph.field == (0, 0, micrograph.image.shape[1], specimen_rows)
    assert micrograph.databar_from == databar_from
    assert micrograph.window == (0, 65535 if "blobs" in name else 255)
    assert micrograph.warnings == ()
    assert micrograph.metadata["instrument"]


@pytest.mark.real
def test_real_hitachi_comment_says_what_its_sidecar_says(shared_data: Path, tmp_path: Path) -> None:
    path = Path(shutil.copyfile(shared_data / "vendor" / "hitachi" / "TM4000_x1.2k.tif", tmp_path / "a.tif"))
    micrograph = read_micrograph(path)
    assert micrograph.nm_per_px == (82.68229, 82.68229)
    assert micrograph.pixel_size_from == "hitachi tag 40092"


@pytest.mark.real
@pytest.mark.parametrize("name", ["jeol/JEOL SEM - etched sidewall 01", "hitachi/TM4000_x1.2k"])
@pytest.mark.parametrize(
    ("change", "kept"),
    [
        (lambda image: resized(image, 0.5), False),
        (lambda image: image[:, 100:], False),
        (lambda image: image[:850], True),
    ],
)
def test_real_sidecars_beside_a_changed_picture(
    shared_data: Path, tmp_path: Path, name: str, change: Callable[[Image], Image], *, kept: bool
) -> None:
    """Rows may be cut off, as people do with the databar; whoever changes the width may have changed the scale."""
    path = shared_data / "vendor" / f"{name}.tif"
    shutil.copyfile(path.with_suffix(".txt"), tmp_path / "a.txt")
    whole = read_micrograph(path)
    micrograph = read_micrograph(write_tiff(tmp_path / "a.tif", change(whole.image)))
    assert micrograph.nm_per_px == (whole.nm_per_px if kept else None)
