"""Sources by URI: those that come with the daemon, and those that other packages bring.

A package brings one by an entry point of the group `nanotally.sources`, named like the scheme: a callable
that takes the whole URI and answers a `nanotally.frame.Source`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from nanotally.daemon.gate import OPEN_GATE, Gate
from nanotally.daemon.sources.directory import DirectorySource
from nanotally.daemon.sources.file import FileSource
from nanotally.daemon.sources.gst import GstSource
from nanotally.daemon.sources.pushed import PushedSource
from nanotally.daemon.sources.recording import RecordingSource
from nanotally.daemon.sources.rtsp import RtspSource
from nanotally.daemon.sources.screen import ScreenSource
from nanotally.daemon.sources.v4l2 import V4l2Source
from nanotally.daemon.sources.watch import WatchSource
from nanotally.errors import SourceError
from nanotally.frame import Source
from nanotally.micrograph import IMAGE_SUFFIXES

GROUP = "nanotally.sources"


def _path(uri: str) -> Path:
    return Path(uri.partition(":")[2].removeprefix("//")).expanduser()


BUILT_IN: dict[str, Callable[[str], Source]] = {
    "dir": lambda uri: DirectorySource(_path(uri)),
    "file": lambda uri: FileSource(_path(uri)),
    "gst": GstSource,
    "recording": RecordingSource,
    "rtsp": RtspSource,
    "rtsps": RtspSource,
    "screen": ScreenSource,
    "v4l2": V4l2Source,
    "watch": lambda uri: WatchSource(uri, _path(uri)),
}
"""What opens a URI, by its scheme. Nothing is imported that a feed needs and the machine may not have."""

LISTENING: dict[str, Callable[[str, Gate], Source]] = {"zmq": PushedSource}
"""What lets others connect."""

SCHEME = re.compile(r"([a-z][a-z0-9+-]*):(.*)", re.DOTALL)


def open_source(uri: str, *, gate: Gate = OPEN_GATE) -> Source:
    """Open a feed. A path without scheme is a folder of images, a single image, or a video.

    Args:
        uri: of the feed.
        gate: who may connect, where the feed is pushed by somebody who does.

    Raises:
        SourceError: if the scheme is not known, or the feed cannot be opened.
    """
    match = SCHEME.match(uri)
    if match is None:
        return open_source(f"{_scheme_of_path(uri)}:{uri}")
    scheme = match[1]
    brought = {point.name: point for point in entry_points(group=GROUP)}
    if scheme in BUILT_IN:
        return BUILT_IN[scheme](uri)
    if scheme in LISTENING:
        return LISTENING[scheme](uri, gate)
    if scheme in brought:
        return _open_brought(brought[scheme], uri)
    known = ", ".join(f"{name}:" for name in sorted({*BUILT_IN, *LISTENING, *brought}))
    raise SourceError(f"{uri}: unknown kind of source {scheme}:; there are {known}")


def _scheme_of_path(path: str) -> str:
    is_image = Path(path).suffix.lower() in IMAGE_SUFFIXES
    return "dir" if is_image or Path(path).is_dir() else "file"


def _open_brought(point: EntryPoint, uri: str) -> Source:
    try:
        source: Source = point.load()(uri)
    except SourceError:
        raise
    except Exception as error:  # other people's packages raise whatever they please
        raise SourceError(f"{uri}: {point.value} failed with {type(error).__name__}: {error}") from error
    return source
