"""With `engine = "auto"`: OpenVINO looks at the frames until TensorRT's plan is built, and TensorRT takes over."""

from __future__ import annotations

import logging
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from typing import IO, TYPE_CHECKING

from nanotally.daemon.loading import load_beside
from nanotally.detect.engines import tensorrt
from nanotally.detect.engines.openvino import OpenVinoEngine
from nanotally.errors import EngineError, NanotallyError

if TYPE_CHECKING:
    from nanotally.daemon.service import Service
    from nanotally.detect import Detector

log = logging.getLogger(__name__)

END_S = 1.0
"""How long a build that is not wanted any more has to end."""


class Build:
    """A process that builds the plan of a bundle. It yields to the daemon, which shares the processor with it."""

    def __init__(self, bundle: str) -> None:
        self._begun_s = time.monotonic()
        command = ["nice", "-n", "10", sys.executable, "-m", "nanotally", "engine", bundle]
        with ExitStack() as fails:
            self._said: IO[bytes] = fails.enter_context(tempfile.TemporaryFile())  # a pipe could fill
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self._said, start_new_session=True
            )
            fails.pop_all()

    def outcome(self) -> str | None:
        """None while it goes on, "" once the plan is there, else what went wrong."""
        code = self._process.poll()
        if code is None or code == 0:
            return None if code is None else ""
        self._said.seek(0)
        lines = self._said.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"the build ended with {code}"

    @property
    def took_s(self) -> float:
        """Since it began."""
        return time.monotonic() - self._begun_s

    def close(self) -> None:
        """End it, if it goes on."""
        self._process.terminate()
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._said.close()


class Succession:
    """Sees to it that the best engine for this machine comes to serve. Used by the main loop."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._known: Detector | None = None
        self._tried: set[str] = set()
        self._build: Build | None = None

    def turn(self) -> None:
        """Begin to build where that is worth it, and let TensorRT take over once it can."""
        if self._service.detector is not self._known:
            self._known = self._service.detector
            self._consider(self._known)
        outcome = None if self._build is None else self._build.outcome()
        if outcome is not None:
            self._end(outcome)

    def _consider(self, detector: Detector) -> None:
        """Build for this detector if TensorRT could run its model here. Each model is tried once."""
        self.close()
        manifest = detector.bundle.manifest
        wanted = self._service.config.model.engine == "auto" and isinstance(detector.engine, OpenVinoEngine)
        if not wanted or manifest.sha256 in self._tried:
            return
        try:
            tensorrt.find_plan(detector.bundle)
        except EngineError:
            return  # the description of the engine says what is missing
        self._tried.add(manifest.sha256)
        try:
            self._build = Build(str(detector.bundle.path))
        except OSError as error:
            log.warning("TensorRT: the build cannot be started, OpenVINO goes on: %s", error)
            return
        log.info("TensorRT: building the plan of %s for this GPU; OpenVINO serves meanwhile", manifest.name)

    def _end(self, fault: str) -> None:
        assert self._build is not None
        took_s = self._build.took_s
        self.close()
        service = self._service
        try:
            if fault:
                raise EngineError(fault)
            successor = load_beside(service, service.config)
        except NanotallyError as error:
            log.warning("TensorRT: no plan after %.0f s, OpenVINO goes on: %s", took_s, error)
            return
        if successor.engine.name != "tensorrt" or successor.bundle != service.detector.bundle:
            log.warning("TensorRT: the plan is of no use, OpenVINO goes on: %s", successor.engine.description)
            successor.engine.close()
            return
        service.adopt(service.config, successor)
        log.info("TensorRT: the plan was built in %.0f s; %s takes over", took_s, successor.engine.description)

    def close(self) -> None:
        """End a build that goes on."""
        if self._build is not None:
            self._build.close()
            self._build = None
