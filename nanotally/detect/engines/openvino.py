"""OpenVINO: the default engine, on any CPU, straight from the bundle's ONNX."""

from __future__ import annotations

from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray

from nanotally.bundle import Bundle
from nanotally.errors import EngineError


class OpenVinoEngine:
    """The network of a bundle, compiled for this CPU.

    Tiles go one by one through several asynchronous requests: the cores stay busy whatever the number of tiles, and
    one compiled shape serves every field.

    Raises:
        EngineError: if OpenVINO cannot read or compile the network.
    """

    name = "openvino"

    def __init__(self, bundle: Bundle) -> None:
        import openvino as ov

        self.precision: str = bundle.manifest.precision
        side = bundle.manifest.input_size_px
        try:
            core = ov.Core()
            network = core.read_model(bundle.onnx)
            network.reshape([1, 1, side, side])
            hints = {"PERFORMANCE_HINT": "THROUGHPUT", "INFERENCE_PRECISION_HINT": "f32"}
            compiled = core.compile_model(network, "CPU", hints)
        except RuntimeError as error:
            raise EngineError(f"{bundle.onnx}: OpenVINO cannot run it: {str(error).splitlines()[-1]}") from error
        device = core.get_property("CPU", "FULL_DEVICE_NAME")
        self.description = f"OpenVINO {version('openvino')} on {device}"
        self._shape = tuple(compiled.output(0).shape)
        self._raw = np.empty((0, *self._shape[1:]), np.float32)
        self._queue = ov.AsyncInferQueue(compiled)
        self._queue.set_callback(self._keep)

    def _keep(self, request: object, row: int) -> None:
        self._raw[row] = request.get_output_tensor(0).data[0]  # type: ignore[attr-defined]

    def infer(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Raw output (n, channels, anchors) for `batch` (n, 1, side, side); overwritten by the next call."""
        if len(batch) > len(self._raw):
            self._raw = np.empty((len(batch), *self._shape[1:]), np.float32)
        for row in range(len(batch)):
            self._queue.start_async(batch[row : row + 1], row, share_inputs=True)
        self._queue.wait_all()
        return self._raw[: len(batch)]

    def close(self) -> None:
        """Nothing is held that Python does not free by itself."""
