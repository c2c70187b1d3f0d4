"""From a configuration to a detector that is warm."""

from __future__ import annotations

import logging

import numpy as np

from nanotally.bundle import load_bundle
from nanotally.daemon.config import Config
from nanotally.detect import Detector, load_engine

log = logging.getLogger(__name__)


def load_detector(config: Config) -> Detector:
    """Load model and engine in the calling thread, the only one that may use them.

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
