"""A daemon whose detector is a stand-in, for tests: `python stand_in_daemon.py CONFIG` follows a configuration file."""

import logging
import sys
import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from nanotally.bundle import Bundle, Manifest
from nanotally.daemon.config import Config
from nanotally.daemon.config_file import read_config
from nanotally.daemon.service import Service
from nanotally.detect import Detector, Found
from nanotally.detections import Detections

MANIFEST = Manifest(
    schema=1,
    name="stand-in",
    sha256="ab" * 32,
    classes=("cube", "quasi_sphere"),
    input_size_px=416,
    thresholds={"cube": 0.5, "quasi_sphere": 0.5},
)


class StandInEngine:
    name = "stand-in"
    precision = "fp32"
    description = "finds what it was told to"
    closed = False

    def infer(self, batch: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def close(self) -> None:
        self.closed = True


class StandIn(Detector):
    """Finds as many particles as the image's upper left pixel says, every third a cube."""

    def __init__(self, config: Config) -> None:
        super().__init__(Bundle(Path(), MANIFEST), StandInEngine(), config.detect)
        self.threads: set[int] = set()

    def look_at(self, images: Sequence[tuple[np.ndarray, object]], scales: object = ()) -> list[np.ndarray]:  # type: ignore[override]
        self.threads.add(threading.get_ident())
        return [image for image, _ in images]

    def merge(self, views: Sequence[np.ndarray]) -> list[Found]:  # type: ignore[override]
        return [self.find(image) for image in views]

    def find(self, image: np.ndarray) -> Found:
        n = int(image[0, 0])
        boxes = np.full((n, 4), [1, 2, 9, 12], np.float32)
        return Found(Detections(boxes, class_id=np.arange(n) % 3 > 0), False, 1, {"infer": 0.1})


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    read = partial(read_config, Path(sys.argv[1]))
    Service(read(), StandIn, reread=read).run()
