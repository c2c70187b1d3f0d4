"""OpenCV, imported here and nowhere else: `from nanotally.opencv import cv2`.

OpenCV's wheel leans on a few libraries of the system. Where one is missing, the import error names a shared
object; here it becomes one line that names the Debian package.
"""

from __future__ import annotations

import os

from nanotally.errors import NanotallyError

PACKAGES = {
    "libGL.so.1": "libgl1",
    "libxcb.so.1": "libxcb1",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libgthread-2.0.so.0": "libglib2.0-0",
}
"""Shared objects that OpenCV takes from the system, and the Debian packages that hold them."""


def missing_library(message: str) -> str | None:
    """Advice to the user on an import error of OpenCV; None if no library of the system is at fault."""
    for library, package in PACKAGES.items():
        if library in message:
            # The loader stops at the first library it misses; naming all spares the user three rounds.
            every = " ".join(dict.fromkeys(PACKAGES.values()))
            return f"OpenCV needs {library} (Debian package {package}); install it with: apt install {every}"
    return None


# OpenCV prints a failure that it also returns or raises; nanotally reports each once, in its own words.
os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
try:
    import cv2
except ImportError as error:
    advice = missing_library(str(error))
    if advice is None:
        raise
    raise NanotallyError(advice) from error

__all__ = ["cv2"]
