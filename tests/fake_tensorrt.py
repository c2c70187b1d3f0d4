"""A `tensorrt` with the same named tensors that computes through OpenVINO, on a `FakeDevice`. A plan is an ONNX."""

from __future__ import annotations

import ctypes
import enum
from functools import cache

import numpy as np
import openvino as ov
from fake_device import FakeDevice

from nanotally.detect.engines.openvino import core

TensorIOMode = enum.Enum("TensorIOMode", ["NONE", "INPUT", "OUTPUT"])
DataType = enum.Enum("DataType", ["FLOAT", "HALF"])
ExecutionContextAllocationStrategy = enum.Enum("ExecutionContextAllocationStrategy", ["STATIC", "USER_MANAGED"])
SCRATCH_BYTES = 4096


class ILogger:
    Severity = enum.Enum("Severity", ["INTERNAL_ERROR", "ERROR", "WARNING", "INFO", "VERBOSE"])

    def log(self, severity: object, message: str) -> None:
        raise NotImplementedError


class FakeTensorRt:
    """The module: a plan of another kind does not load; what is too large does not run."""

    ILogger, TensorIOMode, DataType = ILogger, TensorIOMode, DataType

    def __init__(self, device: FakeDevice, *, version: str = "11.4.0", largest=(4, 1, 1536, 1536), profiles: int = 1):
        self.device, self.__version__, self.largest, self.profiles = device, version, largest, profiles
        self.refuses_to_run = False
        self.dtype = DataType.FLOAT
        if int(version.partition(".")[0]) >= 10:
            self.ExecutionContextAllocationStrategy = ExecutionContextAllocationStrategy

    def Runtime(self, logger: ILogger) -> Runtime:  # noqa: N802 - its name in TensorRT
        return Runtime(self, logger)


class Runtime:
    def __init__(self, trt: FakeTensorRt, logger: ILogger) -> None:
        self._trt, self._logger = trt, logger

    def deserialize_cuda_engine(self, plan: bytes) -> Engine | None:
        try:
            return Engine(self._trt, self._logger, compiled(plan))
        except RuntimeError:
            self._logger.log(ILogger.Severity.ERROR, "Serialization assertion\n plan->header.magic failed.")
            return None


@cache
def compiled(plan: bytes) -> ov.CompiledModel:
    return core().compile_model(core().read_model(plan, b""), "CPU", {"INFERENCE_NUM_THREADS": 1})


class Engine:
    num_io_tensors = 2

    def __init__(self, trt: FakeTensorRt, logger: ILogger, network: ov.CompiledModel) -> None:
        self.trt, self.logger, self.network = trt, logger, network
        self.num_optimization_profiles = trt.profiles
        self.names = [network.inputs[0].any_name, network.outputs[0].any_name]

    def get_tensor_name(self, place: int) -> str:
        return self.names[place]

    def get_tensor_mode(self, name: str) -> TensorIOMode:
        return TensorIOMode.INPUT if name == self.names[0] else TensorIOMode.OUTPUT

    def get_tensor_dtype(self, name: str) -> DataType:
        return self.trt.dtype

    def get_tensor_profile_shape(self, name: str, profile: int) -> list[tuple[int, ...]]:
        assert name == self.names[0]
        assert profile < self.trt.profiles
        return [(1, 1, 32, 32), (1, 1, 960, 1280), self.trt.largest]

    def create_execution_context(self, strategy: ExecutionContextAllocationStrategy | None = None) -> Context:
        assert (strategy is None) == (int(self.trt.__version__.partition(".")[0]) < 10)
        return Context(self, managed=strategy is not None)


class Context:
    def __init__(self, engine: Engine, *, managed: bool) -> None:
        self._engine, self._managed = engine, managed
        self._shape: tuple[int, ...] = ()
        self._addresses: dict[str, int] = {}
        self._scratch = 0
        self._profile: int | None = 0 if engine.trt.profiles == 1 else None

    def set_optimization_profile_async(self, profile: int, stream: int) -> bool:
        self._profile = profile
        return profile < self._engine.trt.profiles and stream in self._engine.trt.device.streams

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        assert name == self._engine.names[0]
        assert self._profile is not None
        fits = all(0 < own <= most for own, most in zip(shape, self._engine.trt.largest, strict=True))
        if not fits:
            self._engine.logger.log(ILogger.Severity.ERROR, "IExecutionContext::setInputShape: out of the profile")
        self._shape = shape
        return fits

    def update_device_memory_size_for_shapes(self) -> int:
        return SCRATCH_BYTES

    def set_device_memory(self, address: int, nbytes: int) -> None:
        assert nbytes >= SCRATCH_BYTES
        self._scratch = address

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        assert name == self._engine.names[1]
        tiles, _, height, width = self._shape
        anchors = sum(height // stride * (width // stride) for stride in (8, 16, 32))
        return tiles, self._engine.network.outputs[0].partial_shape[1].get_length(), anchors

    def set_tensor_address(self, name: str, address: int) -> bool:
        self._addresses[name] = address
        return True

    def execute_async_v3(self, stream: int) -> bool:
        assert self._scratch or not self._managed
        trt = self._engine.trt
        if trt.refuses_to_run:
            self._engine.logger.log(ILogger.Severity.ERROR, "IExecutionContext::enqueueV3: Cask (an error)")
            return False
        shape, out_shape = self._shape, self.get_tensor_shape(self._engine.names[1])
        source, target = (self._addresses[name] for name in self._engine.names)

        def work() -> None:
            tiles = np.ctypeslib.as_array((ctypes.c_float * int(np.prod(shape))).from_address(source)).reshape(shape)
            raw = np.ctypeslib.as_array((ctypes.c_float * int(np.prod(out_shape))).from_address(target))
            raw[:] = self._engine.network(tiles)[0].ravel()

        trt.device.streams[stream].give(work)
        return True
