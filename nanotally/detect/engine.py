"""An engine: what runs the network of a bundle."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


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
