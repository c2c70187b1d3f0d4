"""Plans of the shipped bundles, built by TensorRT-RTX, whose builder needs no GPU."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from nanotally.bundle import SHIPPED, Bundle, load_bundle
from nanotally.detect.engines.tensorrt import build
from nanotally.detect.engines.tensorrt.profile import profile_of
from nanotally.errors import EngineError

trt = pytest.importorskip("tensorrt_rtx_bindings", reason="no TensorRT-RTX; pip install 'nanotally[tensorrt-test]'")


class Spy:
    """The module, whose builder shows what it was given."""

    def __init__(self) -> None:
        self.network: Any = None

    def __getattr__(self, name: str) -> Any:
        return getattr(trt, name)

    def Builder(self, logger: Any) -> Spy.OwnBuilder:  # noqa: N802 - its name in TensorRT
        return Spy.OwnBuilder(self, trt.Builder(logger))

    class OwnBuilder:
        def __init__(self, spy: Spy, own: Any) -> None:
            self._spy, self._own = spy, own

        def __getattr__(self, name: str) -> Any:
            return getattr(self._own, name)

        def build_serialized_network(self, network: Any, config: Any) -> Any:
            ends = (network.get_input(0), network.get_output(0))
            self._spy.network = [(tensor.name, tuple(tensor.shape), tensor.dtype) for tensor in ends]
            self._spy.profiles = config.num_optimization_profiles
            self._spy.typed = network.get_flag(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)
            return self._own.build_serialized_network(network, config)


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_bundle_can_be_built(name: str) -> None:
    spy, told = Spy(), []
    plan = build.build_plan(spy, load_bundle(name), lambda phase, share: told.append((phase, share)))
    assert plan.startswith(b"vtrt")
    assert len(plan) > 1_000_000
    assert spy.network == [
        ("images", (-1, 1, -1, -1), trt.DataType.FLOAT),
        ("output0", (-1, 6, -1), trt.DataType.FLOAT),
    ]
    assert (spy.profiles, spy.typed) == (1, True)
    shares = [share for _, share in told]
    assert min(shares) == 0
    assert 0.8 < max(shares) <= 1
    assert told[0][0] == "Building engine"


def test_profiles_are_for_whole_fields_or_for_squares() -> None:
    manifest = load_bundle().manifest
    assert profile_of(manifest) == build.Profile((1, 1, 32, 32), (1, 1, 960, 1280), (4, 1, 1536, 1536))
    squares = profile_of(msgspec.structs.replace(manifest, stride=None))
    assert squares == build.Profile((1, 1, 416, 416), (16, 1, 416, 416), (16, 1, 416, 416))


def broken(tmp_path: Path, content: bytes) -> Bundle:
    (tmp_path / "model.onnx").write_bytes(content)
    return Bundle(tmp_path, load_bundle().manifest)


def test_what_cannot_be_parsed_is_said(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"model\.onnx: TensorRT .* cannot parse it: .+"):
        build.build_plan(trt, broken(tmp_path, b"no network"))


def test_shapes_that_do_not_fit_the_network_are_said() -> None:
    bundle = load_bundle()
    odd = Bundle(bundle.path, msgspec.structs.replace(bundle.manifest, stride=24))  # the network needs 32
    with pytest.raises(EngineError, match=r"cannot build it: .+"):
        build.build_plan(trt, odd)
