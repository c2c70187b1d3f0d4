"""The detector of the daemon beside what one would write without it: same weights, same pictures, in turns in one run.

`python benchmarks/daemon.py WEIGHTS.pt SET` exports the weights with our exporter and with that of ultralytics, shows
every picture of the labelled SET to each way, and tells frames a second beside recall and precision at one threshold:
a speed means nothing where fewer particles are found. SAHI is left out where it is not installed.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from nanotally.detect import Detector, DetectSettings, load_engine
from nanotally.detections import CLASSES, Detections
from nanotally.labels import read_dataset
from nanotally.measure.judged import Judged, of_one_class
from nanotally.measure.ledger import ledger
from nanotally.opencv import cv2
from nanotally.trainer.evaluate import Question, judged_of, pictures_of
from nanotally.trainer.export import export

SIDE_PX, OVERLAP = 416, 0.25
"""Of a tile: side, and share of it by which tiles overlap."""
SCORE, IOU, MOST = 0.4, 0.5, 3000

Way = Callable[[NDArray[np.uint8]], Detections]


def ours(weights: Path, folder: Path, levels: int | None) -> Way:
    """Our detector, at so many scales."""
    bundle = export(weights, folder, name="benchmark", side_px=SIDE_PX, trained_on="")
    settings = DetectSettings(score=SCORE, levels=levels)
    detector = Detector(bundle, load_engine("auto", bundle), settings)
    return lambda image: detector.detect(image).detections


def ultralytics_stream(weights: Path, image: NDArray[np.uint8]) -> Way:
    """Streaming predict of ultralytics on the whole picture in native resolution, by what `weights` are for."""
    from ultralytics import YOLO

    model = YOLO(weights, task="detect")
    size = _multiple(image.shape)

    def predict(picture: NDArray[np.uint8]) -> Detections:
        grey = cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR)
        options = {"imgsz": size, "conf": SCORE, "iou": IOU, "max_det": MOST, "agnostic_nms": True, "verbose": False}
        (told,) = model.predict(grey, stream=True, **options)
        boxes = told.boxes.cpu().numpy()
        return Detections(boxes.xyxy, boxes.conf, boxes.cls.astype(np.uint16))

    return predict


def openvino_of_ultralytics(weights: Path, folder: Path, image: NDArray[np.uint8]) -> Path:
    """Its own OpenVINO export, for pictures as large as `image`."""
    from ultralytics import YOLO

    copy = folder / "ultralytics.pt"
    shutil.copy(weights, copy)
    return Path(YOLO(copy).export(format="openvino", imgsz=list(_multiple(image.shape)), verbose=False))


def sahi(weights: Path) -> Way:
    """SAHI's sliced prediction, with tiles as large as ours."""
    from sahi import AutoDetectionModel
    from sahi.predict import get_sliced_prediction

    model = AutoDetectionModel.from_pretrained(
        model_type="ultralytics", model_path=str(weights), confidence_threshold=SCORE, image_size=SIDE_PX
    )

    def predict(picture: NDArray[np.uint8]) -> Detections:
        grey = cv2.cvtColor(picture, cv2.COLOR_GRAY2RGB)
        told = get_sliced_prediction(
            grey, model, slice_height=SIDE_PX, slice_width=SIDE_PX, overlap_height_ratio=OVERLAP,
            overlap_width_ratio=OVERLAP, postprocess_match_threshold=IOU, verbose=0,
        ).object_prediction_list  # fmt: skip
        boxes = np.array([each.bbox.to_xyxy() for each in told], np.float32).reshape(-1, 4)
        return Detections(boxes, [each.score.value for each in told], [each.category.id for each in told])

    return predict


def _multiple(shape: tuple[int, ...]) -> tuple[int, int]:
    """Height and width as the network takes them: multiples of 32."""
    return -(-shape[0] // 32) * 32, -(-shape[1] // 32) * 32


def in_turns(ways: dict[str, Way], asked: list[Question], rounds: int) -> dict[str, tuple[float, list[Judged]]]:
    """Median seconds a picture of each way, and what it found."""
    took: dict[str, list[float]] = {name: [] for name in ways}
    judged: dict[str, list[Judged]] = {name: [] for name in ways}
    for turn in range(rounds + 1):  # the first is for warming up
        for question in asked:
            for name, way in ways.items():
                begun = perf_counter()
                found = way(question.micrograph.image)
                took[name].append(perf_counter() - begun)
                if turn == 0:
                    judged[name].append(judged_of(question, found))
    return {name: (float(np.median(took[name][len(asked) :])), judged[name]) for name in ways}


def main(weights: Path, pictures: Path, rounds: int = 5, most: int = 12) -> None:
    """Print the table."""
    asked = list(pictures_of(read_dataset(pictures)))[:most]
    first = asked[0].micrograph.image
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        ways = {
            "nanotally": ours(weights, folder / "own", None),
            "nanotally, one scale": ours(weights, folder / "one", 1),
            "ultralytics, torch": ultralytics_stream(weights, first),
            "ultralytics, its OpenVINO": ultralytics_stream(openvino_of_ultralytics(weights, folder, first), first),
        }
        if find_spec("sahi"):
            ways["SAHI"] = sahi(weights)
        told = in_turns(ways, asked, rounds)
    own_s = told["nanotally"][0]
    table = Table("way", "frames/s", "time / ours", "particles", "recall", "precision", "AP, any class")
    for name, (took_s, judged) in told.items():
        book = ledger(of_one_class(judged), 1)
        right, false = int(book.finds.right.sum()), int((book.finds.counts & ~book.finds.right).sum())
        labelled = sum(each.labelled for each in judged)
        shares = right / max(labelled, 1), right / max(right + false, 1), book.curve(0).area()
        speed = f"{1 / took_s:.2f}", f"{took_s / own_s:.2f}"
        table.add_row(name, *speed, str(right + false), *(f"{share:.3f}" for share in shares))
    console = Console(width=120)
    height, width = first.shape
    console.print(f"{len(asked)} pictures such as {width} x {height}, {len(os.sched_getaffinity(0))} cores, {CLASSES}")
    console.print(table)
    if not find_spec("sahi"):
        console.print("SAHI is not installed here: left out")


if __name__ == "__main__":
    typer.run(main)
