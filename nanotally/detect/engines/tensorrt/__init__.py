"""TensorRT: the fast engine on a Jetson or a PC with an NVIDIA GPU. See docs/tensorrt.md."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import numpy as np

from nanotally.bundle import Bundle
from nanotally.detect.engines.tensorrt import cache, probe
from nanotally.detect.engines.tensorrt.build import Progress, build_plan
from nanotally.detect.engines.tensorrt.engine import TensorRtEngine
from nanotally.detect.engines.tensorrt.pycuda_provider import PyCuda
from nanotally.errors import EngineError


class NoPlanError(EngineError):
    """The machine has all that TensorRT needs, but no plan of this model that can be loaded."""


def load(bundle: Bundle) -> TensorRtEngine:
    """The engine, from the plan that was built before.

    Raises:
        NoPlanError: there is no plan of this model for this machine, or it is of no use.
        EngineError: something else is missing.
    """
    key = cache.key_of(bundle, probe.device())
    try:
        plan = cache.read_plan(key)
    except EngineError as error:
        raise NoPlanError(f"TensorRT: {error}; nanotally engine builds it") from error
    trt, cuda = import_module("tensorrt"), PyCuda()
    try:
        engine = TensorRtEngine(bundle, plan, trt=trt, cuda=cuda)
    except EngineError as error:
        cuda.close()
        cache.discard(key)
        raise NoPlanError(f"{error}; nanotally engine builds it anew") from error
    side = bundle.manifest.input_size_px
    try:
        engine.infer(np.zeros((1, 1, side, side), np.float32))
    except EngineError:  # no memory left on the device: the plan is not to blame
        engine.close()
        raise
    return engine


def find_plan(bundle: Bundle) -> Path | None:
    """Where a plan lies that can be loaded; None if there is none.

    Raises:
        EngineError: this machine cannot run one.
    """
    key = cache.key_of(bundle, probe.device())
    try:
        cache.read_plan(key)
    except EngineError:
        return None
    return cache.path_of(key)


def make_plan(bundle: Bundle, progress: Progress) -> Path:
    """Build the plan of a bundle for this machine; where it lies.

    Raises:
        EngineError: this machine cannot, or TensorRT does not take the model.
    """
    key = cache.key_of(bundle, probe.device())
    return cache.write_plan(key, build_plan(import_module("tensorrt"), bundle, progress))
