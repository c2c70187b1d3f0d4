"""The ONNX graph of a darknet network: grey tiles in, boxes in network pixels and class scores out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from nanotally.errors import BundleError
from nanotally.trainer.darknet.network import Convolution, MaxPool, Network, Route, Upsample, Yolo
from nanotally.trainer.darknet.weights import Filters, Weights

OPSET = 17
"""The newest that TensorRT 8.5 reads."""
IR_VERSION = 8
"""The file format that belongs to it."""
EPSILON = 1e-5
"""Added to the variance in darknet's batch normalisation."""
LEAK = 0.1
"""Slope of darknet's leaky rectifier below zero."""


class Graph:
    """Nodes and constants of an ONNX graph while it is built."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Append a node; answers the name of what it gives."""
        name = f"{operator}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], name=name, **attributes))
        return name

    def split(self, source: str, sizes: Sequence[int], *, axis: int) -> list[str]:
        """Append a node that cuts `source` into parts of `sizes` along `axis`; answers their names."""
        name = f"Split_{len(self.nodes)}"
        parts = [f"{name}_{n}" for n in range(len(sizes))]
        self.nodes.append(helper.make_node("Split", [source, self.constant(sizes)], parts, name=name, axis=axis))
        return parts

    def constant(self, values: NDArray[Any] | Sequence[int]) -> str:
        """Append a constant; whole numbers become int64, as shapes and indices must be."""
        name = f"constant_{len(self.constants)}"
        array = np.asarray(values)
        self.constants.append(numpy_helper.from_array(array.astype("f4" if array.dtype.kind == "f" else "i8"), name))
        return name


def build_onnx(network: Network, weights: Weights, *, class_order: Sequence[int]) -> onnx.ModelProto:
    """The network as ONNX, its decoding included, suppression not: that is done outside, where nothing has a cap.

    Input `images` (batch, 1, side, side) float32, 0 to 1; a network of three channels gets the grey picture in each of
    them. Output `output0` (batch, 4 + classes, anchors) float32: rows cx cy w h in network pixels, then the probability
    of each class, objectness multiplied in.

    Args:
        network: what `read_cfg` answers.
        weights: what `read_weights` answers for it.
        class_order: which class of the network is row 4, 5 ... of the output.

    Raises:
        BundleError: if a number among the weights is not finite, or a variance negative.
    """
    graph = Graph()
    filters = iter(weights.convolutions)
    before = "images" if network.channels == 1 else graph.add("Concat", *["images"] * network.channels, axis=1)
    answers: list[str] = []
    heads: list[str] = []
    for index, layer in enumerate(network.layers):
        if isinstance(layer, Convolution):
            before = _convolution(graph, layer, before, *_folded(next(filters), index))
        elif isinstance(layer, MaxPool):
            before = _max_pool(graph, layer, before)
        elif isinstance(layer, Upsample):
            before = _upsample(graph, layer, before)
        elif isinstance(layer, Route):
            before = _route(graph, layer, answers, network)
        elif isinstance(layer, Yolo):
            heads.append(_boxes(graph, layer, before, network.side_px, class_order))
        answers.append(before)
    graph.nodes.append(helper.make_node("Concat", heads, ["output0"], name="output0", axis=2))
    return _model(graph, network, rows=4 + len(class_order))


def _model(graph: Graph, network: Network, *, rows: int) -> onnx.ModelProto:
    side = network.side_px
    anchors = sum(len(n.anchors) * n.shape[1] * n.shape[2] for n in network.layers if isinstance(n, Yolo))
    images = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 1, side, side])
    output = helper.make_tensor_value_info("output0", TensorProto.FLOAT, ["batch", rows, anchors])
    built = helper.make_graph(graph.nodes, network.path.stem, [images], [output], graph.constants)
    opset = [helper.make_opsetid("", OPSET)]
    return helper.make_model(built, opset_imports=opset, ir_version=IR_VERSION, producer_name="nanotally")


