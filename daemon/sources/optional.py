"""Libraries that only some feeds need."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from nanotally.errors import SourceError


def needed(uri: str, module: str, *, package: str) -> ModuleType:
    """The module, imported now.

    Raises:
        SourceError: it cannot be imported; says what to install.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise SourceError(f"{uri}: needs {package} ({error}): pip install {package}") from error
