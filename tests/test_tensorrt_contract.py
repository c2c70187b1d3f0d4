"""Every name that the engine uses of TensorRT, looked up in the real modules.

The real Python modules of TensorRT load without its libraries if stand-ins for those are there. They are installed,
each version into a folder of its own, by `sh tests/tensorrt_bindings.sh DIR`; NANOTALLY_TENSORRT_BINDINGS=DIR names it.
"""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from nanotally.detect.engines import tensorrt

PACKAGE = Path(tensorrt.__file__).parent
FOLDER = os.environ.get("NANOTALLY_TENSORRT_BINDINGS", "")
VERSIONS = ("10.3.0", "10.16.1.11", "11.4.0.106")

NAMES = {
    "": ("__version__", "Builder", "OnnxParser", "Runtime", "ILogger", "IProgressMonitor", "BuilderFlag", "DataType",
         "TensorIOMode", "MemoryPoolType", "NetworkDefinitionCreationFlag", "ExecutionContextAllocationStrategy"),
    "ILogger": ("Severity", "log"),
    "ILogger.Severity": ("INTERNAL_ERROR", "ERROR"),
    "IProgressMonitor": ("phase_start", "step_complete", "phase_finish"),
    "MemoryPoolType": ("WORKSPACE",),
    "NetworkDefinitionCreationFlag": ("__members__", "STRONGLY_TYPED"),
    "ExecutionContextAllocationStrategy": ("USER_MANAGED",),
    "DataType": ("FLOAT",),
    "TensorIOMode": ("INPUT",),
    "Builder": ("create_network", "create_builder_config", "create_optimization_profile", "build_serialized_network"),
    "INetworkDefinition": ("num_inputs", "num_outputs", "get_input"),
    "ITensor": ("name",),
    "OnnxParser": ("parse", "num_errors", "get_error"),
    "ParserError": ("desc",),
    "IBuilderConfig": ("set_memory_pool_limit", "set_flag", "add_optimization_profile", "progress_monitor"),
    "IOptimizationProfile": ("set_shape",),
    "Runtime": ("deserialize_cuda_engine",),
    "ICudaEngine": ("num_io_tensors", "num_optimization_profiles", "get_tensor_name", "get_tensor_mode",
                    "get_tensor_dtype", "get_tensor_profile_shape", "create_execution_context"),
    "IExecutionContext": ("set_optimization_profile_async", "set_input_shape", "get_tensor_shape",
                          "set_tensor_address", "execute_async_v3", "update_device_memory_size_for_shapes",
                          "set_device_memory"),
}  # fmt: skip
"""Class, and what of it is used. `EXPLICIT_BATCH`, `FP16` and `INT8` are used where they exist only."""

SYMBOLS = {
    "libnvinfer": ("createInferBuilder_INTERNAL", "createInferRefitter_INTERNAL", "createInferRuntime_INTERNAL",
                   "getBuilderPluginRegistry", "getPluginRegistry", "getInferLibVersion"),
    "libnvonnxparser": ("createNvOnnxParser_INTERNAL", "createNvOnnxParserRefitter_INTERNAL", "getNvOnnxParserVersion"),
    "libnvinfer_plugin": ("initLibNvInferPlugins",),
}  # fmt: skip
STAND_IN = "void *{}(void) {{ static void *table[512]; static void **object = table; return &object; }}"
LOOK_UP = """
import functools, importlib, json, sys
module, names = importlib.import_module(sys.argv[1]), json.loads(sys.argv[2])
missing = []
for owner, parts in names:
    try:
        functools.reduce(getattr, [*filter(None, owner.split(".")), *parts.split(".")], module)
    except AttributeError:
        missing.append(f"{owner}.{parts}")
print(json.dumps([getattr(module, "__version__", ""), missing]))
"""


def looked_up(module: str, names: list[tuple[str, str]], **environment: str) -> list:
    """Version of a module, and which names it does not have; a process of its own for each."""
    child = [sys.executable, "-c", LOOK_UP, module, json.dumps(names)]
    done = subprocess.run(
        child, env={**os.environ, **environment}, capture_output=True, text=True, timeout=120, check=True
    )
    return json.loads(done.stdout)


def all_names() -> list[tuple[str, str]]:
    return [(owner, name) for owner, names in NAMES.items() for name in names]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_real_tensorrt_has_every_name(version: str, tmp_path: Path) -> None:
    bindings = Path(FOLDER, version)
    if not FOLDER or not bindings.is_dir():
        pytest.skip("no bindings; sh tests/tensorrt_bindings.sh DIR, NANOTALLY_TENSORRT_BINDINGS=DIR")
    if shutil.which("gcc") is None:
        pytest.skip("no C compiler; apt install gcc")
    major = version.partition(".")[0]
    for library, symbols in SYMBOLS.items():
        soname = f"{library}.so.{major}"
        command = ["gcc", "-shared", "-fPIC", "-w", "-x", "c", "-", "-o", tmp_path / soname, f"-Wl,-soname,{soname}"]
        subprocess.run(command, input="\n".join(map(STAND_IN.format, symbols)), text=True, check=True)
    found, missing = looked_up(
        "tensorrt_bindings", all_names(), LD_LIBRARY_PATH=str(tmp_path), PYTHONPATH=str(bindings)
    )
    assert (found.startswith(version), missing) == (True, [])


def test_so_has_tensorrt_rtx() -> None:
    if find_spec("tensorrt_rtx_bindings") is None:
        pytest.skip("no TensorRT-RTX; pip install 'nanotally[tensorrt-test]'")
    assert looked_up("tensorrt_rtx_bindings", all_names())[1] == []


RECEIVERS = {
    "build.py": r"trt(\.[A-Z]\w*)*|builder|network|network\.get_input\(0\)|parser|parser\.get_error\(i\)|config|own",
    "network.py": r"(self\._)?(trt|engine|context|runtime)(\.[A-Z]\w*)*",
}
"""What objects of TensorRT are called in each module."""
CALLED_BACK = {"log", "phase_start", "step_complete", "phase_finish"}
BY_NAME = {"STRONGLY_TYPED", "ExecutionContextAllocationStrategy", "IProgressMonitor"}
"""What is asked for by a string."""


def test_the_list_is_what_the_code_uses() -> None:
    used = set()
    for module, receivers in RECEIVERS.items():
        for node in ast.walk(ast.parse((PACKAGE / module).read_text())):
            if isinstance(node, ast.Attribute) and re.fullmatch(receivers, ast.unparse(node.value)):
                used.add(node.attr)
    own = {name for names in NAMES.values() for name in names} - {"__init__"}
    assert used - own - {"__init__"} == set()
    assert own - used <= CALLED_BACK | BY_NAME
