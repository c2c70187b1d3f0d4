"""A model repository: a bundle as NVIDIA Triton serves it, and OpenVINO Model Server too."""

from __future__ import annotations

import shutil
from pathlib import Path

from nanotally.bundle import MODEL, Bundle
from nanotally.detect.engines.v2 import SHA256
from nanotally.errors import BundleError

NAME = "nanotally"
"""Of the model on the server, at the end of the engine's URL."""

MOST_AT_ONCE = 8
"""Tiles that the server puts into one batch."""

CONFIG = """\
# nanotally: {model}, {precision}
backend: "onnxruntime"
default_model_filename: "{file}"
max_batch_size: {most}
input {{ name: "{input}" data_type: TYPE_FP32 dims: {input_dims} }}
output {{ name: "{output}" data_type: TYPE_FP32 dims: {output_dims} }}
dynamic_batching {{ }}
parameters {{ key: "{key}" value {{ string_value: "{sha256}" }} }}
"""
"""Protocol buffer text, as `config.pbtxt` has it: github.com/triton-inference-server, model_configuration.md. Sizes are
those of one tile: the server knows of the batch from `max_batch_size`."""


def write_repository(bundle: Bundle, folder: Path) -> Path:
    """Write the network of `bundle` with its configuration; the folder of the model, in `folder`.

    Raises:
        BundleError: if the network takes only one tile at a time or cannot be read, or `folder` cannot be written.
    """
    text = _config(bundle)
    model = folder / NAME
    try:
        (model / "1").mkdir(parents=True, exist_ok=True)
        part = model / "1" / f"{MODEL}.part"
        shutil.copyfile(bundle.onnx, part)
        part.replace(model / "1" / MODEL)
        (model / "config.pbtxt").write_text(text)
    except OSError as error:
        raise BundleError(f"{folder}: cannot be written ({error.strerror}); name another folder") from error
    return model


def _config(bundle: Bundle) -> str:
    from nanotally.detect.engines.openvino import core

    own = bundle.manifest
    try:
        network = core().read_model(bundle.onnx)
    except RuntimeError as error:
        raise BundleError(f"{bundle.onnx}: cannot be read: {str(error).splitlines()[-1]}") from error
    (given,), (answered,) = network.inputs, network.outputs
    names = given.any_name, answered.any_name
    if not given.partial_shape[0].is_dynamic:
        raise BundleError(f"{bundle.onnx}: takes one tile at a time, and a server makes batches: export it anew")
    if own.stride is None:
        network.reshape([-1, 1, own.input_size_px, own.input_size_px])
    return CONFIG.format(
        model=own.name,
        precision=own.precision,
        file=MODEL,
        most=MOST_AT_ONCE,
        input=names[0],
        input_dims=_dims(given.partial_shape),
        output=names[1],
        output_dims=_dims(answered.partial_shape),
        key=SHA256,
        sha256=own.sha256,
    )


def _dims(shape: object) -> list[int]:
    """Sizes behind the batch; -1: any."""
    return [size.get_length() if size.is_static else -1 for size in list(shape)[1:]]  # type: ignore[call-overload]
