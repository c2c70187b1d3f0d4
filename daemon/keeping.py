"""What a daemon keeps of its frames beside the messages: recordings and snapshots on request, and the harvest."""

from __future__ import annotations

import logging
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Protocol

from nanotally import __version__
from nanotally.daemon.config import Config
from nanotally.daemon.harvest.harvest import Harvest
from nanotally.daemon.recording.facts import Facts
from nanotally.daemon.recording.recorder import Recorder
from nanotally.daemon.recording.totals import Totals
from nanotally.daemon.snapshot import reserve, write_snapshot
from nanotally.daemon.worker import Worker
from nanotally.errors import ConfigError, SourceError
from nanotally.frame import Frame
from nanotally.wire import DetectionsMessage

log = logging.getLogger(__name__)

WAITING = 4
"""Snapshots that may wait for the disk."""


class Keeper(Protocol):
    """Whoever wants every frame with what was told of it. Called by the main thread, so it must not wait."""

    def take(self, frame: Frame, told: DetectionsMessage) -> None:
        """Take a frame that was just published."""

    def close(self) -> None:
        """Give everything back. May be called twice."""


class Keeping:
    """Recordings, snapshots and the harvest of one daemon. Used by the main thread; what is slow has its threads.

    Attributes:
        config: what the daemon is told; another one after a reload.
        harvest: None where none is kept.
        recorders: the recordings that run, by source.
        totals: of all recordings, by source.
    """

    def __init__(self, config: Config, *, classes: tuple[str, ...]) -> None:
        """Take up the harvest, if there is one.

        Raises:
            ConfigError: if its folder cannot be used.
        """
        self.config = config
        self._last: dict[str, tuple[Frame, DetectionsMessage]] = {}
        self.recorders: dict[str, Recorder] = {}
        self.totals = {name: Totals() for name in config.source}
        self.harvest: Harvest | None = None
        if config.harvest.folder is not None:
            self.harvest = Harvest(config.harvest, instance=config.instance, classes=classes)
        self._snapshots: Worker[tuple[Path, Frame, DetectionsMessage]] = Worker(
            "snapshot", lambda job: write_snapshot(*job), capacity=WAITING
        )

    def take(self, frame: Frame, told: DetectionsMessage) -> None:
        """A frame that was just published goes to whoever wants it."""
        source = told.origin.source
        self._last[source] = frame, told
        if source in self.recorders:
            self.recorders[source].take(frame, told)
            if self.recorders[source].ended is not None:
                self.recorders.pop(source).close()
        if self.harvest is not None:
            self.harvest.take(frame, told)

    def snapshot(self, source: str) -> dict[str, Any]:
        """Write the last frame of a source, in a thread of its own; what is answered is where, and what it shows.

        Raises:
            SourceError: if there was no frame yet, or too many snapshots wait.
            ConfigError: if there is no folder for it, or it cannot be used.
        """
        if source not in self._last:
            raise SourceError(f"source {source}: there was no frame yet")
        frame, told = self._last[source]
        folder = self._folder() / "snapshots"
        try:
            place = reserve(folder, told)
        except OSError as error:
            raise ConfigError(f"recording.directory {folder}: {error.strerror}") from error
        if not self._snapshots.offer((place, frame, told)):
            place.with_name(f"{place.name}.tif").unlink()
            raise SourceError(f"source {source}: {WAITING} snapshots wait for the disk; ask again later")
        log.info("snapshot of source %s: %s", source, place)
        return {"place": str(place), "frame": told.frame, "state": told.state, "counts": told.counts}

    def start_recording(self, source: str, *, stills: bool) -> dict[str, Any]:
        """Record a source from its next frame on; what is answered is where, and the limits.

        Args:
            source: its name in the configuration.
            stills: whether every frame of it is a picture of its own.

        Raises:
            SourceError: if it is being recorded.
            ConfigError: if there is no folder for it, or it cannot be used.
        """
        if source in self.recorders:
            raise SourceError(f"source {source}: is being recorded into {self.recorders[source].folder}")
        config, now = self.config, datetime.now(timezone.utc)
        facts = Facts(
            version=__version__, instance=config.instance, source=source, stills=stills, began=now,
            feed=config.source[source], model=config.model, detect=config.detect,
        )  # fmt: skip
        folder = self._folder() / f"{source}-{now:%Y%m%dT%H%M%S%fZ}"
        limits = config.recording
        try:
            self.recorders[source] = Recorder(folder, facts, limits, self.totals[source])
        except OSError as error:
            raise ConfigError(f"recording.directory {folder}: {error.strerror}") from error
        return {"place": str(folder), "most_s": limits.most_s, "most_mb": limits.most_mb}

    def stop_recording(self, source: str) -> dict[str, Any]:
        """End the recording of a source; what is answered is where it is and what is in it.

        Raises:
            SourceError: if it is not being recorded.
        """
        if source not in self.recorders:
            raise SourceError(f"source {source}: is not being recorded")
        recorder = self.recorders.pop(source)
        recorder.close()
        return _progress(recorder)

    def recording(self, source: str) -> dict[str, Any] | None:
        """The recording of a source that runs: where it is, and what is in it so far; None where none does."""
        recorder = self.recorders.get(source)
        return None if recorder is None or recorder.ended is not None else _progress(recorder)

    def close(self) -> None:
        """End everything that runs. May be called twice."""
        for recorder in self.recorders.values():
            recorder.close("stopped", "the daemon stopped")
        self.recorders.clear()
        self._snapshots.close()
        if self.harvest is not None:
            self.harvest.close()

    def _folder(self) -> Path:
        folder = self.config.recording.folder
        if folder is None:
            raise ConfigError("recording.directory is not set: there is no folder for recordings and snapshots")
        return folder.absolute() / self.config.instance


def _progress(recorder: Recorder) -> dict[str, Any]:
    return {"place": str(recorder.folder), "frames": recorder.frames, "missed": recorder.missed}
