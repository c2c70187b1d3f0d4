"""A detector that can be sent to another process."""

from __future__ import annotations

from collections.abc import Callable

from nanotally.bundle import SHIPPED, load_bundle
from nanotally.detect.detector import Detector, DetectSettings
from nanotally.detect.engines import load_engine
from nanotally.errors import BundleError


class Portable:
    """Holds a detector. What is pickled of it is the name of its bundle; where it arrives the network is loaded anew.

    The bundle's folder must be there under the same path, unless it comes with the package.

    Attributes:
        detector: in this process.
    """

    def __init__(self, detector: Detector, engine: str) -> None:
        """Hold a detector.

        Args:
            detector: loaded here.
            engine: what `load_engine` was asked for.
        """
        self.detector = detector
        # What `auto` took here it is to be there, or the answers would differ.
        self._engine = detector.engine.name if engine == "auto" else engine

    def __reduce__(self) -> tuple[Callable[..., Portable], tuple[str, str, str, DetectSettings]]:
        bundle = self.detector.bundle
        name = next((name for name, path in SHIPPED.items() if path == bundle.path), str(bundle.path.absolute()))
        return _load, (name, bundle.manifest.sha256, self._engine, self.detector.settings)


def _load(name: str, sha256: str, engine: str, settings: DetectSettings) -> Portable:
    bundle = load_bundle(name)
    if bundle.manifest.sha256 != sha256:
        raise BundleError(f"{name}: another network there ({bundle.manifest.sha256[:12]}…) than here ({sha256[:12]}…)")
    return Portable(Detector(bundle, load_engine(engine, bundle), settings), engine)
