"""Speed and memory of the generator on one core: mode `paper` beside a plain program, mode `sem`, `sim:`, and growth.

The plain program (`plain_paper.py`) reads the same pattern, and neither may lay a particle on another; only ours writes
labels, and leaves a pixel between any two. Ours keeps the turns of its templates from picture to picture; what the
first picture of a pattern takes is told apart.
All times are of the processor, so that what else the machine does counts little.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from itertools import chain, product
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time
from typing import Annotated, Any, Literal, TypeVar

import numpy as np
import typer
from numpy.typing import NDArray
from plain_paper import Canvas, Grey, Laid, plain
from rich.console import Console
from rich.table import Table

from nanotally.generator.micrograph import SyntheticMicrograph, make_micrograph
from nanotally.generator.orders import Order, make_all
from nanotally.generator.paper import make_paper_micrograph
from nanotally.generator.pattern import read_pattern
from nanotally.generator.specimen import Specimen
from nanotally.generator.stage import Stage, parse_sim
from nanotally.opencv import cv2

HEIGHT, WIDTH = 960, 1280
BACKGROUND = 18

EDGES_PX = (16, 24, 30, 34, 35)
"""Mean edges of the cubes in part `paper`; of the largest, the paper's loop can only just lay all."""
PAPER_PARTICLES, PAPER_TARGET = 500, 10
PAPER_BEFORE = 50
"""Pictures of a pattern that ours makes before it is measured, as in a set of a hundred half are made later."""
SEM_PARTICLES, SEM_PX, SEM_TARGET = 200, 40, 5
SEM_CROWDED = 100
"""Labelled particles from which on a picture of mode `sem`, which draws their number, counts as crowded."""
SIM, SIM_FRAMES, SIM_TARGET = f"sim:?width={WIDTH}&height={HEIGHT}&particles=500&fps=0", 60, 30
GROWTH, GROWTH_PX = (0, 50, 100, 200, 500, 1000, 2000, 5000), 8
MEMORY_PX, MEMORY_PARTICLES, MEMORY_SAMPLES = (160, 128), 6, 400

T = TypeVar("T")
Curve = list[tuple[int, float]]
"""Particles, and milliseconds a picture."""
console = Console(width=120)


def timed(run: Callable[[], T]) -> tuple[float, T]:
    """Processor seconds that `run` took, and what it answered."""
    start = process_time()
    made = run()
    return process_time() - start, made


def write_pattern(folder: Path, edge_px: int) -> tuple[Path, list[Path]]:
    """A pattern of four rough cubes, as many as the paper's second has, 0.9 to 1.1 times `edge_px` wide."""
    noise = np.random.default_rng(0)
    files = []
    for number, share in enumerate((0.9, 0.97, 1.03, 1.1)):
        side = round(share * edge_px)
        grey = noise.normal(110 + 20 * number, 8, (side, side))
        cube = np.dstack([grey, grey, grey, np.full_like(grey, 255)])
        files.append(folder / f"{number}.png")
        cv2.imwrite(str(files[-1]), np.pad(cube, ((2, 2), (2, 2), (0, 0))).astype(np.uint8))
    pattern = folder / "pattern.txt"
    pattern.write_text("\n".join([f"{WIDTH} {HEIGHT}", f"@background {BACKGROUND}", *(file.name for file in files)]))
    return pattern, files


def programs_of(edge_px: int) -> dict[str, Callable[[int], Any]]:
    """Each program makes the picture of a seed."""
    with TemporaryDirectory() as folder:
        path, files = write_pattern(Path(folder), edge_px)
        pattern = read_pattern(path)
        templates = [np.array(cv2.imread(str(file), cv2.IMREAD_UNCHANGED))[..., 2:].copy() for file in files]
    canvas = Canvas(height=HEIGHT, width=WIDTH, background=BACKGROUND, particles=PAPER_PARTICLES)
    make = partial(make_paper_micrograph, pattern, height=HEIGHT, width=WIDTH, max_particles=PAPER_PARTICLES)
    return {
        "ours": lambda seed: make(seed=seed),
        "the paper's loop": partial(plain, canvas, templates, 1),
        "the same, 20 positions a turn": partial(plain, canvas, templates, 20),
    }


def checked(made: SyntheticMicrograph | tuple[Grey, Laid]) -> tuple[int, float]:
    """Particles in a picture, and the share of it that they cover; the benchmark ends if one lies on another."""
    if isinstance(made, SyntheticMicrograph):
        count, whole = len(made.truth.detections), bool((made.truth.visible == 1).all())
        covered = made.truth.instances > 0
    else:
        canvas, laid = made
        layers = np.zeros(canvas.shape, np.uint8)
        for x, y, mask in laid:
            layers[y : y + mask.shape[0], x : x + mask.shape[1]] += mask
        count, whole, covered = len(laid), layers.max() == 1, layers > 0
    if not whole:
        raise SystemExit("a particle lies on another or across the border")
    return count, float(covered.mean())