def _folded(filters: Filters, index: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Kernel and bias of a convolution that does the work of the batch normalisation after it too."""
    kernel, bias = filters.kernel.astype(np.float64), filters.bias.astype(np.float64)
    with np.errstate(all="ignore"):  # what comes of bad weights is found below
        if filters.norm is not None:
            gamma, mean, variance = filters.norm.astype(np.float64)
            scale = gamma / np.sqrt(variance + EPSILON)
            kernel, bias = kernel * scale[:, None, None, None], bias - mean * scale
        folded = kernel.astype(np.float32), bias.astype(np.float32)
    if not all(np.isfinite(array).all() for array in folded):
        raise BundleError(f"layer {index}: weights that are no numbers, or a negative variance; the training diverged")
    return folded


def _convolution(
    graph: Graph, layer: Convolution, before: str, kernel: NDArray[np.float32], bias: NDArray[np.float32]
) -> str:
    constants = graph.constant(kernel), graph.constant(bias)
    answer = graph.add("Conv", before, *constants, strides=[layer.stride] * 2, pads=[layer.padding] * 4)
    return graph.add("LeakyRelu", answer, alpha=LEAK) if layer.leaky else answer


def _max_pool(graph: Graph, layer: MaxPool, before: str) -> str:
    low = layer.padding // 2
    high = layer.padding - low
    return graph.add(
        "MaxPool", before, kernel_shape=[layer.size] * 2, strides=[layer.stride] * 2, pads=[low, low, high, high]
    )


def _upsample(graph: Graph, layer: Upsample, before: str) -> str:
    scales = graph.constant(np.array([1.0, 1.0, layer.factor, layer.factor]))
    return graph.add(
        "Resize", before, "", scales, mode="nearest", nearest_mode="floor", coordinate_transformation_mode="asymmetric"
    )


def _route(graph: Graph, layer: Route, answers: Sequence[str], network: Network) -> str:
    parts = [answers[source] for source in layer.layers]
    if layer.groups > 1:
        channels = [network.layers[source].shape[0] for source in layer.layers]
        parts = [
            graph.split(part, [many // layer.groups] * layer.groups, axis=1)[layer.group]
            for part, many in zip(parts, channels, strict=True)
        ]
    return graph.add("Concat", *parts, axis=1) if len(parts) > 1 else parts[0]


def _boxes(graph: Graph, layer: Yolo, before: str, side_px: int, class_order: Sequence[int]) -> str:
    """The head's boxes, (batch, 4 + classes, anchors), after darknet's yolo layer.

    With s = `scale_xy` a centre is (cell + s sigmoid(t) - (s - 1) / 2) cells from the corner of the picture, a size is
    exp(t) times the anchor's, and a class score is sigmoid(objectness) sigmoid(class).
    """
    (_, height, width), many = layer.shape, len(layer.anchors)
    raw = graph.add("Reshape", before, graph.constant([0, many, 5 + layer.classes, height * width]))
    centre, size, objectness, classes = graph.split(raw, [2, 2, 1, layer.classes], axis=2)

    cell_px = np.array([side_px / width, side_px / height])[:, None]
    row, column = np.divmod(np.arange(height * width), width)
    corner_px = (np.stack([column, row]) - (layer.scale_xy - 1) / 2) * cell_px
    centre = graph.add("Sigmoid", centre)
    centre = graph.add("Mul", centre, graph.constant(layer.scale_xy * cell_px[None, None]))
    centre = graph.add("Add", centre, graph.constant(corner_px[None, None]))

    size = graph.add("Exp", size)
    size = graph.add("Mul", size, graph.constant(np.array(layer.anchors)[None, :, :, None]))

    classes = graph.add("Gather", classes, graph.constant(class_order), axis=2)
    score = graph.add("Mul", graph.add("Sigmoid", objectness), graph.add("Sigmoid", classes))

    boxes = graph.add("Concat", centre, size, score, axis=2)
    boxes = graph.add("Transpose", boxes, perm=[0, 2, 1, 3])
    return graph.add("Reshape", boxes, graph.constant([0, 4 + len(class_order), many * height * width]))
