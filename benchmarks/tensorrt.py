"""The TensorRT engine on a real GPU: the same particles as OpenVINO's, its rate beside the bare network's, memory.

`python benchmarks/tensorrt.py` builds the plan of a bundle if there is none, looks at dense simulated frames with both
engines, measures, watches the memory for eight minutes, lets the daemon run (`nanotally bench`), and prints tables for
docs/performance.md. `--squares` shows the network squares of its training, 12 and more a frame, not whole fields.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from nanotally.bundle import Bundle, load_bundle
from nanotally.cli.bench import simulated
from nanotally.daemon.bench.course import bench
from nanotally.daemon.bench.footage import Footage, preload
from nanotally.detect import Detector, load_engine
from nanotally.detect.batches import Look
from nanotally.detect.engines import tensorrt
from nanotally.detect.engines.tensorrt import TensorRtEngine
from nanotally.detect.pipeline import Sight
from nanotally.detections import Detections, iou
from nanotally.errors import NanotallyError

Images = NDArray[np.uint8]
FRAMES = 16
SAME_IOU = 0.9
"""Boxes of two engines that overlap so much are the same."""
SAMPLE_S = 10.0
"""Between two looks at the memory."""


def built(bundle: Bundle) -> float:
    """Seconds to build the plan; 0 if there was one."""
    if tensorrt.find_plan(bundle) is not None:
        return 0.0
    begun_s = time.monotonic()
    tensorrt.make_plan(bundle, lambda phase, share: None)
    return time.monotonic() - begun_s


def parity(here: Detector, there: Detector, images: Images) -> tuple[int, int, float, float]:
    """Particles of both, share of the second's that the first has in the same place and class, largest score apart."""
    ours, theirs, same, apart = 0, 0, 0, 0.0
    for image in images:
        a, b = here.detect(image).detections, there.detect(image).detections
        pairs = same_particles(a, b)
        ours, theirs, same = ours + len(a), theirs + len(b), same + len(pairs)
        apart = max([apart, *(abs(float(a.score[i] - b.score[j])) for i, j in pairs)])
    return ours, theirs, same / max(theirs, 1), apart


def same_particles(a: Detections, b: Detections) -> list[tuple[int, int]]:
    """Pairs that overlap by `SAME_IOU` and are of one class."""
    if not len(a) or not len(b):
        return []
    overlap = iou(a.xyxy, b.xyxy)
    best = overlap.argmax(axis=0)
    pairs = [(i, j) for j, i in enumerate(best.tolist()) if overlap[i, j] >= SAME_IOU]
    return [(i, j) for i, j in pairs if a.class_id[i] == b.class_id[j]]


def rate(once: Callable[[int], object], seconds: float) -> float:
    """How often a second `once` can be called, given a number that rises."""
    begun_s, count = time.monotonic(), 0
    while time.monotonic() < begun_s + seconds:
        once(count)
        count += 1
    return count / (time.monotonic() - begun_s)


class Recorded:
    """An engine that remembers what a detector asked it for."""

    def __init__(self, engine: TensorRtEngine) -> None:
        self._engine = engine
        self.asked: list[tuple[Sequence[Look], NDArray[np.float32]]] = []

    def look(self, looks: Sequence[Look], thresholds: NDArray[np.float32]) -> Sight:
        """As the engine does."""
        self.asked.append((looks, thresholds))
        return self._engine.look(looks, thresholds)


def rates(bundle: Bundle, engine: TensorRtEngine, images: Images, seconds: float) -> dict[str, float]:
    """Frames a second of the bare network, of the engine alone and overlapped, and with the boxes merged."""
    recorded = Recorded(engine)
    for image in images:
        Detector(bundle, recorded).detect(image)
    asked = recorded.asked
    lanes = list({lane.shape: lane for lane in engine.bare()}.values())
    flights = []

    def overlapped(number: int) -> None:
        flights.append(engine.start(*asked[number % len(asked)]))
        if len(flights) == 2:
            engine.finish(flights.pop(0))

    def network_alone(_: int) -> None:
        for lane in lanes:
            lane.run_bare()
        for lane in lanes:
            lane.wait()

    detector = Detector(bundle, engine)
    bare = [rate(network_alone, seconds)]
    told = {
        "engine, one frame after the other": rate(lambda n: engine.look(*asked[n % len(asked)]), seconds),
        "engine, two frames on their way": rate(overlapped, seconds),
        "with the boxes merged": rate(lambda n: detector.detect(images[n % len(images)]), seconds),
    }
    bare.append(rate(network_alone, seconds))
    return {"network alone": float(np.mean(bare)), **told}


