"""What a soak is made of: a daemon with three sources, a logger, a sender, one who listens and one who never reads."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import ExitStack, suppress
from pathlib import Path

import numpy as np
import zmq

from nanotally.wire import DetectionsMessage, Gap, StatusMessage, Subscriber

INSTANCE = "soak"
STAGE, SAVED, PUSHED = "stage", "saved", "pushed"
DAEMON = (sys.executable, "-m", "nanotally", "run", "--config")
LOGGER = (sys.executable, "-m", "nanotally", "log")
PORTS = ("publish", "replay", "control", "metrics", "frames")
SIMULATED = (
    "fps=5&blank_every=210&blank_frames=30&freeze_every=130&freeze_frames=30"
    "&charging=2&zoom=1.5&zoom_frames=400&zoom_steps=4"
)
CONFIG = """
instance = "soak"
[source.stage]
uri = "sim:?{stage}"
nm_per_px = 3.0
[source.saved]
uri = "watch:{folder}/saved"
[source.pushed]
uri = "zmq:tcp://127.0.0.1:{frames}"
[detect]
score = {score}
[publish]
endpoint = "tcp://127.0.0.1:{publish}"
[replay]
endpoint = "tcp://127.0.0.1:{replay}"
[control]
endpoint = "tcp://127.0.0.1:{control}"
[journal]
directory = "{folder}/journal"
segment_mb = 0.5
retention_mb = 20
[metrics]
port = {metrics}
"""
PUSH_EVERY_S = 0.25
ENDS_WITHIN_S = 20.0


def picture(number: int) -> np.ndarray:
    """(240, 320) uint8: a disc in noise, each time elsewhere."""
    y, x = np.mgrid[0:240, 0:320]
    disc = (x - 60 - number * 3 % 200) ** 2 + (y - 120) ** 2 < 20**2
    noise = np.random.default_rng(number).integers(0, 20, disc.shape, np.uint8)
    return np.where(disc, np.uint8(190), np.uint8(60)) + noise


def free_ports() -> dict[str, int]:
    """A port for each of `PORTS`, all different."""
    with ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in PORTS]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return {name: probe.getsockname()[1] for name, probe in zip(PORTS, probes, strict=True)}


class Heard:
    """What a subscriber that keeps up hears, in a thread of its own.

    Attributes:
        ages: seconds since the first moment, and milliseconds from the grab until the message, of each live frame of
            the stage.
        states: how many messages told of each state of a frame, a source or the journal.
        missed: messages that it did not get.
    """

    def __init__(self, endpoint: str, began_s: float) -> None:
        self._began_s = began_s
        self._subscriber = Subscriber(endpoint, kinds=("detections", "status"))
        self.ages: list[tuple[float, float]] = []
        self.states: Counter[str] = Counter()
        self.missed = 0
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def _listen(self) -> None:
        for item in self._subscriber:
            if isinstance(item, Gap):
                self.missed += item.missed
            elif isinstance(item, DetectionsMessage):
                self.states[f"{item.origin.source} {item.state}"] += 1
                if item.origin.source == STAGE and item.state == "live":
                    self.ages.append((time.monotonic() - self._began_s, item.age_ms))
            elif isinstance(item, StatusMessage):
                self.states[f"{item.origin.source} {item.source_state}"] += 1
                self.states[f"{item.origin.source} dropped"] += item.frames_dropped > 0
                self.states["journal fault"] += item.journal_fault is not None

    def close(self) -> None:
        """Listen no more."""
        self._subscriber.close()
        self._thread.join()


class Sender:
    """A program on the microscope's PC that pushes pictures, comes and goes."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._push)
        self._thread.start()

    def _push(self) -> None:
        with zmq.Context() as context, context.socket(zmq.PUSH) as pushing:
            pushing.linger, pushing.immediate = 0, True
            pushing.connect(self._endpoint)
            number = 0
            while not self._over.wait(PUSH_EVERY_S):
                number += 1
                with suppress(zmq.Again):
                    parts = [json.dumps({"width": 320, "height": 240}).encode(), picture(number).tobytes()]
                    pushing.send_multipart(parts, zmq.NOBLOCK)

    def close(self) -> None:
        """Push no more."""
        self._over.set()
        self._thread.join()


class Site:
    """A folder with everything that daemon and logger leave there, the two processes, and who is connected to them.

    Attributes:
        folder: of all files.
        ports: by what listens there.
        daemon, logger: the processes; `said` is what the daemon wrote, line by line.
        sender: None while it is away.
    """

    def __init__(self, folder: Path, daemon: tuple[str, ...]) -> None:
        """Start everything; `daemon` is the command that a configuration file is put behind."""
        self.folder, self.ports = folder, free_ports()
        self.saved, self.config, self.log = folder / "saved", folder / "soak.toml", folder / "counts.sqlite"
        self.saved.mkdir()
        self.configure(score=0.5)
        self.began_s = time.monotonic()
        self.said: list[str] = []
        self.daemon = subprocess.Popen((*daemon, str(self.config)), stderr=subprocess.PIPE, text=True)
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        self.heard = Heard(self.endpoint("publish"), self.began_s)
        self._context = zmq.Context()
        self._deaf = self._context.socket(zmq.SUB)
        self._deaf.linger, self._deaf.rcvhwm, self._deaf.rcvbuf = 0, 1, 4096
        self._deaf.subscribe(b"")
        self._deaf.connect(self.endpoint("publish"))
        self.logger = self.start_logger()
        self.sender: Sender | None = None
        self.push()

    def endpoint(self, name: str) -> str:
        """Of what listens there."""
        return f"tcp://127.0.0.1:{self.ports[name]}"

    def configure(self, *, score: float) -> None:
        """Write the configuration file."""
        self.config.write_text(CONFIG.format(folder=self.folder, stage=SIMULATED, score=score, **self.ports))

    def start_logger(self) -> subprocess.Popen[bytes]:
        """A logger that goes on where the last one ended."""
        command = (*LOGGER, self.endpoint("publish"), "--to", str(self.log))
        with (self.folder / "logger.txt").open("ab") as said:
            return subprocess.Popen(command, stderr=said)

    def push(self) -> None:
        """Let the sender come, if it is away."""
        self.sender = self.sender or Sender(self.endpoint("frames"))

    def push_no_more(self) -> None:
        """Let the sender go."""
        if self.sender is not None:
            self.sender.close()
        self.sender = None

    def _read(self) -> None:
        assert self.daemon.stderr is not None
        with (self.folder / "daemon.txt").open("w") as kept:
            for line in self.daemon.stderr:
                self.said.append(line)
                kept.write(line)

    def end(self) -> tuple[int, int]:
        """Ask daemon and logger to end; their exit codes."""
        codes = []
        for process in (self.daemon, self.logger):
            process.send_signal(signal.SIGTERM)
            codes.append(process.wait(ENDS_WITHIN_S))
        return codes[0], codes[1]

    def close(self) -> None:
        """End whatever still runs."""
        self.push_no_more()
        self.heard.close()
        self._deaf.close()
        self._context.term()
        for process in (self.daemon, self.logger):
            process.kill()
            process.wait()
        self._reader.join()
        if self.daemon.stderr is not None:
            self.daemon.stderr.close()
