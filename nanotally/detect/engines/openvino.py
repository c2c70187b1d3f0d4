"""OpenVINO: the default engine, on any CPU, straight from the bundle's ONNX."""

from __future__ import annotations

import logging
from collections import Counter, OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanotally.bundle import Bundle
from nanotally.errors import EngineError

log = logging.getLogger(__name__)

OFTEN = 20
"""Tiles of one size after which it is taken to come again and again. A network of its own costs as much as three."""
MOST_OWN = 8
"""Sizes that have a network of their own; each holds its memory."""
MOST_COUNTED = 1000
"""Sizes that are counted before counting begins anew: a folder may have a new one in every picture."""

Size = tuple[int, int]


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
    """The network of a bundle, compiled for this CPU. Used by one thread.

    Raises:
        EngineError: if OpenVINO cannot read or compile the network.
    """

    name = "openvino"

    def __init__(self, bundle: Bundle) -> None:
        self.precision: str = bundle.manifest.precision
        side = bundle.manifest.input_size_px
        try:
            self._network = _Squares(bundle, side) if bundle.manifest.stride is None else _AnySize(bundle)
        except RuntimeError as error:
            raise EngineError(f"{bundle.onnx}: OpenVINO cannot run it: {str(error).splitlines()[-1]}") from error
        device = core().get_property("CPU", "FULL_DEVICE_NAME")
        self.description = f"OpenVINO {version('openvino')} on {device}"

    def infer(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Raw output (n, channels, anchors) for `batch` (n, 1, height, width)."""
        return self._network.infer(batch)

    def close(self) -> None:
        """Begin nothing new; what is held Python frees by itself."""
        self._network.close()


class _Squares:
    """A network for tiles of one size. They go one by one through asynchronous requests, and share the cores."""

    def __init__(self, bundle: Bundle, side: int) -> None:
        import openvino as ov

        self._queue = ov.AsyncInferQueue(_compiled(bundle, side, side, hint="THROUGHPUT"))
        self._queue.set_callback(_keep)

    def infer(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        raw: list[NDArray[np.float32]] = [np.empty(0, np.float32)] * len(batch)
        for row in range(len(batch)):
            self._queue.start_async(batch[row : row + 1], (raw, row), share_inputs=True)
        self._queue.wait_all()
        return np.stack(raw)

    def close(self) -> None:
        """Nothing goes on."""


class _AnySize:
    """A network for tiles of any size, one after another: each has all the cores, because there may be only one.

    Sizes that come again and again, as those of a feed do, get a network of their own, compiled beside, which answers
    the same to the bit and a seventh faster.
    """

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self._of_any = _compiled(bundle, -1, -1, hint="LATENCY").create_infer_request()
        self._counted: Counter[Size] = Counter()
        self._own: OrderedDict[Size, Future[Any]] = OrderedDict()
        self._compiler = ThreadPoolExecutor(1, thread_name_prefix="compile")

    def infer(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        request = self._request((batch.shape[2], batch.shape[3]))
        return np.concatenate([request.infer([tile[None]], share_inputs=True)[0] for tile in batch])

    def _request(self, size: Size) -> Any:
        if size in self._own:
            self._own.move_to_end(size)
            return self._own[size].result() if self._own[size].done() else self._of_any
        if len(self._counted) == MOST_COUNTED:
            self._counted.clear()
        self._counted[size] += 1
        if self._counted[size] == OFTEN:
            del self._counted[size]
            self._own[size] = self._compiler.submit(self._compile, size)
            if len(self._own) > MOST_OWN:
                self._own.popitem(last=False)
        return self._of_any

    def _compile(self, size: Size) -> Any:
        try:
            return _compiled(self._bundle, *size, hint="LATENCY").create_infer_request()
        except RuntimeError as error:
            log.warning("OpenVINO has no network for tiles of %d x %d alone: %s", size[1], size[0], error)
            return self._of_any

    def close(self) -> None:
        self._compiler.shutdown(wait=False, cancel_futures=True)


def _compiled(bundle: Bundle, height: int, width: int, *, hint: str) -> Any:
    network = core().read_model(bundle.onnx)
    network.reshape([1, 1, height, width])
    return core().compile_model(network, "CPU", {"PERFORMANCE_HINT": hint, "INFERENCE_PRECISION_HINT": "f32"})


def _keep(request: object, place: tuple[list[NDArray[np.float32]], int]) -> None:
    raw, row = place
    raw[row] = request.get_output_tensor(0).data[0].copy()  # type: ignore[attr-defined]
