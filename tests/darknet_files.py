"""Darknet networks for tests: the shipped cfgs with changes, random weights, and what OpenCV makes of both."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nanotally.opencv import cv2
from nanotally.trainer.darknet.cfg import read_cfg
from nanotally.trainer.darknet.network import Convolution, Network, Yolo
from nanotally.trainer.darknet.weights import Filters, Weights, write_weights

ARCHITECTURES = Path(__file__).parent.parent / "trainer" / "architectures"
NETWORKS = ("yolov3-tiny", "yolov4-tiny")


def cfg_text(name: str, *, side: int = 416, channels: int = 1, classes: int = 2) -> str:
    text = (ARCHITECTURES / f"{name}.cfg").read_text()
    for old, new in (
        ("width=416\nheight=416\nchannels=1", f"width={side}\nheight={side}\nchannels={channels}"),
        ("filters=21\n", f"filters={3 * (5 + classes)}\n"),
        ("classes=2\n", f"classes={classes}\n"),
    ):
        assert old in text
        text = text.replace(old, new)
    return text


def write_cfg(folder: Path, text: str) -> Network:
    path = folder / "net.cfg"
    path.write_text(text)
    return read_cfg(path)


def random_weights(network: Network, seed: int = 0) -> Weights:
    """Weights with which the answers of every layer keep about the same size, so that every layer counts.

    Variances are large against what is added to them before the root is taken: darknet adds 1e-5, OpenCV 1e-6.
    """
    rng = np.random.default_rng(seed)
    convolutions = []
    for layer in network.layers:
        if isinstance(layer, Convolution):
            filters, *fan_in = layer.kernel
            gain = 2 * 6.5 if layer.normalised else 0.06  # the mean variance is taken out again
            kernel = rng.normal(0, np.sqrt(gain / np.prod(fan_in)), layer.kernel)
            norm = rng.uniform(0.7, 1.3, filters), rng.normal(0, 0.5, filters), rng.uniform(4, 9, filters)
            convolutions.append(
                Filters(
                    rng.normal(0, 0.2, filters).astype(np.float32),
                    np.stack(norm).astype(np.float32) if layer.normalised else None,
                    kernel.astype(np.float32),
                )
            )
    return Weights(tuple(convolutions), seen=64_000)


def opencv_raw(network: Network, weights: Weights, batch: NDArray[np.float32]) -> NDArray[np.float32]:
    """What OpenCV's importer answers for `batch` (n, channels, side, side), laid out as our graph's output.

    OpenCV sets low scores to 0 and suppresses overlapping boxes, unless its own keys in the cfg say otherwise.
    """
    cfg = network.path.with_name("opencv.cfg")
    cfg.write_text(network.path.read_text().replace("[yolo]\n", "[yolo]\nthresh=0\nnms_threshold=0\n"))
    write_weights(cfg.with_suffix(".weights"), weights)
    net = cv2.dnn.readNetFromDarknet(str(cfg), str(cfg.with_suffix(".weights")))
    net.setInput(batch)
    heads = [layer for layer in network.layers if isinstance(layer, Yolo)]
    parts = []
    for rows, head in zip(net.forward(net.getUnconnectedOutLayersNames()), heads, strict=True):
        columns, cells = 5 + head.classes, head.shape[1] * head.shape[2]
        table = rows.reshape(len(batch), cells, len(head.anchors), columns)
        parts.append(table.transpose(0, 3, 2, 1).reshape(len(batch), columns, -1))
    raw = np.concatenate(parts, axis=2)
    raw[:, :4] *= network.side_px
    return np.delete(raw, 4, axis=1)  # objectness is in the class scores
