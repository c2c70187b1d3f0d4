"""The network of a checkpoint as ONNX, with the raw head that our decoding reads."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from nanotally.detections import CLASSES
from nanotally.errors import BundleError, DatasetError, NanotallyError
from nanotally.trainer.offline import keep_offline

OPSET = 17
"""The newest that TensorRT 8.5 reads."""


def write_onnx(checkpoint: Path, onnx: Path, *, side_px: int) -> int | None:
    """Write the network of an ultralytics checkpoint as ONNX, in FP32, for any batch and size; answers its stride.

    Input `images` (batch, 1, height, width) float32, 0 to 1; output `output0` (batch, 4 + classes, anchors) float32. No
    suppression inside, and of a network with two heads the one that has an answer at every anchor: whatever chooses
    inside a network has a cap. A network with attention answers None: it weighs every place against every other, so a
    larger picture is another question than it was trained on, and it is written for `side_px` only.

    Raises:
        BundleError: if the network is not one for grey pictures and our classes, or answers something else.
        DatasetError: if the checkpoint is not there or cannot be read.
        NanotallyError: if the train extra is not installed.
    """
    if not checkpoint.is_file():
        raise DatasetError(
            f"{checkpoint}: no such checkpoint; `nanotally train` writes one to OUT/train/weights/best.pt"
        )
    keep_offline()
    try:
        import torch
        from ultralytics import YOLO
        from ultralytics.nn.modules import Detect
        from ultralytics.nn.modules.block import AAttn, Attention

        from nanotally.trainer.train import read_checkpoint
    except ImportError as error:
        raise NanotallyError(f"this needs the train extra ({error}): pip install 'nanotally[train]'") from error
    read_checkpoint(checkpoint)
    network = YOLO(checkpoint).model.float().eval()
    attends = any(isinstance(part, Attention | AAttn) for part in network.modules())
    sizes, anchors = ({}, {}) if attends else ({2: "height", 3: "width"}, {2: "anchors"})
    for part in network.modules():
        if isinstance(part, Detect):
            part.dynamic = not attends
            part.export, part.format = True, "onnx"
            if part.end2end:
                part.end2end = False
    _check_input(network, checkpoint)
    network.fuse(verbose=False)
    example = torch.zeros(1, 1, side_px, side_px)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch tells at length which constants it leaves as they are
        _check_output(network(example), checkpoint)
        torch.onnx.export(
            network, (example,), str(onnx), input_names=["images"], output_names=["output0"], opset_version=OPSET,
            dynamic_axes={"images": {0: "batch", **sizes}, "output0": {0: "batch", **anchors}}, dynamo=False,
        )  # fmt: skip
    return None if attends else int(max(network.stride))


def _check_input(network: Any, checkpoint: Path) -> None:
    channels = next(network.parameters()).shape[1]
    if channels != 1:
        raise BundleError(f"{checkpoint}: takes {channels} channels; train it for grey pictures, `channels: 1`")
    names = tuple(dict(network.names).values())
    if names != CLASSES:
        raise BundleError(f"{checkpoint}: its classes are {', '.join(names)}, not {', '.join(CLASSES)}; train it anew")


def _check_output(answer: Any, checkpoint: Path) -> None:
    rows = 4 + len(CLASSES)
    shape = tuple(getattr(answer, "shape", ()))
    if len(shape) != 3 or shape[1] != rows:
        told = " x ".join(map(str, shape)) or f"a {type(answer).__name__}"
        raise BundleError(f"{checkpoint}: answers {told}, not 1 x {rows} x anchors; only a raw detection head is read")
