"""Plans on disk. A plan goes with one network, one device and one TensorRT; whatever else lies there is not loaded."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

import msgspec

from nanotally.bundle import Bundle
from nanotally.cache_folder import cache_folder
from nanotally.detect.engines.tensorrt.build import RULES, WORKSPACE_BYTES
from nanotally.detect.engines.tensorrt.probe import Device
from nanotally.detect.engines.tensorrt.profile import Profile, profile_of
from nanotally.errors import EngineError

MAGIC = b"nanotally plan 1\n"
LONGEST_HEADER = 1 << 16


class Key(msgspec.Struct, frozen=True):
    """What a plan depends on; another value of any of these is another plan.

    Attributes:
        onnx_sha256: of the network.
        precision: of the bundle.
        profile: shapes it is made for.
        workspace_bytes: what TensorRT may use to try kernels.
        rules: number of the rules that it is built by.
        device: GPU, compute capability, driver and TensorRT.
    """

    onnx_sha256: str
    precision: str
    profile: Profile
    workspace_bytes: int
    rules: int
    device: Device


class Header(msgspec.Struct, frozen=True):
    """Stands before the plan in its file.

    Attributes:
        key: what it was built for.
        size: of the plan, bytes.
        sha256: of the plan.
    """

    key: Key
    size: int
    sha256: str


def key_of(bundle: Bundle, device: Device) -> Key:
    """Key of a bundle's plan for a device."""
    manifest = bundle.manifest
    return Key(manifest.sha256, manifest.precision, profile_of(manifest), WORKSPACE_BYTES, RULES, device)


def path_of(key: Key) -> Path:
    """Where the plan of a key lies."""
    return cache_folder("plans") / f"{hashlib.sha256(msgspec.json.encode(key)).hexdigest()[:32]}.plan"


def read_plan(key: Key) -> bytes:
    """The plan.

    Raises:
        EngineError: there is none, or what lies there is something else; says what.
    """
    path = path_of(key)
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_uid not in (os.getuid(), 0):
                raise EngineError(f"{path}: belongs to somebody else")
            return _plan_in(file.read(), key, path)
    except FileNotFoundError:
        raise EngineError(f"{path}: no such plan") from None
    except OSError as error:
        raise EngineError(f"{path}: {error.strerror}") from error


def _plan_in(content: bytes, key: Key, path: Path) -> bytes:
    first = len(MAGIC) + 4
    length = int.from_bytes(content[len(MAGIC) : first], "little")
    if not content.startswith(MAGIC) or length > LONGEST_HEADER:
        raise EngineError(f"{path}: is no plan of nanotally's")
    try:
        header = msgspec.json.decode(content[first : first + length], type=Header)
    except msgspec.DecodeError as error:
        raise EngineError(f"{path}: its header cannot be read") from error
    plan = content[first + length :]
    if header.key != key:
        raise EngineError(f"{path}: was built for something else")
    if len(plan) != header.size or hashlib.sha256(plan).hexdigest() != header.sha256:
        raise EngineError(f"{path}: is damaged or half-written")
    return plan


def write_plan(key: Key, plan: bytes) -> Path:
    """Put a plan where `read_plan` finds it, whole or not at all.

    Raises:
        EngineError: it cannot be written.
    """
    path = path_of(key)
    header = msgspec.json.encode(Header(key, len(plan), hashlib.sha256(plan).hexdigest()))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as file:
            try:
                for part in (MAGIC, len(header).to_bytes(4, "little"), header, plan):
                    file.write(part)
                file.flush()
                os.fsync(file.fileno())
                Path(file.name).replace(path)
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise
    except OSError as error:
        raise EngineError(f"{error.filename or path}: cannot be written ({error.strerror})") from error
    return path


def discard(key: Key) -> None:
    """Take away the plan of a key: TensorRT does not load it."""
    path_of(key).unlink(missing_ok=True)
