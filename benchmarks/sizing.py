"""Sizes: ours beside the bounding box and Otsu's threshold, on shapes rendered at every rotation; then micrographs.

The shapes are those of the tests (`tests/rendered.py`): known to the last digit, blurred, with bright edges, in noise,
each in a box as a detector gives it. Every method gets the same frames and the same boxes.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from time import process_time

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from nanotally.detections import CLASSES, Detections, iou
from nanotally.generator.labelled import Labelled, read_labelled
from nanotally.generator.micrograph import make_micrograph
from nanotally.generator.recipe import read_recipe, sample
from nanotally.measure.agglomerates import find_agglomerates
from nanotally.measure.sizing import size_particles
from nanotally.opencv import cv2

sys.path.append(str(Path(__file__).parent.parent / "tests"))
from rendered import JITTER, Scene, render

SIZES_PX = (10, 15, 20, 30, 45, 70, 110, 200)
CONDITIONS = ((0.5, 20), (1.0, 10), (1.5, 20), (1.5, 5))
"""Blur in pixels and signal to noise."""
TURNS, REPEATS, REPEATED_BELOW_PX = np.arange(0, 91, 3.0), 6, 60
PLOTTED = (30, 1.5, 5)
MICROGRAPHS, MOST = 60, 200
WHOLE = 0.99
SPEED, SPEED_PX, ROUNDS = (100, 300, 1000, 2000), 30, 15

Column = NDArray[np.float64]
Method = Callable[[Scene], Column]
console = Console(width=140)


def ours(scene: Scene) -> Column:
    return np.asarray(size_particles(scene.image, Detections(scene.boxes)).px.edge, float)


def box(scene: Scene) -> Column:
    """Mean side of the exact box: the best that a detector alone can do."""
    return np.asarray((scene.tight[:, 2:] - scene.tight[:, :2]).mean(axis=1), float)


def otsu(scene: Scene) -> Column:
    """Sides of the smallest rectangle around the largest part above Otsu's threshold."""
    found = []
    for x1, y1, x2, y2 in scene.boxes.round().astype(int).tolist():
        grey = cv2.GaussianBlur(scene.image[max(y1 - 4, 0) : y2 + 4, max(x1 - 4, 0) : x2 + 4], (0, 0), 1)
        _, above = cv2.threshold(grey, 0, 255, cv2.THRESH_OTSU)
        parts, _ = cv2.findContours(above, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        found.append(np.mean(cv2.minAreaRect(max(parts, key=cv2.contourArea))[1]) + 1)
    return np.array(found)


METHODS: dict[str, Method] = {"ours": ours, "Otsu, rectangle": otsu, "bounding box": box}


def squares() -> dict[tuple[float, float, int], Scene]:
    """A scene a condition and size, particles at every rotation."""
    return {
        (size_px, blur_px, snr): render(
            "square", size_px, np.tile(TURNS, REPEATS if size_px < REPEATED_BELOW_PX else 1), blur_px=blur_px, snr=snr
        )
        for size_px in SIZES_PX
        for blur_px, snr in CONDITIONS
    }


def at_every_rotation(error: Column) -> Column:
    """Mean size of the error, not counting its sign, at each of `TURNS` at which there is one."""
    by_turn = np.abs(error).reshape(-1, len(TURNS))
    return np.asarray(np.nanmean(by_turn[:, np.isfinite(by_turn).any(axis=0)], axis=0))


def accuracy(plot: Path | None) -> None:
    """Print how wrong edges of squares, and ECDs of squares and discs, are."""
    table = Table(
        "edge px", "blur px", "SNR", "method", "edge: bias %", "rms %", "worst rotation %", "largest %", "given"
    )
    scenes = squares()
    for (size_px, blur_px, snr), scene in scenes.items():
        for name, method in METHODS.items():
            error = 100 * (method(scene) / size_px - 1)
            given = np.isfinite(error)
            figures = (
                np.nanmean(error),
                np.sqrt(np.nanmean(error**2)),
                at_every_rotation(error).max(),
                np.nanmax(abs(error)),
            )
            table.add_row(
                str(size_px), str(blur_px), str(snr), name, *(f"{v:.2f}" for v in figures), f"{given.mean():.2f}"
            )
    console.print(table)
    table = Table("ECD px", "blur px", "SNR", "shape", "bias %", "rms %", "largest %", "given")
    for size_px in SIZES_PX:
        for blur_px, snr in CONDITIONS:
            disc = render("disc", size_px * 1.05, TURNS, blur_px=blur_px, snr=snr)
            for shape, scene in (("square", scenes[size_px, blur_px, snr]), ("disc", disc)):
                class_id = np.full(len(scene.boxes), CLASSES.index("cube" if shape == "square" else "quasi_sphere"))
                sizing = size_particles(scene.image, Detections(scene.boxes, class_id=class_id))
                error = 100 * (sizing.px.ecd / scene.ecd_px - 1)
                figures = np.nanmean(error), np.sqrt(np.nanmean(error**2)), np.nanmax(np.abs(error))
                row = f"{scene.ecd_px:.1f}", str(blur_px), str(snr), shape, *(f"{v:.2f}" for v in figures)
                table.add_row(*row, f"{sizing.measured.mean():.2f}")
    console.print(table)
    if plot is not None:
        draw(plot, scenes[PLOTTED])


def draw(path: Path, scene: Scene) -> None:
    """Error of the edge against the rotation, as a picture."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3.6), layout="constrained")
    axes = figure.add_subplot()
    for (name, method), colour in zip(METHODS.items(), ("tab:green", "tab:orange", "tab:red"), strict=True):
        error = 100 * (method(scene) / PLOTTED[0] - 1)
        axes.plot(scene.turn_deg, error, ".", color=colour, alpha=0.5, markersize=4)
        axes.plot(TURNS, np.nanmean(error.reshape(-1, len(TURNS)), axis=0), color=colour, label=name)
    axes.axhspan(-2, 2, color="tab:green", alpha=0.12, label="2 %")
    axes.set(xlabel="rotation, degrees", ylabel="error of the edge, %", xlim=(0, 90))
    axes.set_title(f"edge {PLOTTED[0]} px, blur {PLOTTED[1]} px, signal to noise {PLOTTED[2]}", fontsize=10)
    axes.legend(fontsize=8)
    figure.savefig(path, dpi=110)


def real(folder: Path) -> None:
    """Print how far ECDs in real micrographs are from those of drawn outlines."""
    spread: dict[str, list[Column]] = defaultdict(list)
    ratios: dict[str, list[Column]] = defaultdict(list)
    for labels in sorted((folder / "labels").glob("*.txt")):
        if labels.name == "classes.txt":
            continue
        name = f"{labels.stem}.png"
        labelled = read_labelled(folder / "images" / name, labels, mask=folder / "masks" / name)
        truth, ratio = ecd_ratio(labelled)
        kind = CLASSES[labelled.labels.detections.class_id[0]]
        whole = truth & (labelled.labels.detections.size.min(axis=1) >= 10)
        if np.isfinite(ratio[whole]).sum() >= 3:
            ratios[kind].append(ratio[whole])
            spread[kind].append(np.abs(ratio[whole] / np.nanmedian(ratio[whole]) - 1))
    table = Table(
        "real micrographs", "whole particles", "measured", "ECD to drawn outline", "spread: median %", "p90 %"
    )
    for kind, parts in ratios.items():
        ratio, off = np.concatenate(parts), 100 * np.concatenate(spread[kind])
        figures = f"{np.nanmedian(ratio):.3f}", f"{np.nanmedian(off):.2f}", f"{np.nanpercentile(off, 90):.2f}"
        table.add_row(kind, str(len(ratio)), f"{np.isfinite(ratio).mean():.2f}", *figures)
    console.print(table)


def ecd_ratio(labelled: Labelled) -> tuple[NDArray[np.bool_], Column]:
    """Which particles of a picture are whole, and the ECD found over that of the drawn outline."""
    assert labelled.instances is not None
    image, found = labelled.micrograph.image, labelled.labels.detections
    area = np.bincount(labelled.instances.ravel(), minlength=len(found) + 1)[1 : len(found) + 1]
    sizing = size_particles(image, jittered(found))
    height, width = image.shape
    whole = (found.xyxy >= 1).all(axis=1) & (found.xyxy[:, 2:] <= [width - 1, height - 1]).all(axis=1) & (area > 0)
    return whole, np.asarray(sizing.px.ecd / np.sqrt(4 / np.pi * np.maximum(area, 1)), float)


def jittered(found: Detections) -> Detections:
    """The same particles in boxes as a detector gives them."""
    shift = np.random.default_rng(0).uniform(-JITTER, JITTER, found.xyxy.shape) * np.tile(found.size, 2)
    boxes = (found.xyxy + shift).astype(np.float32)
    assert not len(found) or np.diag(iou(boxes, found.xyxy)).mean() > 0.8
    return Detections(boxes, class_id=found.class_id)


def synthetic() -> None:
    """Print how far ECDs in synthetic micrographs of recipe `sem` are from those of the exact masks."""
    recipe, rows = read_recipe("sem"), []
    for seed in range(MICROGRAPHS):
        specimen, _ = sample(recipe, np.random.default_rng(seed))
        made = make_micrograph(specimen, height=480, width=640, max_particles=MOST, seed=seed)
        found = made.truth.detections
        area = np.bincount(made.truth.instances.ravel(), minlength=len(found) + 1)[1:]
        ecd = np.sqrt(4 / np.pi * np.maximum(area, 1))
        sizing = size_particles(made.image, jittered(found), field=made.field)
        whole = (made.truth.visible >= WHOLE) & ~made.truth.truncated & (ecd >= 10)
        through = np.full(whole.sum(), specimen.material.absorption > 0)
        rows.append(np.stack([found.class_id[whole], through, ecd[whole], (sizing.px.ecd / ecd)[whole]]))
    class_id, through, ecd, ratio = np.concatenate(rows, axis=1)
    table = Table("synthetic", "seen by", "ECD px", "whole particles", "measured", "error: median %", "p90 %", "bias %")
    for kind, name in enumerate(CLASSES):
        for beam, seen_by in enumerate(("its surface", "transmission")):
            for least, most in ((10, 30), (30, 1000)):
                chosen = (class_id == kind) & (through == beam) & (ecd >= least) & (ecd < most)
                error = 100 * (ratio[chosen] - 1)
                figures = np.nanmedian(np.abs(error)), np.nanpercentile(np.abs(error), 90), np.nanmedian(error)
                row = name, seen_by, f"{least} to {most}", str(len(error)), f"{np.isfinite(error).mean():.2f}"
                table.add_row(*row, *(f"{v:.2f}" for v in figures))
    console.print(table)


def speed() -> None:
    """Print processor milliseconds a frame, best of several rounds."""
    table = Table("particles a frame", "contours and sizes ms", "agglomerates ms")
    for number in SPEED:
        scene = render("square", SPEED_PX, np.linspace(0, 90, number), blur_px=1, snr=10)
        found = Detections(scene.boxes)
        sizing = size_particles(scene.image, found, nm_per_px=(2, 2))
        took = [
            best_ms(lambda f=found, s=scene: size_particles(s.image, f, nm_per_px=(2, 2))),  # type: ignore[misc]
            best_ms(lambda f=found, s=scene, z=sizing: find_agglomerates(f, z, s.image.shape)),  # type: ignore[misc]
        ]
        table.add_row(str(number), *(f"{ms:.1f}" for ms in took))
    console.print(table)


def best_ms(work: Callable[[], object]) -> float:
    took = []
    for _ in range(ROUNDS):
        start = process_time()
        work()
        took.append(process_time() - start)
    return 1000 * min(took)


def main(emps: Path = Path("../shared/data/emps-dev"), plot: Path | None = None) -> None:
    """Print all tables; the real micrographs are left out where their folder is not there."""
    cv2.setNumThreads(1)
    accuracy(plot)
    synthetic()
    if (emps / "masks").is_dir():
        real(emps)
    speed()


if __name__ == "__main__":
    typer.run(main)
