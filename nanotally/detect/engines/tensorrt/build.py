"""From the ONNX of a bundle to a plan: TensorRT 8.5 to 11, without plugins and calibrators."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from nanotally.bundle import Bundle
from nanotally.detect.engines.tensorrt.profile import Profile, profile_of
from nanotally.errors import EngineError

log = logging.getLogger(__name__)

RULES = 1
"""Rises whenever a plan built by this module is not what it was before: it is part of the key of the cache."""
WORKSPACE_BYTES = 1 << 30
CONTEXTS_BEFORE_10 = 6
"""Before TensorRT 10 each execution context needs a profile of its own; so many of the same are put into the plan."""

Progress = Callable[[str, float], None]
"""Told the name of a phase of the build and which share of the whole is done, 0 to 1."""


def build_plan(trt: Any, bundle: Bundle, progress: Progress = lambda phase, share: None) -> bytes:
    """The plan for the device of this process. Takes from seconds to many minutes.

    Precision is in the ONNX: FP16 as FP16 tensors, INT8 as Q/DQ pairs. TensorRT must not choose it.

    Args:
        trt: the module `tensorrt`, of any version from 8.5 to 11.
        bundle: the model.
        progress: told how far it is, where TensorRT tells (from version 10 on).

    Raises:
        EngineError: TensorRT cannot parse or build it.
    """
    logger = make_logger(trt)
    builder = trt.Builder(logger)
    if builder is None:
        raise EngineError(f"TensorRT {trt.__version__} cannot build here: {logger.said}")
    network = builder.create_network(_creation_flags(trt))
    if network is None:
        raise EngineError(f"TensorRT {trt.__version__} makes no network: {logger.said}")
    parser = trt.OnnxParser(network, logger)
    if not parser.parse(bundle.onnx.read_bytes()):
        errors = "; ".join(parser.get_error(i).desc() for i in range(parser.num_errors))
        raise EngineError(f"{bundle.onnx}: TensorRT {trt.__version__} cannot parse it: {errors or logger.said}")
    _check(network, bundle)
    config = builder.create_builder_config()
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, WORKSPACE_BYTES)
    for name in _precision_flags(trt, bundle.manifest.precision):
        config.set_flag(getattr(trt.BuilderFlag, name))
    for _ in range(1 if share_profiles(trt) else CONTEXTS_BEFORE_10):
        _add_profile(builder, config, network.get_input(0).name, profile_of(bundle.manifest))
    if hasattr(trt, "IProgressMonitor"):
        config.progress_monitor = _monitor(trt, progress)
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise EngineError(f"{bundle.onnx}: TensorRT {trt.__version__} cannot build it: {logger.said}")
    return bytes(memoryview(plan))


def share_profiles(trt: Any) -> bool:
    """Whether several execution contexts may have the same profile, as they may from version 10 on."""
    return hasattr(trt, "ExecutionContextAllocationStrategy")


def make_logger(trt: Any) -> Any:
    """A logger for TensorRT that hands on to ours; `said` is the last fault that it was told of."""

    class Logger(trt.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)
            self.said = "it does not say why"

        def log(self, severity: Any, message: str) -> None:
            if severity in (trt.ILogger.Severity.INTERNAL_ERROR, trt.ILogger.Severity.ERROR):
                self.said = " ".join(message.split())
                log.error("TensorRT: %s", self.said)
            else:
                log.debug("TensorRT: %s", message)

    return Logger()


def _creation_flags(trt: Any) -> int:
    kinds = trt.NetworkDefinitionCreationFlag.__members__
    wanted = ["STRONGLY_TYPED"] if "STRONGLY_TYPED" in kinds else []
    wanted += ["EXPLICIT_BATCH"] if not share_profiles(trt) else []  # the only kind there is from version 10 on
    return sum(1 << int(kinds[name]) for name in wanted)


def _precision_flags(trt: Any, precision: str) -> list[str]:
    """What allows the types in the ONNX where networks are not strongly typed yet."""
    if "STRONGLY_TYPED" in trt.NetworkDefinitionCreationFlag.__members__:
        return []
    return {"fp32": [], "fp16": ["FP16"], "int8": ["INT8"]}[precision]


def _check(network: Any, bundle: Bundle) -> None:
    if (network.num_inputs, network.num_outputs) != (1, 1):
        ends = f"{network.num_inputs} inputs and {network.num_outputs} outputs"
        raise EngineError(f"{bundle.onnx}: has {ends}, not one of each")


def _add_profile(builder: Any, config: Any, name: str, profile: Profile) -> None:
    own = builder.create_optimization_profile()
    own.set_shape(name, profile.smallest, profile.usual, profile.largest)
    if config.add_optimization_profile(own) < 0:
        raise EngineError(f"TensorRT does not take the shapes {profile.smallest} to {profile.largest} of {name}")


class _Phase:
    """A phase of the build: where it begins in the whole, which share of the whole it is, and its steps."""

    def __init__(self, begin: float, share: float, steps: int) -> None:
        self.begin, self.share, self.steps, self.done = begin, share, max(steps, 1), 0

    def here(self) -> float:
        return self.begin + self.share * self.done / self.steps

    def part(self, steps: int) -> _Phase:
        return _Phase(self.here(), self.share / self.steps, steps)


def _monitor(trt: Any, progress: Progress) -> Any:
    """Hands on how much of the whole is done; TensorRT tells it phase by phase, each a step of another one."""

    class Monitor(trt.IProgressMonitor):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)
            self._open: dict[str, _Phase] = {}

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            parent = self._open.get(parent_phase or "")
            self._open[phase_name] = phase = parent.part(num_steps) if parent else _Phase(0, 1, num_steps)
            progress(phase_name, phase.here())

        def step_complete(self, phase_name: str, step: int) -> bool:
            phase = self._open[phase_name]
            phase.done = step + 1
            progress(phase_name, phase.here())
            return True

        def phase_finish(self, phase_name: str) -> None:
            del self._open[phase_name]

    return Monitor()
