"""What this machine has for the daemon, what it lacks, and what to do about it."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import platform
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryFile
from typing import Literal

import numpy as np
import zmq

from nanotally import __version__
from nanotally.bundle import load_bundle
from nanotally.daemon.config import Config
from nanotally.daemon.gate import Gate, SecurityConfig
from nanotally.detect import load_engine
from nanotally.errors import NanotallyError
from nanotally.wire.ipv6 import allow_ipv6

Verdict = Literal["ok", "absent", "fault"]
PROBE_S = 20.0
"""How long a probe of a driver in a process of its own may take."""
CUDA_PROBE = """
import ctypes
cuda = ctypes.CDLL("libcuda.so.1")
number, name, release = ctypes.c_int(), ctypes.create_string_buffer(100), ctypes.c_int()
assert cuda.cuInit(0) == 0 and cuda.cuDeviceGetCount(ctypes.byref(number)) == 0 and number.value
cuda.cuDeviceGetName(name, 100, 0)
cuda.cuDriverGetVersion(ctypes.byref(release))
print(f"{number.value} x {name.value.decode()}, CUDA {release.value // 1000}.{release.value % 1000 // 10}")
"""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        what: in a word or two.
        verdict: `ok`; `absent`, and only needed for some purposes; `fault`, and the daemon would not run.
        found: what is there.
        remedy: what to do if it is wanted; "" where nothing is.
    """

    what: str
    verdict: Verdict
    found: str
    remedy: str = ""


def check_up(config: Config) -> Iterator[Finding]:
    """Look at everything that a daemon with this configuration may need, one finding after the other."""
    yield Finding("nanotally", "ok", f"{__version__}, Python {platform.python_version()}, {sys.executable}")
    yield _processor()
    yield from _model(config)
    yield _gpu()
    yield _library("tensorrt", "nanotally[tensorrt]", "the TensorRT engine on an NVIDIA GPU")
    yield _library("pycuda", "nanotally[tensorrt]", "the TensorRT engine on an NVIDIA GPU")
    yield _cameras()
    yield _program("gst-launch-1.0", "gstreamer1.0-tools", "feeds of gst:")
    yield _display()
    yield _socket_port("publish", config.publish.endpoint)
    yield _socket_port("control", config.control.endpoint)
    if config.journal.folder is not None:
        yield _socket_port("replay", config.replay.endpoint)
    yield _keys(config.security)
    if config.metrics.enabled:
        yield _metrics_port(config.metrics.address, config.metrics.port)
    yield _disk(Path(os.environ.get("STATE_DIRECTORY", ".")))


def _processor() -> Finding:
    facts = dict(_cpuinfo())
    flags = set(facts.get("flags", facts.get("Features", "")).split())
    fast = [name for name in ("avx2", "avx512f", "avx512_vnni", "amx_int8", "asimd") if name in flags]
    name = facts.get("model name") or platform.machine()
    return Finding("processor", "ok", f"{name}, {os.cpu_count()} cores, {' '.join(fast) or 'no vector units known'}")


def _cpuinfo() -> Iterator[tuple[str, str]]:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        key, found, value = line.partition(":")
        if found:
            yield key.strip(), value.strip()


def _model(config: Config) -> Iterator[Finding]:
    """Bundle and engine, tried on one tile."""
    try:
        bundle = load_bundle(config.model.bundle or None)
    except NanotallyError as error:
        yield Finding("model", "fault", str(error), "name another folder as model.bundle, or export it again")
        return
    manifest = bundle.manifest
    yield Finding("model", "ok", f"{manifest.name} {manifest.sha256[:12]}, {manifest.precision}, {bundle.path}")
    try:
        engine = load_engine(config.model.engine, bundle)
    except NanotallyError as error:
        yield Finding("engine", "fault", str(error), "set model.engine to auto")
        return
    tiles = np.zeros((8, 1, manifest.input_size_px, manifest.input_size_px), np.float32)
    engine.infer(tiles)
    started = time.monotonic()
    engine.infer(tiles)
    tile_ms = 1000 * (time.monotonic() - started) / len(tiles)
    engine.close()
    yield Finding("engine", "ok", f"{tile_ms:.1f} ms a tile of {manifest.input_size_px} px, {engine.description}")


