"""The source of the running program, as the licence asks of whoever serves it to others."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Iterator
from functools import cache
from importlib.metadata import distribution
from pathlib import Path

import nanotally

PACKAGE = Path(nanotally.__file__).parent
TERMS = ("LICENSE", "NOTICE")


@cache
def archive() -> bytes:
    """A `.tar.gz` of the package as it is on this machine, changes and all, and of its terms."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for path in _files():
            tar.add(path.resolve(), Path(f"nanotally-{nanotally.__version__}", path.relative_to(PACKAGE.parent)))
        for name in TERMS:
            text = (distribution("nanotally").read_text(f"licenses/{name}") or "").encode()
            facts = tarfile.TarInfo(f"nanotally-{nanotally.__version__}/{name}")
            facts.size = len(text)
            tar.addfile(facts, io.BytesIO(text))
    return buffer.getvalue()


def _files() -> Iterator[Path]:
    for folder, below, names in os.walk(PACKAGE, followlinks=True):  # in a checkout the programs are links
        below[:] = sorted(name for name in below if name != "__pycache__")
        yield from (Path(folder, name) for name in sorted(names))