def paper(rounds: int) -> None:
    """All programs on all sizes of particles, taking turns; mean over the seeds."""
    title = f"paper, {PAPER_PARTICLES} particles; the paper's loop should take {PAPER_TARGET} times as long as ours"
    table = Table("edge px", "program", "fewest laid", "covered", "ms", "time / ours", title=title)
    for edge_px in EDGES_PX:
        programs = programs_of(edge_px)
        first_s = timed(partial(programs["ours"], rounds))[0]
        for seed in range(rounds + 1, rounds + PAPER_BEFORE):
            programs["ours"](seed)
        took_s = dict.fromkeys(programs, 0.0)
        found: dict[str, list[tuple[int, float]]] = {name: [] for name in programs}
        for seed, (name, program) in product(range(rounds), programs.items()):
            seconds, made = timed(partial(program, seed))
            took_s[name] += seconds
            found[name].append(checked(made))
        all_laid = min(found["ours"])[0] == PAPER_PARTICLES
        for name in programs:
            fewest, covered = min(found[name])[0], np.mean([share for _, share in found[name]])
            ratio = f"{took_s[name] / took_s['ours']:.1f}" if all_laid else "not all laid"
            figures = f"{100 * covered:.0f} %", f"{1000 * took_s[name] / rounds:.0f}", ratio
            table.add_row(str(edge_px), name, str(fewest), *figures)
        table.add_row(str(edge_px), "ours, the first picture", "", "", f"{1000 * first_s:.0f}", "")
        table.add_section()
    console.print(table)


def counted(make: Callable[[], SyntheticMicrograph]) -> tuple[float, int]:
    """Processor seconds that a picture took, and how many particles are labelled in it."""
    seconds, made = timed(make)
    return seconds, len(made.truth.detections)


def specimen_of(size_px: float) -> Specimen:
    """Particles of about one size, apart from one another; all else as it is unless asked for."""
    return Specimen(d_g_nm=Specimen.nm_per_px * size_px)


