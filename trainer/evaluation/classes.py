"""Classes of an evaluation: labels and detections meet by name, whatever order or choice of classes a bundle has."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nanotally.bundle import Bundle
from nanotally.detections import CLASSES
from nanotally.errors import BundleError
from nanotally.labels.names import find_class


def classes_of(bundle: Bundle) -> tuple[str, ...]:
    """`CLASSES`, and after them what the bundle finds besides.

    Raises:
        BundleError: if two classes of the bundle mean the same one.
    """
    return CLASSES + tuple(name for name in bundle.manifest.classes if _ours(bundle, name) is None)


def places_of(bundle: Bundle) -> NDArray[np.uint16]:
    """(classes of the bundle,) uint16, where each of them stands in `classes_of`.

    Raises:
        BundleError: if two classes of the bundle mean the same one.
    """
    names = classes_of(bundle)
    return np.array([names.index(_ours(bundle, name) or name) for name in bundle.manifest.classes], np.uint16)


def thresholds_of(bundle: Bundle) -> NDArray[np.float32]:
    """(classes,) float32, the bundle's own thresholds in the order of `classes_of`; nan where it has no such class.

    Raises:
        BundleError: if two classes of the bundle mean the same one.
    """
    thresholds = np.full(len(classes_of(bundle)), np.nan, np.float32)
    thresholds[places_of(bundle)] = [bundle.manifest.thresholds[name] for name in bundle.manifest.classes]
    return thresholds


def _ours(bundle: Bundle, name: str) -> str | None:
    """The one of `CLASSES` that a class of the bundle means."""
    index = find_class(name)
    same = [other for other in bundle.manifest.classes if index is not None and find_class(other) == index]
    if len(same) > 1:
        raise BundleError(f"{bundle.path}: its classes {' and '.join(same)} mean the same; leave one in manifest.json")
    return None if index is None else CLASSES[index]
