"""Playing a recording through the daemon once more, and what has come out differently."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nanotally.daemon.config import Config, ControlConfig, MetricsConfig, PublishConfig, SourceConfig
from nanotally.daemon.recording.facts import read_facts
from nanotally.daemon.recording.reader import Recorded, read_recording
from nanotally.frame import Frame
from nanotally.wire import COLUMNS, DetectionsMessage

ANY_PORT = "tcp://127.0.0.1:*"
"""One that is free: the daemon at the microscope may run on the same machine."""

FOUND = [column.name for column in COLUMNS if column.name != "track"]
"""What must be equal. Tracks count from the start of a run, which a recording need not have."""


def config_for(
    folder: Path,
    *,
    real_time: bool = False,
    otherwise: Config | None = None,
    bundle: str | None = None,
    engine: str | None = None,
) -> Config:
    """A configuration that plays the recording in `folder` as the daemon looked at it then.

    Args:
        folder: of the recording.
        real_time: at the pace it had, as a live feed.
        otherwise: stands instead of the model, the settings and the sockets of then; its sources are not used.
        bundle: folder of the model bundle; None: that of then, or of `otherwise`.
        engine: what runs it; None: likewise.

    Raises:
        SourceError: if it is no recording.
    """
    facts = read_facts(folder)
    uri = f"recording:{folder}?speed={'real' if real_time else 'full'}"
    source: dict[str, SourceConfig] = {facts.source: replace(facts.feed, uri=uri)}
    base = otherwise or Config(
        instance=facts.instance,
        source=source,
        model=facts.model,
        detect=facts.detect,
        publish=PublishConfig(endpoint=ANY_PORT),
        control=ControlConfig(endpoint=ANY_PORT),
        metrics=MetricsConfig(enabled=False),
    )
    chosen = {"bundle": bundle, "engine": engine}
    model = replace(base.model, **{key: value for key, value in chosen.items() if value is not None})
    return replace(base, source=source, model=model)


@dataclass
class Comparison:
    """What a second run finds beside what the recording holds. A keeper: it takes every frame that was told of.

    Attributes:
        compared: frames.
        differing: numbers of those whose particles, counts or state are not the same.
        recorded: particles a class over the frames compared, as recorded.
        now: as found now.
        same_settings: whether model and settings are those of the recording; None before the first frame.
        classes: names of all classes, as first told.
        left_out: frames of the recording that were not looked at now: dropped, or damaged.
    """

    folder: Path
    compared: int = 0
    differing: list[int] = field(default_factory=list)
    recorded: Counter[str] = field(default_factory=Counter)
    now: Counter[str] = field(default_factory=Counter)
    same_settings: bool | None = None
    left_out: int = 0
    classes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self._rest = read_recording(self.folder)

    def take(self, frame: Frame, told: DetectionsMessage) -> None:
        """Compare a frame with the recorded one of the same number."""
        then = self._recorded(told.frame)
        if then is None:
            return
        self.compared += 1
        _tally(self.recorded, then.told.counts)
        _tally(self.now, told.counts)
        if not same(then.told, told):
            self.differing.append(told.frame)
        if self.same_settings is None:
            self.classes = told.classes
            self.same_settings = then.told.settings_sha256 == told.settings_sha256

    def _recorded(self, number: int) -> Recorded | None:
        for recorded in self._rest:
            if recorded.told.frame == number:
                return recorded
            self.left_out += 1
        return None

    def close(self) -> None:
        """Count what was not looked at."""
        self.left_out += sum(1 for _ in self._rest)

    def figures(self) -> dict[str, object]:
        """For programs, and for `lines`."""
        return {
            "frames_compared": self.compared,
            "frames_equal": self.compared - len(self.differing),
            "frames_differing": self.differing,
            "frames_left_out": self.left_out,
            "same_settings": self.same_settings,
            "recorded": dict(self.recorded),
            "now": dict(self.now),
        }


def _tally(sums: Counter[str], counts: Mapping[str, int] | None) -> None:
    sums.update(dict(counts or {}))


def same(one: DetectionsMessage, other: DetectionsMessage) -> bool:
    """True if both say the same of a frame: state, counts, and every particle, bit by bit, in the same order."""
    heads = [(told.state, told.counts, told.classes, told.truncated) for told in (one, other)]
    return heads[0] == heads[1] and bool(np.array_equal(_found(one), _found(other)))


def _found(told: DetectionsMessage) -> NDArray[np.float64]:
    return np.stack([told.records[name].astype(np.float64) for name in FOUND])
