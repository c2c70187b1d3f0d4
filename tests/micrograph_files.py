"""Micrographs as each vendor writes them: small ones, with the documented metadata around them."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from nanotally.opencv import cv2

RAMP = np.tile(np.arange(256, dtype=np.uint8), (64, 1))
BAR_ROWS = 40
ExtraTag = tuple[int, str, int, Any, bool]
Image = NDArray[np.uint8]
Writer = Callable[[Path, Image], Path]


def picture(*, bar_rows: int = BAR_ROWS) -> Image:
    """Noise, 256 x 200, with a black databar with letters in the lowest rows."""
    image = np.random.default_rng(5).normal(120, 12, (200, 256)).clip(0, 255).astype(np.uint8)
    if bar_rows:
        image[-bar_rows:] = 0
        cv2.putText(image, "15.0kV X100,000 WD 7.8mm 100nm", (2, 188), cv2.FONT_HERSHEY_PLAIN, 0.8, 255, 1, cv2.LINE_8)
    return image


def write_tiff(path: Path, pixels: NDArray[Any], **options: Any) -> Path:
    tifffile.imwrite(path, pixels, **{"metadata": None, **options})
    return path


def text_tag(code: int, text: str) -> ExtraTag:
    return (code, "s", 0, text.encode("cp1252"), True)


def byte_tag(code: int, data: bytes) -> ExtraTag:
    return (code, "B", len(data), data, True)


FEI = """[Beam]\r\nHV=10000\r\nBeam=EBeam\r\nScan=EScan\r\n[System]\r\nSystemType=Nova\r\n[Scan]\r\nPixelWidth=4e-09\r\n
PixelHeight=5e-09\r\nHorFieldsize=1.024e-6\r\n[Image]\r\nResolutionX=256\r\nResolutionY=160\r\n
[PrivateFei]\r\nDatabarHeight=0\r\n"""

FEI_XML = """<?xml version="1.0" encoding="utf-8"?><Metadata xmlns:nil="http://schemas.fei.com/Metadata/v1/2013/07">
<Instrument><InstrumentClass>Talos</InstrumentClass></Instrument><BinaryResult><ImageSize><X>256</X><Y>200</Y></ImageSize>
<PixelSize><X unit="m">2.5E-09</X><Y unit="m">2.5E-09</Y></PixelSize></BinaryResult></Metadata>"""

PHENOM = """<?xml version="1.0" encoding="UTF-8"?><FeiImage><databarHeight>40</databarHeight>
<pixelWidth unit="um">0.0305</pixelWidth><pixelHeight unit="um">0.0305</pixelHeight><instrument><edition>ProX</edition>
</instrument><acquisition><scan><highVoltage unit="kV">15</highVoltage></scan></acquisition></FeiImage>"""

ZEISS = """0\r\n0\r\n0\r\n2.937500e-008\r\nDP_SEM\r\nSem = Auriga\r\nDP_IMAGE_STORE\r\nStore resolution = 256 * 200\r\n
AP_PIXEL_SIZE\r\nPixel Size = 99.9 nm\r\nAP_WIDTH\r\nWidth = 30.08 µm\r\nDP_FIB_IMAGING\r\nFIB Imaging = SEM\r\n
AP_IMAGE_PIXEL_SIZE\r\nImage Pixel Size = 117.5 nm\r\n"""

TESCAN_MAIN = """AccFrames=1\r\nDevice=MIRA3 LMH\r\nImageStripSize=40\r\nMagnification=22456.7\r\nNote=\xe9t\xe9\r\n
PixelSizeX=7.7221e-009\r\nPixelSizeY=7.7221e-009\r\nViewFieldsCountX=1\r\nViewFieldsCountY=1\r\n"""
TESCAN_SEM = "AcceleratorVoltage=30000.0\r\nHV=15000.0\r\nWD=0.005\r\n"

JEOL = """$SEM_DATA_VERSION 1\r\n$CM_INSTRUMENT 7600F\r\n$CM_ACCEL_VOLT 1.00\r\n$CM_FULL_SIZE 256 160\r\n
$$SM_MICRON_BAR 50\r\n$$SM_MICRON_MARKER 100nm\r\n"""

HITACHI = (
    """[SemImageFile]\r\nInstructName=TM4000\r\nImageName=タンポポ.tif\r\nDataSize=256x200\r\nPixelSize=82.5\r\n"""
)

XMP = """<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="XMP Core 5.1.2">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" xmlns:xmp="http://ns/xmp">
<xmp:CreatorTool>point electronic DISS 5.15.31.0</xmp:CreatorTool></rdf:Description><rdf:Description rdf:about=""
xmlns:pe="http://pointelectronic"><pe:PixelSizeX>1.25e-08</pe:PixelSizeX><pe:PixelSizeY>1.25e-08</pe:PixelSizeY>
</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>"""

OME = """<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0"><Pixels
 ID="Pixels:0" DimensionOrder="XYCZT" Type="uint8" SizeX="256" SizeY="200" SizeC="1" SizeZ="1" SizeT="1"
 PhysicalSizeX="0.0033" PhysicalSizeY="0.0034"><TiffData/></Pixels></Image></OME>"""


GATAN = (
    text_tag(65003, "nm"),
    text_tag(65004, "µm"),
    (65009, "d", 1, 0.52, True),
    (65010, "d", 1, 0.00052, True),
)


def tescan_tag(main: str = TESCAN_MAIN, sem: str = TESCAN_SEM) -> bytes:
    """Blocks of a length, a kind (1 thumbnail, 2 and 3 settings) and data, as Odemis reads them from real files."""
    blocks = ((1, b"\x00\x00\x00\x0cjP  \xff\x4f=\xff\x51x=1"), (2, main.encode("latin-1")), (3, sem.encode("latin-1")))
    return b"".join(struct.pack("<IH", len(data) + 3, kind) + data + b"\0" for kind, data in blocks)


def write_olympus(path: Path, image: Image, *, x_m: float, y_m: float, page: int) -> Path:
    """Two pages with an OlympusSIS structure, layout as tifffile reads it, on one of them."""
    head = struct.pack("<4s6xhhhhh6x32sH", b"SIS0", 42, 19, 15, 10, 118, b"", 1)
    general = struct.pack("<10xhdd8xd2x34s32s", -9, x_m * 1e9, y_m * 1e9, 600_000.0, b"Veleta", b"")
    tag = byte_tag(33560, head + bytes(8) + general)
    with tifffile.TiffWriter(path) as tiff:
        for number in range(2):
            tiff.write(image, metadata=None, extratags=[tag] if number == page else [])
    data = bytearray(path.read_bytes())
    begin = data.index(b"SIS0") + len(head)
    data[begin : begin + 8] = struct.pack("<hhI", 1, 1, begin + 8)
    path.write_bytes(data)
    return path


def write_jpeg(path: Path, image: Image, *, segment: bytes) -> Path:
    """A JPEG with `segment` as application data."""
    plain = cv2.imencode(".jpg", image)[1].tobytes()
    path.write_bytes(plain[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + plain[2:])
    return path


def with_tags(*tags: ExtraTag, **options: Any) -> Writer:
    return lambda path, image: write_tiff(path, image, extratags=list(tags), **options)


def with_sidecar(ending: str, data: bytes) -> Writer:
    def write(path: Path, image: Image) -> Path:
        path.with_name(path.stem + ending).write_bytes(data)
        return write_tiff(path, image)

    return write


@dataclass(frozen=True)
class VendorFile:
    """How to write a picture as a vendor does, and what is to be read from the file.

    Attributes:
        knows_size: the metadata has the width of the picture or the height of its databar.
    """

    write: Writer
    nm_per_px: tuple[float, float]
    source: str
    databar_from: str | None = "pixels"
    suffix: str = ".tif"
    knows_size: bool = True


VENDOR_FILES = {
    "thermofisher": VendorFile(with_tags(text_tag(34682, FEI)), (4, 5), "thermofisher tag 34682", "metadata"),
    "thermofisher-xml": VendorFile(with_tags(text_tag(34683, FEI_XML)), (2.5, 2.5), "thermofisher tag 34683"),
    "phenom": VendorFile(with_tags(text_tag(34683, PHENOM)), (30.5, 30.5), "phenom tag 34683", "metadata"),
    "phenom-jpeg": VendorFile(
        partial(write_jpeg, segment=PHENOM.encode()), (30.5, 30.5), "phenom jpeg", "metadata", suffix=".jpg"
    ),
    "zeiss": VendorFile(with_tags(text_tag(34118, ZEISS)), (117.5, 117.5), "zeiss tag 34118"),
    "tescan": VendorFile(with_tags(byte_tag(50431, tescan_tag())), (7.7221, 7.7221), "tescan tag 50431", "metadata"),
    "tescan-sidecar": VendorFile(
        with_sidecar("-tif.hdr", f"[MAIN]\r\n{TESCAN_MAIN}\r\n[SEM]\r\n{TESCAN_SEM}".encode("latin-1")),
        (7.7221, 7.7221), "tescan sidecar", "metadata",
    ),
    "jeol": VendorFile(with_sidecar(".txt", JEOL.encode()), (2, 2), "jeol sidecar", "metadata"),
    "hitachi": VendorFile(with_sidecar(".txt", HITACHI.encode("utf-16")), (82.5, 82.5), "hitachi sidecar"),
    "hitachi-comment": VendorFile(
        with_tags(byte_tag(40092, "SerialNumber=2170A6-05\r\nPixelSize=82.5\r\nVacuum=50\r\n\0".encode("utf-16-le"))),
        (82.5, 82.5), "hitachi tag 40092", knows_size=False,
    ),
    "point-electronic": VendorFile(
        with_tags(byte_tag(700, XMP.encode())), (12.5, 12.5), "point electronic xmp", knows_size=False
    ),
    "olympus": VendorFile(
        partial(write_olympus, x_m=2.4e-11, y_m=2.4e-11, page=1), (0.024, 0.024), "olympus tag 33560", knows_size=False
    ),
    "gatan": VendorFile(
        with_tags(*GATAN, resolution=(72, 72)), (0.52, 0.52), "gatan tags 65003 to 65010", knows_size=False
    ),
    "ome": VendorFile(with_tags(description=OME), (3.3, 3.4), "ome-xml"),
    "imagej": VendorFile(
        with_tags(imagej=True, resolution=(200.0, 200.0), metadata={"unit": "um"}), (5, 5), "imagej description",
        knows_size=False,
    ),
}  # fmt: skip
