"""Detection: tiles, engines, decoding and merging behind one `Detector`."""

from nanotally.detect.detector import Detector, DetectSettings, Found, View
from nanotally.detect.engine import Engine
from nanotally.detect.engines import load_engine

__all__ = ["DetectSettings", "Detector", "Engine", "Found", "View", "load_engine"]