def sem(pictures: int) -> None:
    """One preparation with its full number of particles, and pictures as varied as `generate --mode sem` makes them."""
    one = partial(make_micrograph, specimen_of(SEM_PX), height=HEIGHT, width=WIDTH, max_particles=SEM_PARTICLES)
    order = Order(mode="sem", count=pictures, max_particles=SEM_PARTICLES, width=WIDTH, height=HEIGHT)
    making = make_all(order)
    alike = [counted(partial(one, seed=seed)) for seed in range(max(1, pictures // 10))]
    varied = []
    for _ in range(pictures):  # none is kept: a hundred would take a gigabyte
        seconds, picture = timed(partial(next, making))
        varied.append((seconds, len(picture.labels.detections)))
    rows = {
        f"one preparation, {SEM_PARTICLES} particles": alike,
        f"mode sem, up to {SEM_PARTICLES} particles": varied,
        f"of these, {SEM_CROWDED} and more labelled": [row for row in varied if row[1] >= SEM_CROWDED],
    }
    table = Table("sem", "pictures", "labelled, mean", "slowest ms", "pictures a second", f"target {SEM_TARGET}")
    for name, row in rows.items():
        if row:
            took_s, labelled = np.array(row).T
            rate = 1 / took_s.mean()
            verdict = "met" if rate >= SEM_TARGET else "missed"
            figures = f"{labelled.mean():.0f}", f"{1000 * took_s.max():.0f}", f"{rate:.1f}"
            table.add_row(name, str(len(row)), *figures, verdict)
    console.print(table)


def sim() -> None:
    """Frames of the moving stage, one by one."""
    stage = Stage(parse_sim(SIM))
    stage.image(0)
    took_s = [timed(partial(stage.image, number))[0] for number in range(1, SIM_FRAMES + 1)]
    rate = SIM_FRAMES / sum(took_s)
    table = Table("sim", "frames", "slowest ms", "frames a second", f"target {SIM_TARGET}")
    figures = f"{1000 * max(took_s):.0f}", f"{rate:.1f}"
    table.add_row(SIM, str(SIM_FRAMES), *figures, "met" if rate >= SIM_TARGET else "missed")
    console.print(table)


def growth(rounds: int, plot: Path | None) -> None:
    """Best time of a picture against the number of its particles, which are as small in both modes."""
    with TemporaryDirectory() as folder:
        pattern = read_pattern(write_pattern(Path(folder), GROWTH_PX)[0])
    modes: dict[str, Callable[..., SyntheticMicrograph]] = {
        "paper": partial(make_paper_micrograph, pattern, height=HEIGHT, width=WIDTH),
        "sem": partial(make_micrograph, specimen_of(GROWTH_PX), height=HEIGHT, width=WIDTH),
    }
    curves: dict[str, Curve] = {}
    table = Table("mode", "particles", "fewest labelled", "ms a picture", "us a particle", "exponent (linear: 1)")
    for mode, make in modes.items():
        make(max_particles=GROWTH[-1], seed=rounds)  # templates are turned before it begins
        curve = curves[mode] = []
        for most in GROWTH:
            made = [counted(partial(make, max_particles=most, seed=seed)) for seed in range(rounds)]
            took_s, labelled = zip(*made, strict=True)
            curve.append((most, 1000 * min(took_s)))
            each = f"{1000 * (curve[-1][1] - curve[0][1]) / most:.0f}" if most else ""
            last = f"{straight(curve)[0]:.2f}" if most == GROWTH[-1] else ""
            table.add_row(mode, str(most), str(min(labelled)), f"{curve[-1][1]:.1f}", each, last)
        table.add_section()
    console.print(table)
    if plot is not None:
        draw(curves, plot)


def straight(curve: Curve) -> NDArray[np.float64]:
    """Slope and offset of the line through log time beyond that of the empty picture over log particles."""
    (_, empty), *rest = curve
    most, ms = np.array(rest).T
    return np.polyfit(np.log(most), np.log(ms - empty), 1)


def draw(curves: dict[str, Curve], path: Path) -> None:
    """The curves and their straight lines, both axes logarithmic."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise typer.BadParameter("--plot needs matplotlib, which comes with the extra `train`") from error
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    for mode, curve in curves.items():
        (_, empty), *rest = curve
        most, ms = np.array(rest).T
        slope, offset = straight(curve)
        (points,) = axes.loglog(most, ms - empty, "o", label=f"{mode}, beyond {empty:.0f} ms for none")
        axes.loglog(most, np.exp(offset) * most**slope, color=points.get_color(), label=f"exponent {slope:.2f}")
    axes.set(xlabel="particles in a picture", ylabel="time for its particles, ms")
    axes.set_title(f"Cost of particles of {GROWTH_PX} px, {WIDTH}x{HEIGHT}, one core")
    axes.grid(visible=True, which="both", alpha=0.2)
    axes.legend()
    figure.savefig(path, dpi=110)


def memory(images: int) -> None:
    """Resident memory while pictures of both modes are made in turns and forgotten; the first quarter is warm-up."""
    width, height = MEMORY_PX
    order = partial(Order, count=images // 2, max_particles=MEMORY_PARTICLES, width=width, height=height)
    making = chain.from_iterable(zip(make_all(order(mode="paper")), make_all(order(mode="sem")), strict=True))
    every = max(1, images // MEMORY_SAMPLES)
    samples = [(number, resident_bytes()) for number, _ in enumerate(making, start=1) if number % every == 0]
    numbers, resident = np.array(samples[len(samples) // 4 :]).T
    slope = np.polyfit(numbers, resident, 1)[0]
    most = " / ".join(f"{quarter.max() / 1e6:.0f}" for quarter in np.array_split(np.array(samples)[:, 1], 4))
    table = Table("memory", "most MB, by quarters", "bytes a picture, last three", "target")
    table.add_row(f"{images} pictures, {width}x{height}", most, f"{slope:.0f}", "flat: 0")
    console.print(table)


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def main(
    only: Annotated[Literal["paper", "sem", "sim", "growth", "memory"] | None, typer.Option(help="One part.")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Seeds in parts paper and growth.")] = 3,
    pictures: Annotated[int, typer.Option(min=1, help="Varied pictures in part sem.")] = 100,
    memory_images: Annotated[int, typer.Option(min=100, help="Pictures in part memory.")] = 1000,
    plot: Annotated[Path | None, typer.Option(help="PNG or PDF for the curve of part growth.")] = None,
) -> None:
    """Run all parts, or one, on one core."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    cv2.setNumThreads(1)
    parts: dict[str, Callable[[], None]] = {
        "memory": partial(memory, memory_images),  # first: what other parts leave free would hide a leak
        "paper": partial(paper, rounds),
        "sem": partial(sem, pictures),
        "sim": sim,
        "growth": partial(growth, rounds, plot),
    }
    for name, part in parts.items():
        if only in (None, name):
            part()


if __name__ == "__main__":
    typer.run(main)
