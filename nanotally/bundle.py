"""A model bundle: one folder with `manifest.json` and `model.onnx`, all that is needed to run a network."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from nanotally.errors import BundleError

SCHEMA = 1
MANIFEST = "manifest.json"
MODEL = "model.onnx"
SHIPPED = {name: Path(__file__).parent / "models" / name for name in ("default", "default-int8")}
"""The bundles that come with the package, by the name that is used for them in place of a folder."""
"""The bundle that ships with the package."""
Precision = Literal["fp32", "fp16", "int8"]


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What the network is and how it is to be run.

    Attributes:
        schema: version of this file, 1.
        name: short name, published on the wire.
        sha256: of `model.onnx`, lower-case hexadecimal.
        classes: class names in the order of the network's outputs.
        input_size_px: side of the square grey input, or where there is a `stride`, of the squares it was trained on.
        stride: the network takes any height and width that are multiples of this, pixels; None: only its square.
        head: how the raw output is laid out. `ultralytics`: (batch, 4 + classes, anchors), rows cx cy w h in
            input pixels, then class probabilities.
        thresholds: score a class must reach to be published, chosen on validation data.
        nms_iou: overlap at which of two boxes only the better one is kept.
        max_detections: most particles a frame may have; a frame that reaches it says `truncated`.
        precision: of the network's numbers: `fp32`; `fp16` up to the last convolutions; `int8` for most convolutions.
            Input and output are FP32 in all three.
        licence: SPDX licence of the weights.
        trained_on: what the network saw, in one line.
    """

    schema: int
    name: str
    sha256: str
    classes: tuple[str, ...]
    input_size_px: int
    stride: Annotated[int, msgspec.Meta(ge=1)] | None = None
    head: Literal["ultralytics"] = "ultralytics"
    thresholds: dict[str, float]
    nms_iou: float = 0.5
    max_detections: int = 10_000
    precision: Precision = "fp32"
    licence: str = "AGPL-3.0-or-later"
    trained_on: str = ""


class Bundle(msgspec.Struct, frozen=True):
    """A bundle on disk whose files were found to agree.

    Attributes:
        path: its folder.
        manifest: what `manifest.json` says.
    """

    path: Path
    manifest: Manifest

    @property
    def onnx(self) -> Path:
        """The network."""
        return self.path / MODEL


def sha256(path: Path) -> str:
    """Lower-case hexadecimal SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def load_bundle(which: Path | str | None = None) -> Bundle:
    """Read and check the bundle in a folder, or one of `SHIPPED`; None is `default`.

    Raises:
        BundleError: if a file is missing, the manifest cannot be read or is of another schema, or the network
            is not the one the manifest was written for.
    """
    named = "default" if which is None else which
    folder = SHIPPED.get(str(named), Path(named))
    for name in (MANIFEST, MODEL):
        if not (folder / name).is_file():
            raise BundleError(f"{folder}: no {name} here; a model bundle is a folder with {MANIFEST} and {MODEL}")
    try:
        manifest = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
    except msgspec.DecodeError as error:
        raise BundleError(f"{folder / MANIFEST}: {error}") from error
    if manifest.schema != SCHEMA:
        raise BundleError(f"{folder / MANIFEST}: schema {manifest.schema}, this version reads {SCHEMA}")
    found = sha256(folder / MODEL)
    if found != manifest.sha256:
        raise BundleError(
            f"{folder / MODEL}: sha256 {found[:12]}… is not the manifest's {manifest.sha256[:12]}…; "
            "the file was changed or damaged, export or copy the bundle again"
        )
    missing = set(manifest.classes) - set(manifest.thresholds)
    if missing:
        raise BundleError(f"{folder / MANIFEST}: no threshold for class {', '.join(sorted(missing))}")
    return Bundle(folder, manifest)


def save_manifest(folder: Path, manifest: Manifest) -> None:
    """Write `manifest.json` beside the network it describes."""
    text = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
    (folder / MANIFEST).write_bytes(text + b"\n")