def _gpu() -> Finding:
    """Asked for in a process of its own: a broken driver takes down whoever asks."""
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return Finding("NVIDIA GPU", "absent", "no driver", "only the TensorRT engine needs one")
    probe = [sys.executable, "-c", CUDA_PROBE]
    try:
        asked = subprocess.run(probe, capture_output=True, text=True, timeout=PROBE_S, check=True)
        return Finding("NVIDIA GPU", "ok", asked.stdout.strip())
    except subprocess.SubprocessError:
        pass
    return Finding("NVIDIA GPU", "absent", "there is a driver, but it finds no device", "nvidia-smi says why")


def _library(name: str, extra: str, purpose: str) -> Finding:
    if importlib.util.find_spec(name) is None:
        return Finding(name, "absent", "not installed", f"for {purpose}: pip install '{extra}'")
    try:
        return Finding(name, "ok", version(name))
    except PackageNotFoundError:
        return Finding(name, "ok", "of the system")


def _cameras() -> Finding:
    named = sorted(Path("/dev/v4l/by-id").glob("*")) or sorted(Path("/dev").glob("video*"))
    if not named:
        return Finding("cameras", "absent", "no /dev/video*", "for feeds of v4l2:, plug one in")
    shut = [device for device in named if not os.access(device, os.R_OK | os.W_OK)]
    if shut:
        return Finding("cameras", "absent", f"no permission for {shut[0]}", "join its group: usermod -aG video USER")
    return Finding("cameras", "ok", ", ".join(map(str, named)))


def _program(name: str, package: str, purpose: str) -> Finding:
    found = shutil.which(name)
    if found is None:
        return Finding(name, "absent", "not installed", f"for {purpose}: apt install {package}")
    return Finding(name, "ok", found)


def _display() -> Finding:
    display = os.environ.get("DISPLAY", "")
    if not display:
        return Finding("display", "absent", "DISPLAY is not set", "for feeds of screen:, run in a desktop session")
    return Finding("display", "ok", display)


def _socket_port(what: str, endpoint: str) -> Finding:
    def bind() -> None:
        with zmq.Context() as context, context.socket(zmq.XPUB) as trial:
            allow_ipv6(trial, endpoint)
            trial.bind(endpoint)

    return _port(what, endpoint, bind)


def _metrics_port(address: str, port: int) -> Finding:
    def bind() -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(family) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind((address, port))

    return _port("metrics", f"{address}:{port}", bind)


def _port(what: str, place: str, bind: Callable[[], None]) -> Finding:
    try:
        bind()
    except (OSError, zmq.ZMQError) as error:
        return Finding(what, "fault", f"{place}: {error.strerror}", "another instance? change the port")
    return Finding(what, "ok", f"{place} is free")


def _keys(security: SecurityConfig) -> Finding:
    if not security.is_given:
        return Finding("keys", "absent", "sockets have none", "to be reached from other machines: nanotally keys")
    try:
        Gate(security)
    except NanotallyError as error:
        return Finding("keys", "fault", str(error), "docs/security.md says how keys are made and where they lie")
    return Finding("keys", "ok", f"{security.server_key}; who may connect: {security.allow}")


def _disk(folder: Path) -> Finding:
    try:
        TemporaryFile(dir=folder).close()
    except OSError as error:
        place = f"{folder.resolve()} cannot be written: {error.strerror}"
        return Finding("disk", "fault", place, "give it to the user of the daemon, or make room")
    return Finding("disk", "ok", f"{folder.resolve()}: {shutil.disk_usage(folder).free / 1e9:.1f} GB free")
