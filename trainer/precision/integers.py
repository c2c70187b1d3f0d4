"""INT8: convolutions of bytes, written as pairs of QuantizeLinear and DequantizeLinear (Q/DQ)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from nanotally.trainer.precision.calibration import LEVELS
from nanotally.trainer.precision.graph import constants, joined, last, learnt, rebuilt

WEIGHT_LEVELS = 63
"""Of a weight above zero, half of what a byte has: processors without VNNI add two products of a byte and a weight in
16 bits, and 2 x 255 x 127 does not fit. It costs less than the overflow: docs/export.md has the figures."""


def quantisable(model: onnx.ModelProto) -> list[onnx.NodeProto]:
    """The convolutions that become INT8.

    The last ones stay in float, because boxes and scores are read from them. So do those that are fed several tensors
    side by side: OpenVINO 2026.4 quantises each of these by itself, and where the bytes are signed, as TensorRT wants
    them, it forgets their scale.
    """
    graph = model.graph
    kept = {node.output[0] for node in last(graph)}
    return [node for node in learnt(graph) if node.output[0] not in kept and not joined(graph, node.input[0])]


def to_int8(model: onnx.ModelProto, ranges: Mapping[str, float]) -> onnx.ModelProto:
    """The network with the inputs and the kernels of its `quantisable` convolutions as signed bytes, zero at zero.

    An input has one scale, a kernel one a filter; biases, and everything else, stay FP32.

    Args:
        model: the network in FP32; it is left as it is.
        ranges: for the input of each of these convolutions, the largest absolute value that a byte is to hold.
    """
    quantised = onnx.ModelProto()
    quantised.CopyFrom(model)
    graph = quantised.graph
    known = constants(graph)
    chosen = {node.output[0] for node in quantisable(model)}
    nodes: list[onnx.NodeProto] = []
    done: dict[str, str] = {}
    for node in graph.node:
        if node.output[0] in chosen:
            source, kernel = node.input[:2]
            if source not in done:
                nodes += _quantised_input(graph, source, ranges[source])
                done[source] = nodes[-1].output[0]
            if kernel not in done:
                nodes.append(_quantised_kernel(graph, kernel, numpy_helper.to_array(known[kernel])))
                done[kernel] = nodes[-1].output[0]
            node.input[0], node.input[1] = done[source], done[kernel]
        nodes.append(node)
    return rebuilt(quantised, nodes)


def _quantised_input(graph: onnx.GraphProto, name: str, largest: float) -> list[onnx.NodeProto]:
    scale = _constant(graph, f"{name}_scale", np.array(largest / LEVELS, np.float32))
    zero = _constant(graph, f"{name}_zero", np.array(0, np.int8))
    return [
        helper.make_node("QuantizeLinear", [name, scale, zero], [f"{name}_int8"]),
        helper.make_node("DequantizeLinear", [f"{name}_int8", scale, zero], [f"{name}_held"]),
    ]


def _quantised_kernel(graph: onnx.GraphProto, name: str, kernel: NDArray[np.float32]) -> onnx.NodeProto:
    filters = kernel.reshape(len(kernel), -1)
    step = np.maximum(np.abs(filters).max(axis=1) / WEIGHT_LEVELS, np.finfo(np.float32).tiny)
    values = np.round(filters / step[:, None]).astype(np.int8).reshape(kernel.shape)
    told = _constant(graph, f"{name}_int8", values)
    scale = _constant(graph, f"{name}_scale", step.astype(np.float32))
    zero = _constant(graph, f"{name}_zero", np.zeros(len(step), np.int8))
    return helper.make_node("DequantizeLinear", [told, scale, zero], [f"{name}_held"], axis=0)


def _constant(graph: onnx.GraphProto, name: str, values: NDArray[Any]) -> str:
    graph.initializer.append(numpy_helper.from_array(values, name))
    return name
