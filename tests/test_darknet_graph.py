from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from darknet_files import NETWORKS, cfg_text, opencv_raw, random_weights, write_cfg
from numpy.typing import NDArray

from nanotally.detect.engines.openvino import core
from nanotally.errors import BundleError
from nanotally.trainer.darknet.network import Network
from nanotally.trainer.darknet.weights import Filters, Weights

onnx = pytest.importorskip("onnx", reason="onnx is not installed (the train extra)")

from onnx.reference import ReferenceEvaluator  # noqa: E402

from nanotally.trainer.darknet.graph import build_onnx  # noqa: E402

PARITY = 1e-4
"""Of scores and, as darknet gives them, of boxes relative to the side of the network."""
CELL = """[net]
width=6
height=6
channels=1
[maxpool]
size=2
stride=2
[convolutional]
{norm}filters=14
activation=linear
[yolo]
mask=2,0
anchors=10,20, 1,1, 30,40
classes=2
scale_x_y=1.2
"""
"""One 1x1 convolution and a head of 3 x 3 cells, 2 pixels each."""


def tiles(count: int, side: int) -> NDArray[np.float32]:
    return np.random.default_rng(3).random((count, 1, side, side), dtype=np.float32)


def openvino(model: onnx.ModelProto) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """The network with a batch of any size."""
    network = core().read_model(model.SerializeToString())
    compiled = core().compile_model(network, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return lambda batch: np.asarray(compiled(batch)[0])


def reference_raw(model: onnx.ModelProto, batch: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(ReferenceEvaluator(model).run(None, {"images": batch})[0])


def assert_same(raw: NDArray[np.float32], expected: NDArray[np.float32], side: int) -> None:
    assert raw.shape == expected.shape
    np.testing.assert_allclose(raw[:, :4] / side, expected[:, :4] / side, rtol=0, atol=PARITY)
    np.testing.assert_allclose(raw[:, 4:], expected[:, 4:], rtol=0, atol=PARITY)


@pytest.mark.parametrize(("side", "channels"), [(416, 1), (320, 3)])
@pytest.mark.parametrize("name", NETWORKS)
def test_openvino_answers_what_opencv_reads_from_cfg_and_weights(
    name: str, side: int, channels: int, tmp_path: Path
) -> None:
    network = write_cfg(tmp_path, cfg_text(name, side=side, channels=channels))
    weights = random_weights(network, seed=side + channels)
    model = build_onnx(network, weights, class_order=[0, 1])
    onnx.checker.check_model(model, full_check=True)
    run = openvino(model)
    for count in (1, 2):
        batch = tiles(count, side)
        expected = opencv_raw(network, weights, np.repeat(batch, channels, axis=1))
        assert expected[:, 2:4].std() / side > 0.05  # boxes and scores differ, or the comparison says nothing
        assert expected[:, 4:].std() > 0.03
        assert_same(run(batch), expected, side)


def test_the_reference_of_onnx_itself_says_the_same(tmp_path: Path) -> None:
    # YOLOv4-tiny only: the reference (onnx 1.23) takes the pads of a pool for pairs an axis, which shows at stride 1.
    network = write_cfg(tmp_path, cfg_text("yolov4-tiny", side=64))
    weights = random_weights(network)
    model = build_onnx(network, weights, class_order=[0, 1])
    batch = tiles(2, 64)
    assert_same(reference_raw(model, batch), opencv_raw(network, weights, batch), 64)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_graph_is_what_every_engine_can_read(name: str, tmp_path: Path) -> None:
    network = write_cfg(tmp_path, cfg_text(name))
    model = build_onnx(network, random_weights(network), class_order=[0, 1])
    assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", 17)]
    shapes = {
        value.name: [axis.dim_param or axis.dim_value for axis in value.type.tensor_type.shape.dim]
        for value in (*model.graph.input, *model.graph.output)
    }
    assert shapes == {"images": ["batch", 1, 416, 416], "output0": ["batch", 6, 3 * (13 * 13 + 26 * 26)]}
    assert "NonMaxSuppression" not in {node.op_type for node in model.graph.node}
    assert {constant.data_type for constant in model.graph.initializer} == {
        onnx.TensorProto.FLOAT,
        onnx.TensorProto.INT64,
    }


def cell_network(tmp_path: Path, norm: str = "") -> Network:
    return write_cfg(tmp_path, CELL.format(norm=norm))


def logits(*, norm: NDArray[np.float32] | None = None) -> Weights:
    """Weights with which every cell has the same logits: of each anchor x y w h, objectness, two classes."""
    each = [[0.5, -1, 0.2, -0.3, 2, 1, -2], [3, 0, 0, 0.7, -1, 0.5, 0.25]]
    bias = np.array(each, np.float32).ravel()
    return Weights((Filters(bias, norm, np.zeros((14, 1, 1, 1), np.float32)),))


def sigmoid(value: float) -> float:
    return float(1 / (1 + np.exp(-value)))


def test_a_head_is_decoded_as_darknet_does_it(tmp_path: Path) -> None:
    model = build_onnx(cell_network(tmp_path), logits(), class_order=[0, 1])
    raw = reference_raw(model, tiles(1, 6))[0].reshape(6, 2, 3, 3)  # anchors, rows, columns
    centre_x, centre_y, width, height, *scores = raw[:, 0, 1, 2]  # second row, third column
    np.testing.assert_allclose(centre_x, 2 * (2 + 1.2 * sigmoid(0.5) - 0.1), rtol=1e-6)
    np.testing.assert_allclose(centre_y, 2 * (1 + 1.2 * sigmoid(-1) - 0.1), rtol=1e-6)
    np.testing.assert_allclose([width, height], [30 * np.exp(0.2), 40 * np.exp(-0.3)], rtol=1e-6)
    np.testing.assert_allclose(scores, [sigmoid(2) * sigmoid(1), sigmoid(2) * sigmoid(-2)], rtol=1e-6)
    np.testing.assert_allclose(raw[2:4, 1, 0, 0], [10, 20 * np.exp(0.7)], rtol=1e-6)


@pytest.mark.parametrize("order", [[1, 0], [1]])
def test_class_scores_come_in_the_order_that_was_asked_for(order: list[int], tmp_path: Path) -> None:
    network = cell_network(tmp_path)
    own, asked = (reference_raw(build_onnx(network, logits(), class_order=o), tiles(1, 6)) for o in ([0, 1], order))
    np.testing.assert_array_equal(asked[:, 4:], own[:, 4:][:, order])
    np.testing.assert_array_equal(asked[:, :4], own[:, :4])


def test_batch_normalisation_adds_its_epsilon_inside_the_root(tmp_path: Path) -> None:
    network = cell_network(tmp_path, norm="batch_normalize=1\n")
    gamma, mean, variance = np.full((3, 14), [[0.01], [0.5], [1e-4]], np.float32)  # as small as epsilon's neighbour
    weights = logits(norm=np.stack([gamma, mean, variance]))
    raw = reference_raw(build_onnx(network, weights, class_order=[0, 1]), tiles(1, 6))
    shift = -0.5 * 0.01 / np.sqrt(1e-4 + 1e-5)
    np.testing.assert_allclose(raw[0, 2, 0], 30 * np.exp(0.2 + shift), rtol=1e-5)


@pytest.mark.parametrize(("row", "value"), [(0, np.nan), (1, np.inf), (2, -0.1), (0, 3e38)])
def test_weights_of_a_training_that_diverged_are_refused(row: int, value: float, tmp_path: Path) -> None:
    norm = np.full((3, 14), [[1.0], [1.0], [1e-3]], np.float32)
    norm[row, 4] = value
    with pytest.raises(BundleError, match="layer 1: weights that are no numbers, or a negative variance"):
        build_onnx(cell_network(tmp_path, norm="batch_normalize=1\n"), logits(norm=norm), class_order=[0, 1])
