"""FP16 and INT8 as they stand in the graph, and what an engine makes of them."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from darknet_files import NETWORKS, cfg_text, random_weights, write_cfg
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

pytestmark = pytest.mark.train
onnx = pytest.importorskip("onnx", reason="onnx is not installed (the train extra)")

from onnx import TensorProto, numpy_helper  # noqa: E402
from onnx.reference import ReferenceEvaluator  # noqa: E402

from nanotally.bundle import load_bundle  # noqa: E402
from nanotally.detect.engines.openvino import core  # noqa: E402
from nanotally.errors import BundleError  # noqa: E402
from nanotally.trainer.darknet.graph import build_onnx  # noqa: E402
from nanotally.trainer.precision.calibration import LEVELS, best_range, measure_ranges  # noqa: E402
from nanotally.trainer.precision.graph import joined, last, learnt  # noqa: E402
from nanotally.trainer.precision.half import to_half  # noqa: E402
from nanotally.trainer.precision.integers import WEIGHT_LEVELS, quantisable, to_int8  # noqa: E402

SIDE = 64
TILES = [np.random.default_rng(seed).random((1, 1, SIDE, SIDE), np.float32) for seed in range(3)]


@pytest.fixture(scope="module", params=NETWORKS)
def network(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> onnx.ModelProto:
    """A network with routes and leaky rectifiers, and random weights."""
    darknet = write_cfg(tmp_path_factory.mktemp("cfg"), cfg_text(request.param, side=SIDE))
    return build_onnx(darknet, random_weights(darknet), class_order=[0, 1])


def ranges(model: onnx.ModelProto) -> dict[str, float]:
    return measure_ranges(model, sorted({node.input[0] for node in quantisable(model)}), TILES)


def by_openvino(model: onnx.ModelProto) -> NDArray[np.float32]:
    read = core().read_model(model.SerializeToString())
    read.reshape([1, 1, SIDE, SIDE])
    run = core().compile_model(read, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return np.concatenate([run([tile])[0] for tile in TILES])


def by_the_book(model: onnx.ModelProto) -> NDArray[np.float32]:
    """ONNX's own evaluator, which does one operator after the other; it has quantisation from opset 19 on."""
    newer = onnx.ModelProto()
    newer.CopyFrom(model)
    newer.opset_import[0].version = 19
    run = ReferenceEvaluator(newer)
    return np.concatenate([run.run(None, {"images": tile})[0] for tile in TILES])


def test_the_last_convolutions_are_those_of_the_heads() -> None:
    model = onnx.load(load_bundle().onnx)
    kernels = {constant.name: constant.dims for constant in model.graph.initializer}
    assert Counter(kernels[node.input[1]][0] for node in last(model.graph)) == {64: 3, 2: 3}
    convolutions = [node for node in model.graph.node if node.op_type == "Conv"]
    (arithmetic,) = [node for node in convolutions if node not in learnt(model.graph)]
    assert "dfl" in arithmetic.input[1]


def test_fp16_has_half_the_weights_and_all_of_the_decoding_in_fp32() -> None:
    model = onnx.load(load_bundle().onnx)
    half = to_half(model)
    assert half.graph.input == model.graph.input
    assert half.graph.output == model.graph.output
    known = {constant.name: constant.data_type for constant in half.graph.initializer}
    inferred = onnx.shape_inference.infer_shapes(half)
    types = known | {value.name: value.type.tensor_type.elem_type for value in inferred.graph.value_info}
    for node in learnt(half.graph):
        assert {types[name] for name in [*node.input, *node.output]} == {TensorProto.FLOAT16}
    decoding = [node for node in half.graph.node if node.op_type == "Softmax" or node.output[0] == "output0"]
    assert {types[name] for node in decoding for name in node.input} == {TensorProto.FLOAT}
    assert model == onnx.load(load_bundle().onnx), "the model that is given stays as it is"


