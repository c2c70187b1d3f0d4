"""Reading a recording: its frames, and what was told of each, in their order."""

from __future__ import annotations

import json
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from nanotally.daemon.journal.segment import read_records
from nanotally.daemon.recording.facts import INDEX
from nanotally.errors import SourceError, WireError
from nanotally.wire import DetectionsMessage, decode


@dataclass(frozen=True)
class Recorded:
    """One frame of a recording.

    Attributes:
        told: the message as it was published.
        picture: file of its pixels.
        wall_ns: wall clock at the grab, nanoseconds since 1970 UTC.
        missed: frames right before it that are not in the recording, because the disk was too slow.
    """

    told: DetectionsMessage
    picture: Path
    wall_ns: int
    missed: int


def read_recording(folder: Path) -> Generator[Recorded, None, None]:
    """Frames of a recording, up to its end or to where a kill has torn it.

    Raises:
        SourceError: if the index cannot be read, or holds something else.
    """
    try:
        for record in read_records(folder / INDEX):
            told, place = decode(record.parts), json.loads(record.parts[-1])
            if not isinstance(told, DetectionsMessage):
                raise SourceError(f"{folder / INDEX}: holds a message of the kind {told.kind}")
            yield Recorded(told, folder / place["picture"], int(place["wall_ns"]), int(place["missed"]))
    except OSError as error:
        raise SourceError(f"{folder / INDEX}: {error.strerror}") from error
    except (WireError, ValueError, KeyError, TypeError) as error:
        raise SourceError(f"{folder / INDEX}: not the index of a recording ({error})") from error
