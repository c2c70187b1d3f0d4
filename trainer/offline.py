"""Keeping ultralytics to itself: no connection to anywhere, no chatter."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def keep_offline() -> None:
    """Forbid ultralytics every connection, and its own output. Must run before ultralytics is imported.

    It looks for a font and for its settings under `YOLO_CONFIG_DIR`; a font that lies there is not asked for on the
    network. Processes that are started from this one inherit all of it.
    """
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nanotally"
    (home / "Ultralytics").mkdir(parents=True, exist_ok=True)
    os.environ |= {
        "YOLO_CONFIG_DIR": str(home),
        "YOLO_OFFLINE": "True",
        "YOLO_AUTOINSTALL": "False",
        "YOLO_VERBOSE": "False",
        "ULTRALYTICS_SKIP_REQUIREMENTS_CHECKS": "1",
    }
    import matplotlib

    font = home / "Ultralytics" / "Arial.ttf"
    if not font.exists():
        shutil.copyfile(Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf", font)
