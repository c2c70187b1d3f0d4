"""The Triton server that the nvidia-pytriton wheel brings, on a model repository of ours.

The wheel wants a Python that is built as a shared library, as Debian's is, and an environment of its own:

    uv venv -p /usr/bin/python3.11 FOLDER
    uv pip install --python FOLDER/bin/python nvidia-pytriton openvino

Tests use it where the variable NANOTALLY_TRITON names FOLDER. `python triton_server.py` records its answers, byte for
byte, for tests that run everywhere.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

GOLDEN = Path(__file__).parent / "golden" / "v2_triton"
TILE = np.random.default_rng(7).random((1, 1, 64, 96), np.float32)
"""What is recorded: an odd size, so that no two of its numbers can be mistaken for each other."""

WAIT_S = 60.0

MODEL = """
from pathlib import Path
import openvino as ov
import triton_python_backend_utils as triton

class TritonPythonModel:
    def initialize(self, args):
        network = str(Path(__file__).with_name("model.onnx"))
        self.network = ov.Core().compile_model(network, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})

    def execute(self, requests):
        images = [triton.get_input_tensor_by_name(request, "images").as_numpy() for request in requests]
        return [triton.InferenceResponse([triton.Tensor("output0", self.network(each)[0])]) for each in images]
"""
"""Takes the place of the ONNX backend, which the wheel does not have."""


def environment() -> Path | None:
    """Where the wheel is installed, or None."""
    named = os.environ.get("NANOTALLY_TRITON")
    return Path(named) if named else None


@contextmanager
def serving(repository: Path, venv: Path) -> Iterator[int]:
    """Serve a repository as `nanotally export --to triton` writes it, but for its backend; gives the port of HTTP."""
    (config,) = repository.glob("*/config.pbtxt")
    config.write_text(config.read_text().replace('"onnxruntime"', '"python"').replace("model.onnx", "model.py"))
    (config.parent / "1" / "model.py").write_text(MODEL)
    (packages,) = venv.glob("lib/python3*/site-packages")
    wheel = packages / "pytriton" / "tritonserver"
    with TemporaryDirectory() as scratch, socket.socket() as free:
        backend = Path(scratch, "python")
        version = packages.parent.name.removeprefix("python")
        shutil.copytree(wheel / "backends" / "python", backend)
        shutil.copytree(wheel / "python_backend_stubs" / version, backend, dirs_exist_ok=True)
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        command = [wheel / "bin" / "tritonserver", "--model-repository", repository, "--backend-directory", scratch]
        command += ["--http-address", "127.0.0.1", "--http-port", str(port)]
        command += ["--allow-grpc=false", "--allow-metrics=false", "--exit-timeout-secs=3"]
        paths = {
            "PATH": f"{venv}/bin:{os.environ['PATH']}",
            "PYTHONPATH": str(packages),
            "LD_LIBRARY_PATH": f"{packages}/nvidia_pytriton.libs",
        }
        process = subprocess.Popen(
            command, env={**os.environ, **paths}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        try:
            _await_http(port, process)
            yield port
        finally:
            process.terminate()
            process.communicate(timeout=WAIT_S)


def _await_http(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline_s = time.monotonic() + WAIT_S
    while time.monotonic() < deadline_s and process.poll() is None:
        with socket.socket() as trial:
            if trial.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)
    process.kill()
    raise AssertionError(f"Triton does not come up:\n{process.communicate()[1].decode()[-3000:]}")


def record(venv: Path) -> None:
    """Write the answers of the server, and our question, into `GOLDEN`."""
    from nanotally.bundle import load_bundle
    from nanotally.detect.engines.lines import Request
    from nanotally.detect.engines.repository import write_repository
    from nanotally.detect.engines.v2 import V2Engine

    bundle = load_bundle()
    with TemporaryDirectory() as scratch:
        write_repository(bundle, Path(scratch))
        with serving(Path(scratch), venv) as port:
            engine = V2Engine(f"http://127.0.0.1:{port}/nanotally", bundle)
            asked = {
                "about": Request("GET", "/v2"),
                "ready": Request("GET", "/v2/models/nanotally/ready"),
                "metadata": Request("GET", "/v2/models/nanotally"),
                "config": Request("GET", "/v2/models/nanotally/versions/1/config"),
                "unknown": Request("GET", "/v2/models/another/ready"),
                "infer": engine._question(TILE[0]),
            }
            for name, request in asked.items():
                (GOLDEN / f"{name}.http").write_bytes(exchange(port, request))
            body = b"".join(map(bytes, asked["infer"].body))
            (GOLDEN / "question.bin").write_bytes(body)
            refused = Request("POST", asked["infer"].path, (body[:-4],), asked["infer"].headers)
            (GOLDEN / "refused.http").write_bytes(exchange(port, refused))
            engine.close()


def exchange(port: int, request: object) -> bytes:
    """The raw answer to a request, on a connection of its own."""
    body = b"".join(map(bytes, request.body))  # type: ignore[attr-defined]
    headers = {**request.headers, "Host": "127.0.0.1", "Content-Length": len(body)}  # type: ignore[attr-defined]
    lines = [f"{request.method} {request.path} HTTP/1.1", *(f"{key}: {value}" for key, value in headers.items())]  # type: ignore[attr-defined]
    with socket.create_connection(("127.0.0.1", port), WAIT_S) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        raw = b""
        while b"\r\n\r\n" not in raw:
            raw += connection.recv(65536)
        head, _, rest = raw.partition(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
        )
        while len(rest) < length:
            rest += connection.recv(65536)
    return head + b"\r\n\r\n" + rest


if __name__ == "__main__":
    record(environment() or Path(sys.argv[1]))
