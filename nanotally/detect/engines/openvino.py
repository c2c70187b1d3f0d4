"""OpenVINO: the default engine, on any CPU, straight from the bundle's ONNX."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanotally.bundle import Bundle
from nanotally.errors import EngineError


@cache
def core() -> Any:
    """The one OpenVINO of this process, never freed.

    Its plugin for processors gives the thread that loads it another stack for signals. Of two that are freed in the
    order in which they were made, the second puts back the stack of the first, which is gone (OpenVINO 2026.4.1), and
    the next signal ends the process: a daemon that took over another model would not survive SIGTERM.
    """
    import openvino as ov

    return ov.Core()


class OpenVinoEngine:
    """The network of a bundle, compiled once for this CPU.

    Tiles go one by one through asynchronous requests. Small squares share the cores; a tile of any size has them all,
    because there may be only one.

    Raises:
        EngineError: if OpenVINO cannot read or compile the network.
    """

    name = "openvino"

    def __init__(self, bundle: Bundle) -> None:
        import openvino as ov

        self.precision: str = bundle.manifest.precision
        any_size = bundle.manifest.stride is not None
        side = -1 if any_size else bundle.manifest.input_size_px
        hint = "LATENCY" if any_size else "THROUGHPUT"
        try:
            network = core().read_model(bundle.onnx)
            network.reshape([1, 1, side, side])
            compiled = core().compile_model(
                network, "CPU", {"PERFORMANCE_HINT": hint, "INFERENCE_PRECISION_HINT": "f32"}
            )
        except RuntimeError as error:
            raise EngineError(f"{bundle.onnx}: OpenVINO cannot run it: {str(error).splitlines()[-1]}") from error
        device = core().get_property("CPU", "FULL_DEVICE_NAME")
        self.description = f"OpenVINO {version('openvino')} on {device}"
        self._queue = ov.AsyncInferQueue(compiled)
        self._queue.set_callback(_keep)

    def infer(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Raw output (n, channels, anchors) for `batch` (n, 1, height, width)."""
        raw: list[NDArray[np.float32]] = [np.empty(0, np.float32)] * len(batch)
        for row in range(len(batch)):
            self._queue.start_async(batch[row : row + 1], (raw, row), share_inputs=True)
        self._queue.wait_all()
        return np.stack(raw)

    def close(self) -> None:
        """Nothing is held that Python does not free by itself."""


def _keep(request: object, place: tuple[list[NDArray[np.float32]], int]) -> None:
    raw, row = place
    raw[row] = request.get_output_tensor(0).data[0].copy()  # type: ignore[attr-defined]
