"""From a checkpoint to a model bundle: ONNX with a raw head, manifest, thresholds chosen on validation data."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from nanotally.bundle import MODEL, Bundle, Manifest, save_manifest, sha256
from nanotally.detections import CLASSES
from nanotally.trainer.train import keep_offline

OPSET = 17
"""The newest that TensorRT 8.5 reads."""


def write_onnx(checkpoint: Path, onnx: Path, *, side_px: int) -> None:
    """Write the network of an ultralytics checkpoint as ONNX: input (batch, 1, side, side), raw head, no suppression.

    Suppression stays outside, because every kind that can be put inside an engine has a cap.
    """
    keep_offline(checkpoint.parent.parent.resolve())
    import torch
    from ultralytics import YOLO
    from ultralytics.nn.modules import Detect

    network = YOLO(checkpoint).model.float().fuse(verbose=False).eval()
    for part in network.modules():
        if isinstance(part, Detect):
            part.export, part.format, part.max_det = True, "onnx", 10**6
    example = torch.zeros(1, 1, side_px, side_px)
    with torch.no_grad():
        network(example)
        torch.onnx.export(
            network, (example,), str(onnx), input_names=["images"], output_names=["output0"], opset_version=OPSET,
            dynamic_axes={"images": {0: "batch"}, "output0": {0: "batch"}}, dynamo=False,
        )  # fmt: skip


def write_bundle(
    checkpoint: Path, folder: Path, *, name: str, side_px: int, trained_on: str, thresholds: Mapping[str, float] | None = None
) -> Bundle:
    """Export `checkpoint` into a bundle in `folder`; thresholds of 0.25 until better ones are chosen."""
    folder.mkdir(parents=True, exist_ok=True)
    write_onnx(checkpoint, folder / MODEL, side_px=side_px)
    manifest = Manifest(
        schema=1,
        name=name,
        sha256=sha256(folder / MODEL),
        classes=CLASSES,
        input_size_px=side_px,
        thresholds=dict(thresholds or dict.fromkeys(CLASSES, 0.25)),
        trained_on=trained_on,
    )
    save_manifest(folder, manifest)
    return Bundle(folder, manifest)
