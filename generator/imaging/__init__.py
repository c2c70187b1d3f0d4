"""The imaging chain in its true order (field facts 3.12): beam, scan, electrons, display, publication."""

from nanotally.generator.imaging.beam import Beam
from nanotally.generator.imaging.detector import Detector
from nanotally.generator.imaging.display import Display, Publication
from nanotally.generator.imaging.record import Imaging, Recording, record
from nanotally.generator.imaging.scan import Scan

__all__ = ["Beam", "Detector", "Display", "Imaging", "Publication", "Recording", "Scan", "record"]
