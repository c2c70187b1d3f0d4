"""Many publishers through one forwarder: nothing may be lost, and how much later it comes than without.

Publishers are daemons' own sockets with messages as daemons send them, all in one process; the forwarder is
`nanotally forward`; a subscriber to it and one to all publishers directly, in a third and a fourth, tell losses by the
sequence numbers, and latency from when a message was made (one machine has one monotonic clock).
"""

from __future__ import annotations

import argparse
import multiprocessing
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import zmq
from rich.console import Console
from rich.table import Table

from nanotally.daemon.publish import Publisher
from nanotally.detections import CLASSES, Detections
from nanotally.wire import DetectionsMessage, Model, decode, encode, records_from
from nanotally.wire.topics import prefix

ANY = "tcp://127.0.0.1:*"
QUIET_S = 3.0
"""After so long without a message none comes any more."""


@dataclass(frozen=True)
class Heard:
    """What a subscriber got.

    Attributes:
        messages: by instance.
        missed: numbers left out between the first and the last of an instance.
        late_ms: from making to receiving, of each.
    """

    messages: Counter[str]
    missed: int
    late_ms: list[float]


def message_of(particles: int) -> DetectionsMessage:
    """A frame's detections as a daemon sends them, but for where they are from."""
    random = np.random.default_rng(0)
    low = random.uniform(0, 900, (particles, 2))
    found = Detections(np.hstack([low, low + 30]).astype(np.float32), random.random(particles, np.float32))
    return DetectionsMessage(
        origin=None,  # type: ignore[arg-type] # every publisher gives its own
        frame=1, grabbed_ns=0, wall=datetime(2026, 1, 1, tzinfo=timezone.utc), age_ms=20.0, width=1280, height=960,
        nm_per_px=(1.25, 1.25), pixel_size_from="configuration", state="live", classes=CLASSES,
        counts=dict.fromkeys(CLASSES, 0), truncated=False, model=Model("default", "0" * 64, "openvino", "fp32"),
        thresholds=dict.fromkeys(CLASSES, 0.25), scale=1.0, tile=416, overlap=96, roi=None, settings_sha256="0" * 64,
        latency_ms={"infer": 15.0}, records=records_from(found),
    )  # fmt: skip


def listen(endpoints: Sequence[str], ready: Connection) -> None:
    """Receive from all `endpoints` until nothing comes any more, and answer what was heard; a process of its own."""
    socket = zmq.Context().socket(zmq.SUB)
    socket.rcvhwm = 100_000
    for endpoint in endpoints:
        socket.connect(endpoint)
    socket.subscribe(prefix("detections"))
    ready.send(True)
    arrived: list[tuple[int, list[bytes]]] = []
    while socket.poll(round(1000 * QUIET_S) if arrived else 60_000):
        parts = socket.recv_multipart()
        arrived.append((time.monotonic_ns(), parts))
    last: dict[str, int] = {}
    messages: Counter[str] = Counter()
    missed, late_ms = 0, []
    for at_ns, parts in arrived:
        message = decode(parts)
        assert isinstance(message, DetectionsMessage)
        name, seq = message.origin.instance, message.origin.seq
        missed += seq - last.get(name, seq - 1) - 1
        last[name] = seq
        messages[name] += 1
        late_ms.append((at_ns - message.grabbed_ns) / 1e6)
    ready.send(Heard(messages, missed, late_ms))


def publish(publishers: Sequence[Publisher], *, seconds: float, rate: float, particles: int) -> int:
    """Have every publisher send `rate` messages a second, evenly spread; how many each sent."""
    made, rounds = message_of(particles), round(seconds * rate)
    parts = encode(replace(made, origin=publishers[0].next_origin("detections", "main")))
    began_s, step_s = time.monotonic(), 1 / rate / len(publishers)
    for turn in range(rounds * len(publishers)):
        time.sleep(max(0.0, began_s + turn * step_s - time.monotonic()))
        publisher = publishers[turn % len(publishers)]
        origin = publisher.next_origin("detections", "main")
        message = replace(made, origin=origin, grabbed_ns=time.monotonic_ns())
        publisher.send(message)
    print(f"{sum(map(len, parts))} bytes a message", file=sys.stderr)
    return rounds


def started(publishers: Sequence[Publisher], folder: Path) -> tuple[subprocess.Popen[str], str]:
    """A forwarder before the publishers, and where it publishes."""
    tables = [f'[daemon.sem{n}]\nendpoint = "{each.endpoint}"\n' for n, each in enumerate(publishers)]
    sockets = f'[publish]\nendpoint = "{ANY}"\n[replay]\nendpoint = "{ANY}"\n[metrics]\nport = 0\n'
    config = folder / "forward.toml"
    config.write_text("".join(tables) + sockets)
    command = [sys.executable, "-m", "nanotally", "forward", str(config)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    line = next(line for line in process.stderr if "publishing on" in line)
    return process, line.partition("publishing on ")[2].partition(",")[0]


def run(*, daemons: int, rate: float, seconds: float, particles: int) -> tuple[int, dict[str, Heard], float]:
    """Messages each publisher sent, what was heard both ways, and seconds of processor that the forwarder took."""
    publishers = [Publisher(ANY, instance=f"sem{number}") for number in range(daemons)]
    context = multiprocessing.get_context("spawn")
    with TemporaryDirectory() as scratch:
        forwarder, endpoint = started(publishers, Path(scratch))
        ways = {"through the forwarder": [endpoint], "directly": [each.endpoint for each in publishers]}
        ears = {}
        for name, endpoints in ways.items():
            ours, theirs = context.Pipe()
            process = context.Process(target=listen, args=(endpoints, theirs))
            process.start()
            ours.recv()
            ears[name] = (process, ours)
        time.sleep(3)  # subscriptions reach every publisher
        for publisher in publishers:
            publisher.answer_subscribers()
        before_s = processor_s(forwarder.pid)
        sent = publish(publishers, seconds=seconds, rate=rate, particles=particles)
        took_s = processor_s(forwarder.pid) - before_s
        heard = {name: ours.recv() for name, (_, ours) in ears.items()}
        for process, _ in ears.values():
            process.join()
        forwarder.send_signal(signal.SIGTERM)
        forwarder.communicate()
    for publisher in publishers:
        publisher.close()
    return sent, heard, took_s


def processor_s(pid: int) -> float:
    """Seconds of processor that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def main() -> None:
    """Print the table; exit code 1 if anything was lost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--daemons", type=int, default=50)
    parser.add_argument("--rate", type=float, default=10.0, help="messages a second of each")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--particles", type=int, default=300, help="in each message")
    given = parser.parse_args()
    sent, heard, took_s = run(daemons=given.daemons, rate=given.rate, seconds=given.seconds, particles=given.particles)
    table = Table("way", "sent", "heard", "lost", "p50 ms", "p99 ms", "most ms")
    lost = 0
    for name, each in heard.items():
        left_out = given.daemons * sent - sum(each.messages.values())
        lost += left_out + each.missed
        late = [f"{value:.2f}" for value in np.percentile(each.late_ms, (50, 99, 100))]
        table.add_row(name, str(given.daemons * sent), str(sum(each.messages.values())), str(left_out), *late)
    Console(width=120).print(table)
    share = 100 * took_s / given.seconds
    print(f"forwarder: {share:.0f} % of one core, {1e6 * took_s / (given.daemons * sent):.0f} us a message")
    raise SystemExit(lost > 0)


if __name__ == "__main__":
    main()
