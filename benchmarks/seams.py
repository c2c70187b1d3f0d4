"""Whether counts depend on where the seams between tiles fall: `python benchmarks/seams.py FOLDER...`.

Every picture of the folders is looked at 32 times; each time the examined field, and with it every tile, begins a pixel
further right and down. Particles are counted whose centre lies where all 32 fields do. A detector without seams would
always count the same; of ours the coefficient of variation is told.
"""

from __future__ import annotations

import json
import platform
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from nanotally.bundle import load_bundle
from nanotally.detect import Detector, load_engine
from nanotally.micrograph import list_micrographs, read_micrograph

SHIFTS = 32
MARGIN_PX = 96
"""From the border of a field a particle is cut, and where that is changes what is seen of it."""


def counts(detector: Detector, image: NDArray[np.uint8], field: tuple[int, int, int, int]) -> NDArray[np.int64]:
    """(32,) particles in the common part of the shifted fields."""
    x1, y1, x2, y2 = field
    low = np.array([x1, y1]) + SHIFTS + MARGIN_PX
    high = np.array([x2, y2]) - MARGIN_PX
    found = []
    for shift in range(SHIFTS):
        boxes = detector.detect(image, field=(x1 + shift, y1 + shift, x2, y2)).detections.xyxy
        centre = (boxes[:, :2] + boxes[:, 2:]) / 2
        found.append(int(((centre >= low) & (centre < high)).all(axis=1).sum()))
    return np.array(found)


def main(
    pictures: Annotated[list[Path], typer.Argument(help="Folders of pictures.")],
    model: Annotated[Path | None, typer.Option(help="Bundle; none: the default.")] = None,
    least: Annotated[int, typer.Option(help="Pictures with fewer particles are left out.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    bundle = load_bundle(model)
    detector = Detector(bundle, load_engine("openvino", bundle))
    told: dict[str, NDArray[np.int64]] = {}
    for file in (file for folder in pictures for file in list_micrographs(folder)):
        micrograph = read_micrograph(file)
        x1, y1, x2, y2 = micrograph.field
        if min(x2 - x1, y2 - y1) < bundle.manifest.input_size_px + SHIFTS:
            continue  # one tile, no seam
        seen = counts(detector, micrograph.image, micrograph.field)
        if seen.mean() >= least:
            told[file.name] = seen
            if not as_json:
                print(f"{file.name:24} {seen.mean():8.1f} particles, {_cv(seen):6.2%}", flush=True)
    total = np.sum(list(told.values()), axis=0)
    facts = {
        "pictures": len(told),
        "mean": total.mean(),
        "cv": _cv(total),
        "median_cv": np.median([*map(_cv, told.values())]),
    }
    if as_json:
        print(json.dumps({**facts, "each": {name: seen.tolist() for name, seen in told.items()}}, default=float))
    else:
        print(f"{bundle.manifest.name} {bundle.manifest.sha256[:12]} on {platform.processor() or platform.machine()}")
        print(f"all {len(told)} pictures {total.mean():8.1f} particles, coefficient of variation {_cv(total):.2%}")


def _cv(seen: NDArray[np.int64]) -> float:
    return float(seen.std() / seen.mean())


if __name__ == "__main__":
    typer.run(main)
