"""A plan in memory: named tensors in, named tensors out."""

from __future__ import annotations

import math
from typing import Any

from nanotally.detect.engines.tensorrt.build import make_logger, share_profiles
from nanotally.detect.engines.tensorrt.cuda import Cuda, Memory, Stream
from nanotally.detect.engines.tensorrt.profile import Shape
from nanotally.errors import EngineError

MOST_RUNS = 16
"""Shapes of batches that are ready at a time; each has memory of its own."""
LEAST_BYTES = 256
"""Nothing cannot be allocated."""


class Network:
    """A plan that TensorRT has loaded: one input, one output, both float32.

    Attributes:
        largest: shape of the largest batch.
        most_runs: how many executions there may be at a time.

    Raises:
        EngineError: TensorRT does not take the plan, or it is not one of ours.
    """

    def __init__(self, trt: Any, cuda: Cuda, plan: bytes) -> None:
        self._trt, self._cuda = trt, cuda
        self._logger = make_logger(trt)
        self._runtime = trt.Runtime(self._logger)
        self._engine: Any = None if self._runtime is None else self._runtime.deserialize_cuda_engine(plan)
        if self._engine is None:
            raise EngineError(f"TensorRT {trt.__version__} does not load the plan: {self._logger.said}")
        engine = self._engine
        names = [engine.get_tensor_name(place) for place in range(engine.num_io_tensors)]
        inputs = [name for name in names if engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT]
        if len(names) != 2 or len(inputs) != 1:
            raise EngineError(f"the plan has tensors {', '.join(names)}, not one input and one output")
        if any(engine.get_tensor_dtype(name) != trt.DataType.FLOAT for name in names):
            raise EngineError("input and output of the plan are not both float32")
        (self._input,), (self._output,) = inputs, [name for name in names if name not in inputs]
        self.largest: Shape = tuple(engine.get_tensor_profile_shape(self._input, 0)[2])
        shared = share_profiles(trt)
        self.most_runs = MOST_RUNS if shared else engine.num_optimization_profiles
        self._free_profiles = [] if shared else list(range(self.most_runs))

    def execution(self, shape: Shape, stream: Stream) -> Execution:
        """Ready to run batches of one shape.

        Raises:
            EngineError: there is no memory for it, or the plan is not made for this shape.
        """
        managed = share_profiles(self._trt)
        strategy = [self._trt.ExecutionContextAllocationStrategy.USER_MANAGED] if managed else []
        context = self._engine.create_execution_context(*strategy)
        if context is None:
            raise EngineError(f"TensorRT makes no execution context: {self._logger.said}")
        profile = self._free_profiles.pop() if self._free_profiles else None
        if profile is not None and not context.set_optimization_profile_async(profile, stream.handle):
            raise EngineError(f"TensorRT does not take profile {profile}: {self._logger.said}")
        if not context.set_input_shape(self._input, shape):
            raise EngineError(f"the plan is not made for batches of {shape}: {self._logger.said}")
        scratch = None
        if managed:
            nbytes = max(LEAST_BYTES, context.update_device_memory_size_for_shapes())
            scratch = self._cuda.memory(nbytes)
            context.set_device_memory(scratch.address, nbytes)
        return Execution(self, context, scratch, profile)

    def tensors(self) -> tuple[str, str]:
        """Names of input and output."""
        return self._input, self._output

    def said(self) -> str:
        """The last fault that TensorRT told of."""
        return str(self._logger.said)

    def take_back(self, profile: int | None) -> None:
        """An execution has ended."""
        if profile is not None:
            self._free_profiles.append(profile)

    def close(self) -> None:
        """Give the memory back, after that of all executions."""
        self._engine = self._runtime = None


class Execution:
    """The network at one shape of batch, with memory of its own.

    Attributes:
        out_shape: (tiles, rows, anchors) of the output.
    """

    def __init__(self, network: Network, context: Any, scratch: Memory | None, profile: int | None) -> None:
        self._network, self._context, self._scratch, self._profile = network, context, scratch, profile
        out_shape = tuple(context.get_tensor_shape(network.tensors()[1]))
        if len(out_shape) != 3 or min(out_shape) < 1:
            raise EngineError(f"the plan answers {out_shape}, not tiles, rows and anchors")
        self.out_shape: tuple[int, int, int] = out_shape

    @property
    def out_bytes(self) -> int:
        """Size of the output."""
        return 4 * math.prod(self.out_shape)

    def bind(self, tiles: Memory, raw: Memory) -> None:
        """Where the input is read from and the output written to."""
        for name, memory in zip(self._network.tensors(), (tiles, raw), strict=True):
            if not self._context.set_tensor_address(name, memory.address):
                raise EngineError(f"TensorRT does not take the address of {name}: {self._network.said()}")

    def enqueue(self, stream: Stream) -> None:
        """Run, in order with the stream."""
        if not self._context.execute_async_v3(stream.handle):
            raise EngineError(f"TensorRT does not run the network: {self._network.said()}")

    def close(self) -> None:
        """Give the memory back."""
        self._context = None
        if self._scratch is not None:
            self._scratch.free()
        self._network.take_back(self._profile)
