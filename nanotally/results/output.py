"""All that is written of one analysis, image by image, so that memory does not grow with their number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

from nanotally.errors import UsageError
from nanotally.results.label_files import CocoFile, ImagejFiles, VocFiles, YoloFiles
from nanotally.results.manifest import ManifestFile
from nanotally.results.overlays import OverlayFiles
from nanotally.results.particles_json import ParticlesJson
from nanotally.results.report import Report
from nanotally.results.result import Result, Run
from nanotally.results.tables import CsvTable, ParquetTable


class Writer(Protocol):
    """Writes one format."""

    def add(self, result: Result) -> None:
        """Write what belongs to an image."""

    def close(self, faults: Sequence[str]) -> None:
        """Write what belongs to all images, and what `faults` says of those that could not be read."""


class WriterOf(Protocol):
    """Begins to write one format into a folder."""

    def __call__(self, out: Path, run: Run, /) -> Writer:
        """The writer."""


FORMATS: Mapping[str, WriterOf] = {
    "csv": CsvTable,
    "parquet": ParquetTable,
    "json": ParticlesJson,
    "html": Report,
    "imagej": ImagejFiles,
    "coco": CocoFile,
    "voc": VocFiles,
    "yolo": YoloFiles,
}
OVERLAY: Mapping[str, WriterOf] = {"overlay": OverlayFiles}


def check_formats(formats: Sequence[str]) -> None:
    """Whether all of these can be written here.

    Raises:
        UsageError: if one is not known, or what it needs is not installed.
    """
    if unknown := [name for name in formats if name not in FORMATS]:
        raise UsageError(f"--to {', '.join(unknown)}: not known; there are {', '.join(FORMATS)}")
    if "parquet" in formats and find_spec("pyarrow") is None:
        raise UsageError("--to parquet: needs pyarrow, which is not installed: pip install 'nanotally[log]'")


FILE_AN_IMAGE = frozenset({"imagej", "voc", "yolo", "overlay"})
"""Formats with files that are called like the images."""


class Output:
    """The files of one analysis.

        with Output(folder, run, ["csv", "html"]) as output:
            output.add(result)

    They are whole also if the analysis breaks off: the manifest then says that it is not complete.

    Attributes:
        images: that were added.
        counts: particles a class.
        truncated: images with more particles than the model may report.
        faults: of images that could not be read, to be added to.
    """

    def __init__(self, out: Path, run: Run, formats: Sequence[str]) -> None:
        """Begin to write `formats`, and a manifest beside them.

        Raises:
            OSError: if `out` cannot be written.
        """
        self._classes = run.classes
        self.images = self.truncated = 0
        self.counts: Counter[str] = Counter()
        self.faults: list[str] = []
        self._writers: list[Writer] = []
        out.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            for make in [ManifestFile, *({**FORMATS, **OVERLAY}[name] for name in dict.fromkeys(formats))]:
                writer: Writer = make(out, run)
                stack.callback(writer.close, self.faults)
                self._writers.append(writer)
            self._stack = stack.pop_all()

    def add(self, result: Result) -> None:
        """Write an image in every format.

        Raises:
            OSError: if it cannot be written.
        """
        for writer in self._writers:
            writer.add(result)
        self.images += 1
        self.counts.update(result.found.detections.counts(self._classes))
        self.truncated += result.found.truncated

    @property
    def particles(self) -> int:
        """In all images."""
        return sum(self.counts.values())

    def __enter__(self) -> Output:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
