"""What COCO and CreateML files have in common: they are JSON, and readers pass over keys that they do not know."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from nanotally.errors import LabelError
from nanotally.labels.labelled_image import LabelledImage, raise_faults

T = TypeVar("T")
Faulty = MutableMapping[str, LabelError]
"""Errors by the name of the image that cannot be used for them."""
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
SHARE_DECIMALS = 4


class Marks(msgspec.Struct, kw_only=True):
    """The keys of an annotation that are nanotally's own; see `LabelledImage`."""

    difficult: int = 0
    truncated: int = 0
    visible: Share | msgspec.UnsetType = msgspec.UNSET


def read_json(path: Path, kind: type[T], name: str) -> T:
    """The content of a JSON file.

    Args:
        path: the file.
        kind: what it must be.
        name: of the format, for the error.

    Raises:
        LabelError: if it cannot be read or is not of this kind.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except OSError as error:
        raise LabelError(f"{path}: cannot be read ({error.strerror})") from error
    except msgspec.DecodeError as error:
        raise LabelError(f"{path}: not a {name} file ({error})") from error


def check_names(path: Path, names: Sequence[str]) -> None:
    """The names of a file's images, each of which must be there once.

    Raises:
        LabelError: if several images have the same name.
    """
    raise_faults([
        f"{path}: {times} images are called {name!r}, and labels find them by name; rename them"
        for name, times in Counter(names).items()
        if times > 1
    ])  # fmt: skip


def columns_of(rows: Sequence[Marks]) -> dict[str, NDArray[Any]]:
    """`difficult`, `truncated` and `visible` as `LabelledImage` takes them."""
    return {
        "difficult": np.array([row.difficult for row in rows], bool),
        "truncated": np.array([row.truncated for row in rows], bool),
        "visible": np.array([np.nan if row.visible is msgspec.UNSET else row.visible for row in rows], np.float32),
    }


def marks_of(labelled: LabelledImage) -> Iterator[dict[str, Any]]:
    """The fields of `Marks`, row by row."""
    for difficult, truncated, visible in zip(
        labelled.difficult.tolist(), labelled.truncated.tolist(), labelled.visible.tolist(), strict=True
    ):
        share = msgspec.UNSET if np.isnan(visible) else round(visible, SHARE_DECIMALS)
        yield {"difficult": int(difficult), "truncated": int(truncated), "visible": share}


@contextmanager
def set_apart(name: str, faulty: Faulty | None) -> Iterator[None]:
    """An error raised inside goes to `faulty` under `name`, and all goes on after the block; None: it is raised."""
    try:
        yield
    except LabelError as error:
        if faulty is None:
            raise
        faulty[name] = error
