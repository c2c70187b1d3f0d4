"""What converting a network must know of its ONNX graph: what was learnt, and what only moves numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

MOVERS = ("Concat", "Split", "Slice", "Resize", "MaxPool", "Reshape", "Transpose")
"""Operators whose output holds numbers of their first inputs, and no others."""


def constants(graph: onnx.GraphProto) -> dict[str, onnx.TensorProto]:
    """The graph's constants by name."""
    return {constant.name: constant for constant in graph.initializer}


def makers(graph: onnx.GraphProto) -> dict[str, onnx.NodeProto]:
    """The node that makes a tensor, by the tensor's name."""
    return {name: node for node in graph.node for name in node.output}


def learnt(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    """The convolutions whose kernels were learnt, in the order of the graph.

    Left out is the one of ultralytics' heads that takes the mean over the bins of a box's side: its kernel is 0, 1, 2
    and so on (Li et al. 2020, Generalized Focal Loss, equation 5).
    """
    known = constants(graph)
    found = [node for node in graph.node if node.op_type == "Conv" and node.input[1] in known]
    return [node for node in found if not _counts(numpy_helper.to_array(known[node.input[1]]))]


def _counts(kernel: NDArray[Any]) -> bool:
    return bool(kernel.size > 1 and kernel.shape[0] == 1 and np.array_equal(kernel.ravel(), np.arange(kernel.size)))


def computed_from(node: onnx.NodeProto) -> Sequence[str]:
    """The node's inputs, without the sizes and scales of a resized one."""
    return list(node.input[:1] if node.op_type == "Resize" else node.input)


def before(graph: onnx.GraphProto, tensors: Iterable[str]) -> set[str]:
    """Names of `tensors` and of all that they are computed from."""
    made_by = makers(graph)
    found: set[str] = set()
    waiting = list(tensors)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        if node := made_by.get(name):
            waiting += computed_from(node)
    return found


def last(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    """The learnt convolutions after which there is no other: those that give boxes and scores."""
    convolutions = learnt(graph)
    fed = before(graph, [node.input[0] for node in convolutions])
    return [node for node in convolutions if node.output[0] not in fed]


def joined(graph: onnx.GraphProto, tensor: str) -> bool:
    """True if `tensor` holds the numbers of several tensors, side by side."""
    node = makers(graph).get(tensor)
    if node is None or node.op_type not in MOVERS:
        return False
    return node.op_type == "Concat" or joined(graph, node.input[0])


def rebuilt(model: onnx.ModelProto, nodes: Sequence[onnx.NodeProto]) -> onnx.ModelProto:
    """A model of these nodes, in order, with those constants of `model` that they use; checked, types included."""
    used = {name for node in nodes for name in node.input}
    graph = onnx.GraphProto(
        name=model.graph.name,
        node=nodes,
        input=model.graph.input,
        output=model.graph.output,
        initializer=[constant for constant in model.graph.initializer if constant.name in used],
    )
    built = onnx.ModelProto()
    built.CopyFrom(model)
    built.graph.CopyFrom(graph)
    onnx.checker.check_model(built, full_check=True)
    return built
