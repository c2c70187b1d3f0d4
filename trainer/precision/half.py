"""FP16: half the size, and the form in which TensorRT is told to compute in it."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from nanotally.errors import BundleError
from nanotally.trainer.precision.graph import before, computed_from, constants, learnt, rebuilt


def to_half(model: onnx.ModelProto) -> onnx.ModelProto:
    """The network in FP16 from its input to the last learnt convolutions, with FP32 input and output.

    What comes after is decoding, and stays FP32: with the 11 bits of FP16 a corner at 300 px would be right to 0.25 px
    only. The types stand in the graph, as TensorRT's strong typing asks for.

    Raises:
        BundleError: if a weight is too large for FP16.
    """
    halved = onnx.ModelProto()
    halved.CopyFrom(model)
    graph = halved.graph
    body = before(graph, [node.output[0] for node in learnt(graph)])
    floats = _floats(model)
    (images,) = graph.input
    nodes = [_cast(images.name, TensorProto.FLOAT16)]
    halves = {images.name: nodes[0].output[0]}
    widened: dict[str, str] = {}
    for node in graph.node:
        if body.intersection(node.output):
            _halve(graph, node, halves)
        elif node.op_type != "Shape":
            for place, name in enumerate(node.input):
                if name in body and name in floats:
                    if name not in widened:
                        nodes.append(_cast(name, TensorProto.FLOAT))
                        widened[name] = nodes[-1].output[0]
                    node.input[place] = widened[name]
        nodes.append(node)
    return rebuilt(halved, nodes)


def _floats(model: onnx.ModelProto) -> set[str]:
    """Names of the tensors between nodes that are FP32."""
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True)
    found = inferred.graph.value_info
    return {value.name for value in found if value.type.tensor_type.elem_type == TensorProto.FLOAT}


def _halve(graph: onnx.GraphProto, node: onnx.NodeProto, halves: dict[str, str]) -> None:
    """Let `node` compute in FP16: its constants, and what it says of the type of its output."""
    known = constants(graph)
    for place, name in enumerate(computed_from(node)):
        if name not in halves and name in known and known[name].data_type == TensorProto.FLOAT:
            halves[name] = f"{name}_fp16"
            graph.initializer.append(_half(known[name], halves[name]))
        node.input[place] = halves.get(name, name)
    for attribute in node.attribute:
        if attribute.name == "value" and attribute.t.data_type == TensorProto.FLOAT:
            attribute.t.CopyFrom(_half(attribute.t, attribute.t.name))
        elif node.op_type == "Cast" and attribute.name == "to" and attribute.i == TensorProto.FLOAT:
            attribute.i = TensorProto.FLOAT16


def _half(constant: onnx.TensorProto, name: str) -> onnx.TensorProto:
    values = numpy_helper.to_array(constant)
    largest = np.abs(values).max(initial=0)
    if not largest <= np.finfo(np.float16).max:
        raise BundleError(f"{constant.name}: a weight of {largest:g} does not fit into fp16; stay with fp32")
    return numpy_helper.from_array(values.astype(np.float16), name)


def _cast(name: str, to: int) -> onnx.NodeProto:
    told = f"{name}_{TensorProto.DataType.Name(to).lower()}"
    return helper.make_node("Cast", [name], [told], name=told, to=to)
