"""From an image file to grey levels, and from those to the 8 bits that a network sees."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from tifffile import TiffFile, TiffPage

from nanotally.errors import MicrographError
from nanotally.opencv import cv2

PNG = b"\x89PNG"
TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
MIN_IS_WHITE, PALETTE = 0, 3  # values of the TIFF tag PhotometricInterpretation
SEPARATE_PLANES = 2  # value of the TIFF tag PlanarConfiguration

# A damaged tag is worth a line to people who set up logging; without, it would end up on stderr.
logging.getLogger("tifffile").addHandler(logging.NullHandler())


def is_tiff(path: Path) -> bool:
    """True if the file begins like a TIFF, whatever its name.

    Raises:
        OSError: if it cannot be read.
    """
    with path.open("rb") as file:
        return file.read(4) in TIFF


def tiff_pixels(tiff: TiffFile) -> tuple[NDArray[Any], int | None]:
    """Grey levels of the first page, (h, w), and the level of full white.

    That is None for floats, signed and 32-bit integers.
    """
    page = tiff.pages[0]
    pixels = page.asarray()
    if page.photometric == PALETTE:
        pixels = np.moveaxis(page.colormap[:, pixels] >> 8, 0, -1).astype(np.uint8)
        white: int | None = 255
    else:
        white = _full_white(page, pixels.dtype)
        if page.planarconfig == SEPARATE_PLANES and pixels.ndim == 3:
            pixels = np.moveaxis(pixels, 0, -1)
    grey = _grey(pixels)
    if page.photometric == MIN_IS_WHITE and white is not None:
        grey = white - grey
    return grey, white


def _full_white(page: TiffPage, dtype: np.dtype[Any]) -> int | None:
    """Full white by the file's bit depth, which a camera of 12 bits states in the tag MaxSampleValue.

    No detector fills 32 bits: by their full range every picture would be black.
    """
    bits = page.bitspersample
    if dtype.kind not in "ub" or bits > 16:
        return None
    tag = page.tags.get("MaxSampleValue")
    stated = np.max(tag.value) if tag is not None and bits > 8 else 0
    return int(stated) if stated in {2**n - 1 for n in range(9, bits)} else 2**bits - 1


def other_pixels(path: Path) -> tuple[NDArray[Any], int]:
    """Grey levels of a PNG, JPEG or BMP, (h, w), and the level of full white.

    Raises:
        ValueError: if it is none of these.
        imagecodecs.PngError: if it is a damaged PNG.
        cv2.error: if it is damaged otherwise.
    """
    data = path.read_bytes()
    if not data:
        raise ValueError("the file is empty")
    if data.startswith(PNG):
        # OpenCV lets libpng write its complaints to stderr; imagecodecs raises them.
        grey = _grey(imagecodecs.png_decode(data))
    else:
        decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE | cv2.IMREAD_ANYDEPTH)
        if decoded is None:
            raise ValueError("not an image, or a damaged one")
        grey = decoded
    return grey, int(np.iinfo(grey.dtype).max)


def _grey(pixels: NDArray[Any]) -> NDArray[Any]:
    """(h, w) from (h, w) or (h, w, channels): luma of colours (ITU-R BT.601), alpha left out."""
    if pixels.ndim == 3:
        channels = pixels.shape[2]
        pixels = (
            cv2.cvtColor(np.ascontiguousarray(pixels[..., :3]), cv2.COLOR_RGB2GRAY) if channels >= 3 else pixels[..., 0]
        )
    if pixels.ndim != 2:
        raise ValueError(f"an array of shape {pixels.shape} is not one image")
    return pixels


def image_size(path: Path | str) -> tuple[int, int]:
    """Width and height of an image file in pixels, as it stands, databar included.

    Raises:
        MicrographError: if it cannot be read.
    """
    path = Path(path)
    try:
        if is_tiff(path):
            with TiffFile(path) as tiff:
                return tiff.pages[0].imagewidth, tiff.pages[0].imagelength
        height, width = other_pixels(path)[0].shape
    except Exception as error:
        raise unreadable(path, error) from error
    return width, height


def unreadable(path: Path, error: Exception) -> MicrographError:
    """One line for whatever a decoder raised."""
    return MicrographError(f"{path}: cannot be read as an image ({reason(error)})")


def reason(error: Exception) -> str:
    """What an error says, on one line of at most 200 characters."""
    text = error.strerror if isinstance(error, OSError) else str(error)
    return " ".join((text or type(error).__name__).split())[:200]


def to_uint8(pixels: NDArray[Any], window: tuple[float, float]) -> NDArray[np.uint8]:
    """Grey levels mapped so that `window` (black, white) becomes 0 to 255, rounded and clipped."""
    black, white = window
    if pixels.dtype == np.uint8 and (black, white) == (0, 255):
        return np.ascontiguousarray(pixels)
    scaled = (pixels.astype(np.float32) - black) * (255.0 / (white - black))
    return np.asarray(np.clip(np.rint(scaled), 0, 255), dtype=np.uint8)


def remarks_on_depth(pixels: NDArray[Any], window: tuple[float, float]) -> tuple[str, ...]:
    """What a person should know where 12 bits lie in a file of 16: its particles are there, but nearly black."""
    if window[1] != 2**16 - 1 or pixels.size == 0 or pixels.max() >= 2**12:
        return ()
    return (f"no pixel is above {pixels.max()} of {2**16 - 1}, the picture is nearly black: save it with 8 bits",)
