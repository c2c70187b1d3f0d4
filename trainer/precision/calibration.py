"""Calibration: how large the numbers inside a network become on real pictures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
from msgspec.structs import replace
from numpy.typing import NDArray
from onnx import helper

from nanotally.bundle import Bundle
from nanotally.detect import Detector
from nanotally.detect.engines.openvino import core
from nanotally.labels import Dataset
from nanotally.micrograph import read_micrograph

PICTURES = 24
TILES_EACH = 4
"""What is looked at: so many pictures, spread evenly over the set, and so many tiles of each."""
BINS = 2048
"""Of the histogram of a tensor's absolute values."""
LEVELS = 127
"""Of a signed byte above zero."""


class TileKeeper:
    """An engine that finds nothing, and keeps some of the tiles that it is shown.

    Attributes:
        tiles: those kept, each (1, 1, side, side) float32.
    """

    name, precision, description = "keeper", "fp32", "keeps tiles"

    def __init__(self, classes: int) -> None:
        self.tiles: list[NDArray[np.float32]] = []
        self._rows = 4 + classes

    def infer(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """No particle in any tile."""
        chosen = np.unique(np.linspace(0, len(batch) - 1, TILES_EACH).astype(int))
        self.tiles += [batch[i : i + 1].copy() for i in chosen]
        return np.zeros((len(batch), self._rows, 1), np.float32)

    def close(self) -> None:
        """Nothing is held."""


def tiles_of(pictures: Dataset, bundle: Bundle) -> list[NDArray[np.float32]]:
    """Tiles (1, 1, side, side) float32, 0 to 1, as the detector cuts them out of some pictures of the set."""
    keeper = TileKeeper(len(bundle.manifest.classes))
    squares = Bundle(bundle.path, replace(bundle.manifest, stride=None))  # small, and those of the training
    detector = Detector(squares, keeper)
    chosen = np.unique(np.linspace(0, len(pictures.samples) - 1, PICTURES).astype(int))
    for index in chosen:
        micrograph = read_micrograph(pictures.samples[index].image)
        detector.detect(micrograph.image, field=micrograph.field)
    return keeper.tiles


def measure_ranges(
    model: onnx.ModelProto, tensors: Sequence[str], tiles: Sequence[NDArray[np.float32]]
) -> dict[str, float]:
    """For each of `tensors` the absolute value up to which a signed byte is to hold it.

    It is where the mean squared error over all tiles is least, of rounding what lies below and of cutting off what
    lies above: a few very large values are not worth a coarser step for all others.
    """
    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    inputs = {value.name for value in model.graph.input}
    outputs = [name for name in tensors if name not in inputs]
    watched.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in outputs)
    network = core().read_model(watched.SerializeToString())
    network.reshape(tiles[0].shape)
    run = core().compile_model(network, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})

    def magnitudes(tile: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        answer = run([tile])
        found = {name: np.abs(answer[place]) for place, name in enumerate(outputs, start=len(model.graph.output))}
        return {name: found.get(name, np.abs(tile)) for name in tensors}

    top = dict.fromkeys(tensors, 0.0)
    for tile in tiles:
        top = {name: max(top[name], float(values.max())) for name, values in magnitudes(tile).items()}
    counts = {name: np.zeros(BINS, np.int64) for name in tensors}
    for tile in tiles:
        for name, values in magnitudes(tile).items():
            counts[name] += np.histogram(values, BINS, (0, top[name] or 1.0))[0]
    return {name: best_range(counts[name], top[name] or 1.0) for name in tensors}


def best_range(counts: NDArray[np.int64], top: float) -> float:
    """The range of least mean squared error, of values with this histogram over 0 to `top`."""
    middle = (np.arange(len(counts)) + 0.5) * top / len(counts)
    candidates = top * np.linspace(0.05, 1, 96)
    step = candidates[:, None] / LEVELS
    told = np.minimum(np.round(middle / step), LEVELS) * step
    return float(candidates[((told - middle) ** 2 @ counts).argmin()])
