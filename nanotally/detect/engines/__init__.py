"""Inference engines by name."""

from __future__ import annotations

from nanotally.bundle import Bundle
from nanotally.detect.engine import Engine
from nanotally.errors import EngineError

ENGINES = ("auto", "openvino", "tensorrt")
"""`auto` takes TensorRT where a plan was built for this GPU (`nanotally engine`), else OpenVINO, and says why."""

REMOTE = "v2:"
"""Begins the name of an engine on a server; its address follows (docs/scaling.md)."""


def load_engine(name: str, bundle: Bundle) -> Engine:
    """Load `bundle` into the engine called `name`.

    Raises:
        EngineError: if there is no such engine or it cannot run here.
    """
    if name == "auto":
        return _best(bundle)
    if name == "openvino":
        from nanotally.detect.engines.openvino import OpenVinoEngine

        return OpenVinoEngine(bundle)
    if name == "tensorrt":
        from nanotally.detect.engines import tensorrt

        return tensorrt.load(bundle)
    if name.startswith(REMOTE):
        from nanotally.detect.engines.v2 import V2Engine

        return V2Engine(name.removeprefix(REMOTE), bundle)
    raise EngineError(unknown(name))


def _best(bundle: Bundle) -> Engine:
    """TensorRT if it can be had at once, else OpenVINO, whose description says what TensorRT lacks."""
    try:
        return load_engine("tensorrt", bundle)
    except EngineError as error:
        engine = load_engine("openvino", bundle)
        engine.description += f"; {error}"
        return engine


def is_known(name: str) -> bool:
    """Whether `name` is that of an engine, be it one that runs here or not."""
    return name in ENGINES or name.startswith(REMOTE)


def unknown(name: str) -> str:
    """What is wrong with the name of an engine that is not known, in a line."""
    return f"engine {name!r} is not known; there are {', '.join(ENGINES)} and {REMOTE}URL"
