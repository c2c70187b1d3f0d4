"""`particles.json`: every image with its particles, and the size distribution over all images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nanotally.results.listed_json import ListedJson
from nanotally.results.result import Result, Run, facts
from nanotally.results.sizes import SizeLedger


class ParticlesJson:
    """The same as the tables, by image, with what was measured on the image as a whole."""

    def __init__(self, out: Path, run: Run) -> None:
        self._classes = run.classes
        self._sizes = SizeLedger(run.classes)
        self._file = ListedJson(out / "particles.json", {"model": run.model["name"]}, "images")

    def add(self, result: Result) -> None:
        """Write an image."""
        self._sizes.add(result)
        self._file.add(facts(result, self._classes))

    def close(self, faults: Sequence[str]) -> None:
        """Write the size distribution and end the file."""
        self._file.close({"sizes": self._sizes.told()})
