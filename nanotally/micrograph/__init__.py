"""Micrographs: pixels, pixel size and databar, whichever instrument wrote the file."""

from nanotally.micrograph.databar import find_databar
from nanotally.micrograph.files import IMAGE_SUFFIXES, list_micrographs
from nanotally.micrograph.micrograph import Micrograph, read_micrograph
from nanotally.micrograph.pixels import image_size
from nanotally.micrograph.png import with_pixel_size

__all__ = [
    "IMAGE_SUFFIXES",
    "Micrograph",
    "find_databar",
    "image_size",
    "list_micrographs",
    "read_micrograph",
    "with_pixel_size",
]
