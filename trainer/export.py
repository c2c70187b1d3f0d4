"""From a checkpoint to a model bundle: ONNX with a raw head, manifest, thresholds chosen on validation data."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from nanotally.bundle import MODEL, SCHEMA, Bundle, Manifest, save_manifest, sha256
from nanotally.detections import CLASSES
from nanotally.errors import DatasetError
from nanotally.labels import read_dataset
from nanotally.trainer.evaluate import best_thresholds, judge, pictures_of
from nanotally.trainer.train import keep_offline

OPSET = 17
"""The newest that TensorRT 8.5 reads."""
UNTUNED = 0.25
"""Threshold of every class where there is no validation set to choose better ones on: YOLO's usual one."""


def write_onnx(checkpoint: Path, onnx: Path, *, side_px: int) -> None:
    """Write the network of an ultralytics checkpoint as ONNX: input (batch, 1, side, side), raw head, no suppression.

    Suppression stays outside, because every kind that can be put inside an engine has a cap.
    """
    keep_offline()
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


def export(
    checkpoint: Path,
    folder: Path,
    *,
    name: str,
    side_px: int,
    trained_on: str,
    validation: Path | None = None,
) -> Bundle:
    """Export `checkpoint` into a bundle in `folder`.

    Args:
        checkpoint: written by `train`.
        folder: the bundle; files of an older one are replaced.
        name: published on the wire.
        side_px: side of the network's input.
        trained_on: what the network saw, in one line.
        validation: labelled set on which the thresholds are chosen; None: they are `UNTUNED`.

    Raises:
        DatasetError: if the checkpoint is not there.
    """
    if not checkpoint.is_file():
        raise DatasetError(
            f"{checkpoint}: no such checkpoint; `nanotally train` writes one to OUT/train/weights/best.pt"
        )
    folder.mkdir(parents=True, exist_ok=True)
    write_onnx(checkpoint, folder / MODEL, side_px=side_px)
    manifest = Manifest(
        schema=SCHEMA,
        name=name,
        sha256=sha256(folder / MODEL),
        classes=CLASSES,
        input_size_px=side_px,
        thresholds=dict.fromkeys(CLASSES, UNTUNED),
        trained_on=trained_on,
    )
    bundle = Bundle(folder, manifest)
    if validation is not None:
        judged = judge(bundle, pictures_of(read_dataset(validation)))
        manifest = replace(manifest, thresholds=best_thresholds(judged, CLASSES))
    save_manifest(folder, manifest)
    return Bundle(folder, manifest)
