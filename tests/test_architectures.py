"""The networks that are trained here: as many parameters as published, and the answers of darknet up to the heads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from darknet_files import ARCHITECTURES, NETWORKS, cfg_text, random_weights, write_cfg
from numpy.typing import NDArray

from nanotally.detect.decode import decode_ultralytics
from nanotally.detect.engines.openvino import core
from nanotally.trainer.darknet.network import Network
from nanotally.trainer.darknet.weights import Filters, Weights
from nanotally.trainer.offline import keep_offline
from nanotally.trainer.recipe import RECIPES
from nanotally.trainer.train import find_architecture

pytestmark = pytest.mark.train
onnx = pytest.importorskip("onnx", reason="onnx is not installed (the train extra)")

from nanotally.trainer.darknet.graph import EPSILON, build_onnx  # noqa: E402

HEADS = 512 * 21 + 21 + 256 * 21 + 21
"""Parameters of darknet's two heads for two classes, which are not in our networks."""


def build(name: str) -> Any:
    """An untrained network for grey pictures and two classes."""
    keep_offline()
    from ultralytics.nn.tasks import DetectionModel

    return DetectionModel(find_architecture(name), ch=1, nc=2, verbose=False).eval()


def count(part: Any) -> int:
    return sum(weights.numel() for weights in part.parameters())


@pytest.mark.parametrize(
    ("name", "published", "first_filters"), [("yolov3-tiny", 8_672_186, 16), ("yolov4-tiny", 5_876_426, 32)]
)
def test_darknets_networks_have_as_many_parameters_as_published(name: str, published: int, first_filters: int) -> None:
    network = build(name)
    two_colours = 2 * 3 * 3 * first_filters
    assert count(network.model[:-1]) == published - HEADS - two_colours
    assert sorted(network.stride.tolist()) == [16, 32]


def test_yolo11n_has_as_many_parameters_as_published() -> None:
    assert count(build("yolo11n")) / 1e6 == pytest.approx(2.59, abs=0.01)


def test_yolo26n_is_ultralytics_own_without_its_second_head() -> None:
    ours = build("yolo26n")
    from ultralytics.nn.tasks import DetectionModel

    theirs = DetectionModel("yolo26n.yaml", ch=1, nc=2, verbose=False)
    head = theirs.model[-1]
    assert count(theirs) / 1e6 == pytest.approx(2.50, abs=0.01)
    assert count(ours) == count(theirs) - count(head.one2one_cv2) - count(head.one2one_cv3)


@pytest.mark.parametrize("name", sorted({recipe.architecture for recipe in RECIPES.values()}))
def test_the_raw_head_of_every_network_is_what_our_decoding_reads(name: str) -> None:
    import torch

    network = build(name)
    raw = network(torch.zeros(2, 1, 96, 96))[0].detach().numpy()
    assert raw.shape == (2, 6, sum((96 // int(stride)) ** 2 for stride in network.stride))
    found = decode_ultralytics(raw, np.zeros(2, np.float32))
    middle = (found.xyxy[:, :2] + found.xyxy[:, 2:]) / 2
    assert len(found.xyxy) == 2 * raw.shape[2]
    assert (np.abs(middle - 48) < 96).all()  # pixels of the tile


def filters_of(network: Network, weights: Weights) -> Iterator[Filters]:
    """Those with batch normalisation, in the order of the cfg: all but the heads."""
    yield from (filters for filters in weights.convolutions if filters.norm is not None)


def take_over(trained: Any, learnt: Iterator[Filters]) -> None:
    """Fill the convolutions of our network; two of ours may share the filters of one of darknet's."""
    import torch

    left: Filters | None = None
    start = 0
    for part in trained.modules():
        if isinstance(part, torch.nn.Sequential) or not hasattr(part, "bn"):
            continue
        if left is None:
            left, start = next(learnt), 0
        rows = slice(start, start := start + part.conv.out_channels)
        assert left.norm is not None
        part.bn.eps = EPSILON
        for values, numbers in (
            (part.conv.weight, left.kernel), (part.bn.bias, left.bias), (part.bn.weight, left.norm[0]),
            (part.bn.running_mean, left.norm[1]), (part.bn.running_var, left.norm[2]),
        ):  # fmt: skip
            values.data.copy_(torch.from_numpy(numbers[rows].copy()))
        left = left if start < len(left.bias) else None
    assert left is None
    assert next(learnt, None) is None


def before_the_heads(network: Network, weights: Weights, tiles: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """What darknet's heads are given, by the graph of `import-darknet`: stride 32, then stride 16."""
    model = build_onnx(network, weights, class_order=[0, 1])
    kernels = {constant.name: constant.dims for constant in model.graph.initializer}
    heads = [node for node in model.graph.node if node.op_type == "Conv" and kernels[node.input[1]][0] == 21]
    model.graph.output.extend(onnx.ValueInfoProto(name=node.input[0]) for node in heads)
    read = core().read_model(model.SerializeToString())
    answers = core().compile_model(read, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(tiles)
    return [np.asarray(answers[node.input[0]]) for node in heads]


@pytest.mark.parametrize("name", NETWORKS)
def test_up_to_the_heads_a_trained_network_answers_what_darknets_does(name: str, tmp_path: Path) -> None:
    import torch

    assert (ARCHITECTURES / f"{name}.cfg").is_file()
    network = write_cfg(tmp_path, cfg_text(name, side=96))
    weights = random_weights(network)
    ours = build(name)
    take_over(ours.model[:-1], filters_of(network, weights))
    seen: list[Any] = []
    ours.model[-1].register_forward_pre_hook(lambda _, given: seen.extend(given[0]))
    tiles = np.random.default_rng(0).uniform(0, 1, (2, 1, 96, 96)).astype(np.float32)
    with torch.no_grad():
        ours(torch.from_numpy(tiles))
    for got, expected in zip(reversed(seen), before_the_heads(network, weights, tiles), strict=True):
        np.testing.assert_allclose(got.numpy(), expected, atol=1e-4 * np.abs(expected).max())