def test_fp16_answers_nearly_the_same(network: onnx.ModelProto) -> None:
    whole, half = by_openvino(network), by_openvino(to_half(network))
    np.testing.assert_allclose(half[:, :4], whole[:, :4], rtol=0.02, atol=0.2)
    np.testing.assert_allclose(half[:, 4:], whole[:, 4:], atol=0.01)


def test_a_weight_that_fp16_cannot_hold_is_named(network: onnx.ModelProto) -> None:
    large = onnx.ModelProto()
    large.CopyFrom(network)
    bias = next(constant for constant in large.graph.initializer if constant.name == learnt(large.graph)[0].input[2])
    bias.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(bias) + np.float32(1e5), bias.name))
    with pytest.raises(BundleError, match=f"{bias.name}: a weight of 1000.* does not fit into fp16"):
        to_half(large)


def test_int8_is_what_tensorrt_and_openvino_both_read(network: onnx.ModelProto) -> None:
    chosen = {node.output[0] for node in quantisable(network)}
    quantised = to_int8(network, ranges(network))
    known = {constant.name: numpy_helper.to_array(constant) for constant in quantised.graph.initializer}
    makers = {node.output[0]: node for node in quantised.graph.node}
    assert {"QuantizeLinear", "DequantizeLinear"} <= {node.op_type for node in quantised.graph.node}
    for node in quantised.graph.node:
        if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
            zero = known[node.input[2]]
            assert zero.dtype == np.int8
            assert not zero.any()
        if node.output[0] in chosen:
            held, kernel = (makers[name] for name in node.input[:2])
            assert held.op_type == kernel.op_type == "DequantizeLinear"
            assert known[kernel.input[0]].dtype == np.int8
            assert np.abs(known[kernel.input[0]]).max() == WEIGHT_LEVELS
            assert known[kernel.input[1]].shape == (len(known[kernel.input[0]]),)
            assert node.input[2] in known  # the bias, in float
    assert len(quantised.SerializeToString()) < 0.8 * len(network.SerializeToString())


def test_what_boxes_are_read_from_and_what_is_fed_several_tensors_stays_in_float(network: onnx.ModelProto) -> None:
    convolutions, chosen = learnt(network.graph), quantisable(network)
    left = [node for node in convolutions if node not in chosen]
    assert all(node in left for node in last(network.graph))
    assert any(joined(network.graph, node.input[0]) for node in left)
    assert not any(joined(network.graph, node.input[0]) for node in chosen)
    assert len(chosen) > len(convolutions) / 2


@pytest.mark.parametrize("network", ["yolov4-tiny"], indirect=True)  # the evaluator pads the other's last pool wrongly
def test_openvino_computes_int8_as_it_is_written(network: onnx.ModelProto) -> None:
    quantised = to_int8(network, ranges(network))
    whole, told, found = by_openvino(network), by_the_book(quantised), by_openvino(quantised)
    error = np.abs(told - whole)[:, 4:].max()
    assert np.abs(found - told)[:, 4:].max() < 0.5 * error  # bytes may fall on either side of a half
    assert error < 0.2


@given(st.integers(0, 2**32 - 1))
def test_the_best_range_is_no_worse_than_the_whole_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = np.abs(rng.standard_t(rng.integers(2, 9), 5_000))
    top = values.max()
    counts, edges = np.histogram(values, 2048, (0, top))
    middle = (edges[1:] + edges[:-1]) / 2

    def error(largest: float) -> float:
        step = largest / LEVELS
        return float(counts @ (np.minimum(np.round(middle / step), LEVELS) * step - middle) ** 2)

    best = best_range(counts, top)
    assert 0 < best <= top
    assert error(best) <= error(top)


def test_one_very_large_value_does_not_coarsen_all_others() -> None:
    counts = np.zeros(2048, np.int64)
    counts[:205] = 100_000
    counts[-1] = 1
    assert best_range(counts, 10.0) < 3
