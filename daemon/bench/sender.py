"""A microscope's PC: says that it is ready, and pushes frames from memory at a steady rate until it is ended.

python -m nanotally.daemon.bench.sender ENDPOINT FOOTAGE FPS
"""

from __future__ import annotations

import sys
import time
from itertools import cycle
from pathlib import Path

import msgspec
import zmq

from nanotally.daemon.bench.footage import Footage


def push(endpoint: str, footage: Footage, fps: float) -> None:
    """Push frames there and back, so that the picture never jumps; one for which there is no room is dropped."""
    height, width = footage.images.shape[1:]
    facts = {"width": width, "height": height, "databar_px": footage.databar_px}
    header = msgspec.json.encode(facts if footage.nm_per_px is None else {**facts, "nm_per_px": footage.nm_per_px})
    order = [*range(len(footage.images)), *range(len(footage.images) - 2, 0, -1)]
    with zmq.Context() as context, context.socket(zmq.PUSH) as socket:
        socket.setsockopt(zmq.SNDHWM, 1)
        socket.setsockopt(zmq.LINGER, 0)
        socket.setsockopt(zmq.IMMEDIATE, 1)
        socket.connect(endpoint)
        due_s = time.monotonic()
        for row in cycle(order):
            due_s = max(due_s + 1 / fps, time.monotonic())
            time.sleep(max(due_s - time.monotonic(), 0.0))
            if socket.poll(0, zmq.POLLOUT):
                socket.send_multipart([header, footage.images[row]])


if __name__ == "__main__":
    loaded = Footage.load(Path(sys.argv[2]))
    print("ready", flush=True)
    push(sys.argv[1], loaded, float(sys.argv[3]))
