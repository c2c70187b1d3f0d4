"""`manifest.json`: all that is needed to do an analysis again, and to know whether it was the same."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

from nanotally.bundle import sha256
from nanotally.labels.layout import sidecars_of
from nanotally.results.listed_json import ListedJson
from nanotally.results.result import Result, Run

NAME = "manifest.json"
LIBRARIES = ("numpy", "opencv-python", "openvino", "tifffile", "imagecodecs")
"""Those that what is found and measured depends on."""


class ManifestFile:
    """Model, settings, versions and command, then every image with its hash and the origin of its pixel size.

    It is there only once the analysis is over, so results without it are not whole.
    """

    def __init__(self, out: Path, run: Run) -> None:
        self._images = run.images
        self._done = 0
        head = {
            "command": list(run.command),
            "folder": str(run.folder),
            "started": _told(run.started),
            "versions": versions(),
            "model": dict(run.model),
            "engine": run.engine,
            "thresholds": dict(run.thresholds),
            "settings": dict(run.settings),
            "nm_per_px_where_unknown": run.nm_per_px,
        }
        self._file = ListedJson(out / NAME, head, "images")

    def add(self, result: Result) -> None:
        """Write an image."""
        self._done += 1
        micrograph = result.micrograph
        self._file.add({
            "image": result.name,
            "path": str(result.path),
            "sha256": sha256(result.path),
            "sidecars": {file.name: sha256(file) for file in sidecars_of(result.path)},
            "nm_per_px": micrograph.nm_per_px,
            "pixel_size_from": micrograph.pixel_size_from,
            "field": list(micrograph.field),
            "window": list(micrograph.window),
            "particles": len(result.found.detections),
            "warnings": list(micrograph.warnings),
        })  # fmt: skip

    def close(self, faults: Sequence[str]) -> None:
        """Write how it ended; the file is there from now on."""
        self._file.close({
            "not_read": list(faults),
            "complete": self._done + len(faults) == self._images,
            "ended": _told(datetime.now(timezone.utc)),
        })  # fmt: skip


def versions() -> dict[str, Any]:
    """Versions of nanotally, of what it measures with, and of the machine's system."""
    return {
        "nanotally": version("nanotally"),
        **{name: version(name) for name in LIBRARIES},
        "python": platform.python_version(),
        "system": platform.platform(),
    }


def _told(time: datetime) -> str:
    return time.isoformat(timespec="seconds").replace("+00:00", "Z")
