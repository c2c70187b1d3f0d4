"""What this machine has for TensorRT. Asked in a process of its own: a broken driver takes down whoever asks."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from functools import cache

import msgspec

from nanotally.detect.engines.tensorrt.graphs import LIBRARY
from nanotally.errors import EngineError

PATIENCE_S = 60.0
"""How long the process may take: the first call of a driver may have to wake the device."""
HINT = "pip install 'nanotally[tensorrt]'"


class Device(msgspec.Struct, frozen=True):
    """A GPU and what goes with it: a plan is made for exactly this.

    Attributes:
        gpu: name of the device.
        capability: compute capability, such as `8.7`.
        driver: version of CUDA that the driver is for, such as `12.6`.
        tensorrt: version of TensorRT.
    """

    gpu: str
    capability: str
    driver: str
    tensorrt: str


def device() -> Device:
    """The first GPU, as far as the engine can use it.

    Raises:
        EngineError: something is missing; says what.
    """
    found = _asked_once()
    if isinstance(found, str):
        raise EngineError(f"TensorRT cannot run here: {found}")
    return found


@cache
def _asked_once() -> Device | str:
    """The device, or what is missing. A main loop must not wait for a driver again that does not answer."""
    try:
        ctypes.CDLL(LIBRARY)
    except OSError:
        return "no NVIDIA driver"
    try:
        return ask([sys.executable, "-m", __name__])
    except EngineError as error:
        return str(error)


def ask(command: list[str]) -> Device:
    """What a process says that looks at the device.

    Raises:
        EngineError: what it misses, or that it came to a bad end.
    """
    try:
        asked = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    except subprocess.TimeoutExpired:
        raise EngineError(f"the NVIDIA driver does not answer within {PATIENCE_S:g} s; nvidia-smi says more") from None
    if asked.returncode < 0:
        raise EngineError(f"the NVIDIA driver ends who asks it (signal {-asked.returncode}); nvidia-smi says more")
    try:
        return msgspec.json.decode(asked.stdout, type=Device)
    except msgspec.DecodeError:
        said = asked.stderr.strip().splitlines() or [f"exit code {asked.returncode}"]
        raise EngineError(said[-1]) from None


def look() -> Device:
    """The first GPU, asked in this process.

    Raises:
        EngineError: something is missing.
    """
    try:
        from pycuda import driver

        driver.init()
        found = driver.Device(0)
    except ImportError as error:
        raise EngineError(f"PyCUDA cannot be loaded ({error}): {HINT}") from error
    except driver.Error as error:
        raise EngineError(f"there is a driver, but no device ({error}); nvidia-smi says more") from error
    try:
        import tensorrt
    except ImportError as error:
        raise EngineError(f"TensorRT cannot be loaded ({error}): on a Jetson JetPack brings it, else {HINT}") from error
    release = driver.get_driver_version()
    major, minor = found.compute_capability()
    return Device(found.name(), f"{major}.{minor}", f"{release // 1000}.{release % 1000 // 10}", tensorrt.__version__)


if __name__ == "__main__":
    try:
        print(msgspec.json.encode(look()).decode())
    except EngineError as fault:
        sys.exit(str(fault))
