"""From a configuration to a detector that is warm."""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from nanotally.bundle import load_bundle
from nanotally.daemon.config import Config
from nanotally.detect import Detector, load_engine
from nanotally.detect.engines.tensorrt import probe
from nanotally.detections import Detections
from nanotally.errors import EngineError
from nanotally.measure.density import Examined
from nanotally.measure.measurement import measure

if TYPE_CHECKING:
    from nanotally.daemon.service import Service

log = logging.getLogger(__name__)

LONG_S = 3.0
"""What measuring a first particle takes only where it has to be compiled."""
PATIENCE_S = 300.0
"""How long systemd is asked to wait for a sign of life while the engine's thread loads."""


def load_detector(config: Config) -> Detector:
    """Load model and engine in the calling thread.

    Raises:
        BundleError: the bundle cannot be used.
        EngineError: the engine cannot be had.
        ConfigError: its settings do not fit the model.
    """
    bundle = load_bundle(config.model.bundle or None)
    engine = load_engine(config.model.engine, bundle)
    log.info("model %s (%s) on %s", bundle.manifest.name, bundle.manifest.sha256[:12], engine.description)
    detector = Detector(bundle, engine, config.detect)
    side = bundle.manifest.input_size_px
    detector.detect(np.zeros((side, side), np.uint8))  # the first is slow, and not to be a frame's
    return detector


def warm_up() -> None:
    """Measure a particle, so that what is compiled when it is first called is not compiled while a frame waits."""
    begun = time.monotonic()
    particle = Detections(np.array([[16, 16, 48, 48]]))
    measure(np.zeros((64, 64), np.uint8), particle, Examined((0, 0, 64, 64)))
    if time.monotonic() - begun > LONG_S:
        log.info("compiled what measures particles; the next start is faster")


def load_beside(service: Service, config: Config) -> Detector:
    """Another detector for a service that runs. Called by its main loop, which turns meanwhile with the old one.

    Only the desk and the succession wait, who ask for this. TensorRT is loaded by the engine's thread, and everything
    waits: its CUDA context belongs to the thread that makes it, and reading a plan lets no other one run anyway.

    Raises:
        NanotallyError: it cannot be had.
    """
    if _is_of_one_thread(config):
        with service.notifier.patience(PATIENCE_S):
            return service.looking.do(partial(service.make_detector, config))
    made: Future[Detector] = Future()
    made.add_done_callback(lambda _: service.bell.set())

    def load() -> None:
        try:
            made.set_result(service.make_detector(config))
        except BaseException as error:  # noqa: BLE001 - raised by whoever waits for the result
            made.set_exception(error)

    threading.Thread(target=load, name="load", daemon=True).start()
    while not (made.done() or service.stopped):
        service.turn()
    service.settle()
    return made.result()


def _is_of_one_thread(config: Config) -> bool:
    """Whether the engine can be that of TensorRT."""
    if config.model.engine not in ("auto", "tensorrt"):
        return False
    try:
        probe.device()
    except EngineError:
        return False
    return True
