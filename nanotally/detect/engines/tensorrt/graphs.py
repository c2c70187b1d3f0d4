"""CUDA graphs through the driver itself: PyCUDA has none."""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Callable

from nanotally.detect.engines.tensorrt.cuda import Stream
from nanotally.errors import EngineError

LIBRARY = "libcuda.so.1"
RELAXED = 2
"""CU_STREAM_CAPTURE_MODE_RELAXED: what other threads do on the device meanwhile is no reason to refuse."""
SYMBOLS = (
    "cuStreamBeginCapture_v2",
    "cuStreamEndCapture",
    "cuGraphInstantiateWithFlags",
    "cuGraphDestroy",
    "cuGraphLaunch",
    "cuGraphExecDestroy",
    "cuGetErrorName",
)
"""Of the driver, since CUDA 11.4."""


class DriverGraphs:
    """The part of the CUDA driver that PyCUDA leaves out. Used by the thread that has the context.

    Raises:
        EngineError: if there is no driver, or it is too old.
    """

    def __init__(self, library: str = LIBRARY) -> None:
        try:
            driver = ctypes.CDLL(library)
            self._call = {name: getattr(driver, name) for name in SYMBOLS}
        except (OSError, AttributeError) as error:
            raise EngineError(f"{library}: {error}") from error

    def capture(self, stream: Stream, work: Callable[[], None]) -> DriverGraph:
        """As `Cuda.capture`."""
        handle, graph, launchable = ctypes.c_void_p(stream.handle), ctypes.c_void_p(), ctypes.c_void_p()
        self.check("cuStreamBeginCapture_v2", handle, RELAXED)
        try:
            work()
        except BaseException:
            with contextlib.suppress(EngineError):  # the capture is broken already; the stream must leave it
                self.check("cuStreamEndCapture", handle, ctypes.byref(graph))
            raise
        self.check("cuStreamEndCapture", handle, ctypes.byref(graph))
        try:
            self.check("cuGraphInstantiateWithFlags", ctypes.byref(launchable), graph, ctypes.c_ulonglong(0))
        finally:
            self.check("cuGraphDestroy", graph)
        return DriverGraph(self, launchable)

    def check(self, name: str, *arguments: object) -> None:
        """Call the driver.

        Raises:
            EngineError: it says no.
        """
        status = self._call[name](*arguments)
        if status:
            text = ctypes.c_char_p()
            self._call["cuGetErrorName"](status, ctypes.byref(text))
            raise EngineError(f"CUDA: {name}: {(text.value or b'error').decode()} ({status})")


class DriverGraph:
    """A `Graph` of the driver."""

    def __init__(self, driver: DriverGraphs, launchable: ctypes.c_void_p) -> None:
        self._driver, self._launchable = driver, launchable

    def launch(self, stream: Stream) -> None:
        """As `Graph`."""
        self._driver.check("cuGraphLaunch", self._launchable, ctypes.c_void_p(stream.handle))

    def free(self) -> None:
        """As `Graph`."""
        self._driver.check("cuGraphExecDestroy", self._launchable)
