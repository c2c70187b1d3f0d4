"""Inference engines: what runs the network of a bundle."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from nanotally.bundle import Bundle
from nanotally.errors import EngineError

ENGINES = ("auto", "openvino")
"""`auto` takes the best that works here; in this version there is only OpenVINO, on the CPU."""


class Engine(Protocol):
    """A loaded network. Used by one thread, the one that made it.

    Attributes:
        name: `openvino`, ...
        precision: `fp32`, `fp16`, `int8`.
        description: one line for people: versions and device.
    """

    name: str
    precision: str
    description: str

    def infer(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Raw output (n, channels, anchors) for `batch` (n, 1, height, width) float32, 0 to 1; n may be any number > 0.

        Height and width are those of the bundle's square or, if it has a `stride`, any multiples of that; the number
        of anchors follows from them. The answer is the caller's to keep.
        """
        ...

    def close(self) -> None:
        """Give memory and device back."""
        ...


def load_engine(name: str, bundle: Bundle) -> Engine:
    """Load `bundle` into the engine called `name`.

    Raises:
        EngineError: if there is no such engine or it cannot run here.
    """
    if name in ("auto", "openvino"):
        from nanotally.detect.engines.openvino import OpenVinoEngine

        return OpenVinoEngine(bundle)
    raise EngineError(f"engine {name!r} is not known; there are {', '.join(ENGINES)}")
