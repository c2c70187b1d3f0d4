"""What a recording is of, in `recording.json`: how its frames were made and looked at, and how it ended."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

import msgspec

from nanotally.daemon.config import ModelConfig, SourceConfig
from nanotally.detect import DetectSettings
from nanotally.errors import SourceError

FACTS = "recording.json"
INDEX = "frames.segment"
PICTURES = "pictures"
SCHEMA = 1


class End(msgspec.Struct, frozen=True, kw_only=True):
    """How a recording ended.

    Attributes:
        why: in words.
        frames: how many are in it.
        missed: how many the disk was too slow for.
        size_bytes: of its pictures and its index.
    """

    why: str
    frames: int
    missed: int
    size_bytes: int


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What stays the same from frame to frame.

    Attributes:
        schema: of the folder.
        version: of nanotally.
        instance: the microscope.
        source: name of its feed.
        stills: every frame is a picture of its own.
        began: wall clock of the start.
        feed: how the source was configured.
        model: what was asked to find the particles.
        detect: how.
        end: None while it runs, or if the daemon was killed meanwhile.
    """

    schema: int = SCHEMA
    version: str
    instance: str
    source: str
    stills: bool
    began: datetime
    feed: SourceConfig
    model: ModelConfig
    detect: DetectSettings
    end: End | None = None

    def write(self, folder: Path) -> None:
        """Put them into the folder, all or nothing.

        Raises:
            OSError: if the disk does not take them.
        """
        new = folder / f"{FACTS}.new"
        new.write_bytes(msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n")
        os.replace(new, folder / FACTS)  # noqa: PTH105 - says that what is there is replaced


def read_facts(folder: Path) -> Facts:
    """The facts of the recording in `folder`.

    Raises:
        SourceError: if it is none, or of another schema.
    """
    try:
        facts = msgspec.json.decode((folder / FACTS).read_bytes(), type=Facts)
    except OSError as error:
        told = f"{folder}: no recording ({FACTS}: {error.strerror}); give the folder that `record-start` answered"
        raise SourceError(told) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SourceError(f"{folder / FACTS}: damaged ({error})") from error
    if facts.schema != SCHEMA:
        raise SourceError(
            f"{folder}: a recording of schema {facts.schema}, this reader knows {SCHEMA}; update nanotally"
        )
    return facts