def memory_mb() -> tuple[float, float]:
    """Resident memory of this process, and memory in use on the GPU."""
    from pycuda import driver

    resident = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS"))
    free, total = driver.mem_get_info()
    return int(resident.split()[1]) / 1000, (total - free) / 1e6


def watched(detector: Detector, images: Images, seconds: float) -> list[tuple[float, float]]:
    """Memory every `SAMPLE_S` while frames are looked at, of sizes that change."""
    samples = []
    for number in track(range(max(2, round(seconds / SAMPLE_S))), "memory", console=Console(stderr=True)):
        cut = 32 * (number % 3)
        rate(lambda n, cut=cut: detector.detect(images[n % len(images), cut:]), SAMPLE_S)
        samples.append(memory_mb())
    return samples


def table(title: str, rows: dict[str, str]) -> None:
    """Print a table of a page of docs."""
    print(f"\n| {title} | |\n|---|---|")
    for what, value in rows.items():
        print(f"| {what} | {value} |")


def main(
    *,
    model: Annotated[str, typer.Option(help="Bundle folder, or name of a shipped bundle.")] = "default",
    seconds: Annotated[float, typer.Option(help="How long each rate is measured.")] = 10.0,
    memory_s: Annotated[float, typer.Option(help="How long the memory is watched; 0: not at all.")] = 480.0,
    squares: Annotated[bool, typer.Option("--squares", help="Show squares of the training's size; no daemon.")] = False,
    daemon: Annotated[bool, typer.Option(help="Measure the daemon too.")] = True,
) -> None:
    """Measure the TensorRT engine on the GPU of this machine, and print tables for docs/performance.md."""
    bundle = load_bundle(model)
    if squares:
        bundle = Bundle(bundle.path, msgspec.structs.replace(bundle.manifest, stride=None))
    build_s = built(bundle)
    engine = tensorrt.load(bundle)
    detector, host = Detector(bundle, engine), Detector(bundle, load_engine("openvino", bundle))
    print(f"{engine.description}; {bundle.manifest.name} {bundle.manifest.precision}; built in {build_s:.0f} s")
    crowds: dict[int, Footage] = {number: preload(simulated(number), most=FRAMES) for number in (300, 2000)}
    for number, footage in crowds.items():
        images = footage.images
        ours, theirs, same, apart = parity(detector, host, images[:4])
        told = rates(bundle, engine, images, seconds)
        bare = told["network alone"]
        rows = {
            "particles here, with OpenVINO": f"{ours}, {theirs}",
            f"of OpenVINO's, here too (IoU {SAME_IOU}, class)": f"{same:.4f}",
            "largest difference of a score": f"{apart:.4f}",
            **{what: f"{fps:.1f} frames/s, {fps / bare:.2f} of the network alone" for what, fps in told.items()},
        }
        table(f"{number} particles asked, {images.shape[2]} x {images.shape[1]} px", rows)
    if memory_s:
        samples = watched(detector, crowds[300].images, memory_s)
        first, last = samples[len(samples) // 4], samples[-1]
        grown = {"process": last[0] - first[0], "GPU": last[1] - first[1]}
        rows = {what: f"{grew:+.1f} MB" for what, grew in grown.items()}
        table(f"memory after {memory_s:.0f} s, from a quarter of that on", rows)
    engine.close()
    if daemon and not squares:
        for number, footage in crowds.items():
            result = bench(footage, bundle=model, engine="tensorrt", seconds=seconds)
            ease = result.at_ease
            rows = {
                "flat out": f"{result.flat_out.fps:.1f} frames/s, {result.flat_out.of_engine:.2f} of the engine",
                "at ease": f"{ease.fps:.1f} frames/s, {ease.dropped} dropped",
                "age p50, p95, p99": ", ".join(f"{age:.1f} ms" for age in ease.age_ms),
            }
            table(f"the daemon, {number} particles asked", rows)


if __name__ == "__main__":
    sys.path[:] = [entry for entry in sys.path if Path(entry).resolve() != Path(__file__).parent]  # not this `tensorrt`
    try:
        typer.run(main)
    except NanotallyError as error:
        sys.exit(f"tensorrt.py: {error}")
