"""PNG: the pixel size as nanotally writes it, in a text chunk `nanotally`; and the chunks themselves.

    {"nm_per_px": [2.48, 2.5], "size_px": [1280, 960]}

The chunk `pHYs` beside it is for other programs. It is not read: in most files it is a setting for print.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from pathlib import Path

from tifffile import TiffFile

from nanotally.micrograph.facts import VendorFacts, positive

SIGNATURE = b"\x89PNG\r\n\x1a\n"
KEYWORD = b"nanotally\0"
HEADER_END = len(SIGNATURE) + 25
"""The first chunk is `IHDR`, with 13 bytes of data."""
LARGEST = 2**31 - 1
"""Of the whole numbers of PNG."""
MOST_BYTES = 1 << 20
"""What is written about a picture stands before its pixels, and is not longer."""


def with_pixel_size(png: bytes, nm_per_px: tuple[float, float]) -> bytes:
    """A PNG file that tells its pixel size (x, y) in nanometres.

    `pHYs` is left out where pixels are finer than its whole number of pixels a metre can say, 0.47 nm.
    """
    width, height = _size_px(png)
    told = json.dumps({"nm_per_px": list(nm_per_px), "size_px": [width, height]})
    chunks = _chunk(b"tEXt", KEYWORD + told.encode("latin-1"))
    per_metre = [round(1e9 / nm) for nm in nm_per_px]
    if all(1 <= pixels <= LARGEST for pixels in per_metre):
        chunks += _chunk(b"pHYs", b"".join(pixels.to_bytes(4, "big") for pixels in per_metre) + b"\x01")
    return png[:HEADER_END] + chunks + png[HEADER_END:]


def read(path: Path, tiff: TiffFile | None) -> VendorFacts | None:
    """Facts from the text chunk of the PNG at `path`; None if it has none, or is no PNG.

    Raises:
        ValueError: if it is damaged.
    """
    if tiff is not None:
        return None
    with path.open("rb") as file:
        start = file.read(MOST_BYTES)
    if not start.startswith(SIGNATURE):
        return None
    text = next((data for kind, data in _chunks(start) if kind == b"tEXt" and data.startswith(KEYWORD)), None)
    if text is None:
        return None
    told = json.loads(text.removeprefix(KEYWORD))
    (x_nm, y_nm), (width, _) = map(positive, told["nm_per_px"]), told["size_px"]
    if x_nm is None or y_nm is None:
        raise ValueError(f"nm_per_px {told['nm_per_px']}")
    present = _size_px(start)[0]
    return VendorFacts(
        source="png text",
        nm_per_px=(x_nm, y_nm),
        confidence="stated",
        doubt=None if present == width else f"it was {width} px wide and is {present} px wide: resized or cut since",
    )


def _size_px(png: bytes) -> tuple[int, int]:
    return int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and data of the chunks before the pixels."""
    place = len(SIGNATURE)
    while (kind := png[place + 4 : place + 8]) not in (b"IDAT", b""):
        end = place + 8 + int.from_bytes(png[place : place + 4], "big")
        data, crc = png[place + 8 : end], png[end : end + 4]
        if zlib.crc32(kind + data).to_bytes(4, "big") != crc:
            raise ValueError(f"its chunk {kind.decode('latin-1')} is damaged")
        yield kind, data
        place = end + 4
