"""Class names as people write them."""

from __future__ import annotations

from collections.abc import Sequence

from nanotally.detections import CLASSES
from nanotally.errors import LabelError

SYNONYMS = {"sphere": "quasisphere", "nanosphere": "quasisphere", "nanocube": "cube"}
"""Other names of the two morphologies, in the reduced form of `_reduced`."""


def find_class(name: str, classes: Sequence[str] = CLASSES) -> int | None:
    """Index in `classes` of the one class that `name` can mean; None if there is none, or more than one.

    Case, plural and what joins the words do not matter: `Quasi-Spheres` is `quasi_sphere`. Nor does it matter
    which of its usual names is used: `sphere` is `quasi_sphere`.
    """
    if name in classes:
        return list(classes).index(name)
    wanted = _reduced(name)
    found = [index for index, known in enumerate(classes) if _reduced(known) == wanted]
    return found[0] if len(found) == 1 else None


def class_index(name: str, classes: Sequence[str], *, where: str) -> int:
    """Like `find_class`, for a name that must be known.

    Raises:
        LabelError: if it is not; `where` is named.
    """
    index = find_class(name, classes)
    if index is None:
        raise LabelError(f"{where}: class {name!r} is not one of {', '.join(classes)}; rename it")
    return index


def _reduced(name: str) -> str:
    letters = "".join(char for char in name.casefold() if char.isalnum()).removesuffix("s")
    return SYNONYMS.get(letters, letters)
