"""The model bundle of a darknet network."""

from __future__ import annotations

import hashlib
from pathlib import Path
from tempfile import TemporaryDirectory

from nanotally.bundle import MODEL, SCHEMA, Bundle, Manifest, save_manifest, sha256
from nanotally.detections import CLASSES
from nanotally.errors import BundleError, LabelError, NanotallyError
from nanotally.labels import read_classes
from nanotally.labels.names import class_index
from nanotally.trainer.darknet.cfg import read_cfg
from nanotally.trainer.darknet.network import Network
from nanotally.trainer.darknet.weights import read_weights

THRESHOLD = 0.25
"""Of every class: the score from which darknet shows a box."""
NMS_IOU = 0.45
"""Darknet's."""
UNKNOWN_LICENCE = "NOASSERTION"
"""What SPDX writes where nothing is known."""


def import_darknet(cfg: Path, weights: Path, *, names: Path, folder: Path) -> Bundle:
    """Write the bundle of a darknet network; its name is that of the cfg.

    Args:
        cfg: the network.
        weights: what it learnt.
        names: class names, one a line; each must be a name of one of `CLASSES`.
        folder: the bundle; must be new or empty. It comes into being whole, or not at all.

    Raises:
        BundleError: if the weights are not those of the network, or the folder cannot be written.
        ConfigError: if the cfg cannot be followed.
        LabelError: if the names are not those of our classes.
        NanotallyError: if the train extra is not installed.
    """
    try:
        from nanotally.trainer.darknet.graph import build_onnx
    except ImportError as error:
        raise NanotallyError(f"this needs the train extra ({error}): pip install 'nanotally[train]'") from error
    network = read_cfg(cfg)
    order = _class_order(names, network)
    learnt = read_weights(weights, network)
    try:
        model = build_onnx(network, learnt, class_order=list(order.values()))
    except BundleError as error:
        raise BundleError(f"{weights}: {error}") from error
    content = model.SerializeToString()
    manifest = Manifest(
        schema=SCHEMA,
        name=cfg.stem,
        sha256=hashlib.sha256(content).hexdigest(),
        classes=tuple(order),
        input_size_px=network.side_px,
        thresholds=dict.fromkeys(order, THRESHOLD),
        nms_iou=NMS_IOU,
        licence=UNKNOWN_LICENCE,
        trained_on=f"darknet weights {weights.name}, sha256 {sha256(weights)[:12]}, {learnt.seen:,} pictures seen",
    )
    _write(folder, content, manifest)
    return Bundle(folder, manifest)


def _class_order(names: Path, network: Network) -> dict[str, int]:
    """Our classes, in our order, with the place of each among the network's outputs."""
    theirs = read_classes(names)
    if len(theirs) != network.classes:
        raise LabelError(f"{names}: {len(theirs)} names, but {network.path} has classes={network.classes}")
    ours = [class_index(name, CLASSES, where=f"{names}:{line}") for line, name in enumerate(theirs, start=1)]
    if len(set(ours)) < len(ours):
        raise LabelError(f"{names}: {' and '.join(theirs)} are the same class")
    return {CLASSES[index]: ours.index(index) for index in sorted(ours)}


def _write(folder: Path, model: bytes, manifest: Manifest) -> None:
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".import-", dir=folder.parent) as scratch:
            whole = Path(scratch) / "bundle"
            whole.mkdir()
            (whole / MODEL).write_bytes(model)
            save_manifest(whole, manifest)
            whole.rename(folder)
    except OSError as error:
        raise BundleError(f"{folder}: cannot be written ({error.strerror}); name a new or empty folder") from error
