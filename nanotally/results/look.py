"""What is done with each image file of an analysis: read, looked at, measured."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from nanotally.detect.portable import Portable
from nanotally.measure.density import Examined
from nanotally.measure.measurement import measure
from nanotally.micrograph import Micrograph, read_micrograph
from nanotally.results.inputs import Input
from nanotally.results.result import Result


@dataclass(frozen=True, eq=False)
class Look:
    """Looks at image files, in this process or in another one that it is sent to.

    Attributes:
        portable: finds the particles.
        folder: absolute, that the paths of the inputs are to be taken from.
        nm_per_px: for images that do not tell it themselves, or None.
    """

    portable: Portable
    folder: Path
    nm_per_px: float | None

    def __call__(self, each: Input) -> Result:
        """What is in an image.

        Raises:
            MicrographError: if it cannot be read.
        """
        detector = self.portable.detector
        micrograph = self._calibrated(read_micrograph(self.folder / each.path))
        found = detector.detect(micrograph.image, field=micrograph.field)
        measured = measure(
            micrograph.image, found.detections, Examined(micrograph.field),
            nm_per_px=micrograph.nm_per_px, classes=detector.bundle.manifest.classes,
        )  # fmt: skip
        return Result(each.name, each.path, micrograph, found, measured)

    def _calibrated(self, micrograph: Micrograph) -> Micrograph:
        """With the pixel size that somebody gave, where the file tells none."""
        if self.nm_per_px is None or micrograph.nm_per_px is not None:
            return micrograph
        return replace(micrograph, nm_per_px=(self.nm_per_px, self.nm_per_px), pixel_size_from="command line")
