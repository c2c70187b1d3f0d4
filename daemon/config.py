"""Configuration: all that a daemon is told, as frozen dataclasses. `docs/configuration.md` describes every key."""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from nanotally.daemon.endpoint import fault_without_keys, host_of
from nanotally.daemon.gate import SecurityConfig
from nanotally.daemon.harvest.settings import HarvestConfig
from nanotally.daemon.recording.settings import RecordingConfig
from nanotally.detect import DetectSettings
from nanotally.detect.engines import is_known, unknown
from nanotally.errors import WireError
from nanotally.loopback import is_loopback
from nanotally.wire import check_name
from nanotally.wire.control import CONTROL_ENDPOINT
from nanotally.wire.replay import REPLAY_ENDPOINT
from nanotally.wire.subscriber import ENDPOINT

INSTANCE = "sem"
SOURCE = "main"
"""Names of the microscope and of its feed where the configuration gives none."""


Box = tuple[int, int, int, int]
"""x1 y1 x2 y2 in pixels, half-open."""


@dataclass(frozen=True, kw_only=True)
class SourceConfig:
    """A feed.

    Attributes:
        uri: what to open: `dir:`, `file:`, `sim:`, or a plain path.
        nm_per_px: pixel size in nanometres, in both directions; overrides what the feed says of itself.
        average: `none`; `block`: one frame out of every `average_frames`, their mean; `recursive`: a running mean in
            which a new frame has the weight 1 / `average_frames`.
        average_frames: see there.
        roi: x1 y1 x2 y2 in pixels, half-open: only this part of the picture is examined; None: all but the databar.
        masks: such boxes in which nothing is counted.
    """

    uri: Annotated[str, msgspec.Meta(min_length=1)]
    nm_per_px: Annotated[float, msgspec.Meta(gt=0, lt=1e6)] | None = None
    average: Literal["none", "block", "recursive"] = "none"
    average_frames: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 8
    roi: Box | None = None
    masks: tuple[Box, ...] = ()

    def __post_init__(self) -> None:
        for x1, y1, x2, y2 in (*self.masks, *([self.roi] if self.roi else [])):
            if not (0 <= x1 < x2 and 0 <= y1 < y2):
                raise ValueError(f"[{x1}, {y1}, {x2}, {y2}] is no box: x1 y1 x2 y2 in pixels, x1 < x2 and y1 < y2")


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """The network.

    Attributes:
        bundle: folder of the model bundle, or name of one that ships with nanotally; "": `default`.
        engine: what runs it: `auto`, `openvino`, or `v2:` and the URL of a model on a server.
    """

    bundle: str = ""
    engine: str = "auto"

    def __post_init__(self) -> None:
        if not is_known(self.engine):
            raise ValueError(unknown(self.engine))


@dataclass(frozen=True, kw_only=True)
class PublishConfig:
    """The ZeroMQ socket.

    Attributes:
        endpoint: where subscribers connect; a port `*` is chosen by the system.
    """

    endpoint: str = ENDPOINT

    def __post_init__(self) -> None:
        host_of(self.endpoint)


@dataclass(frozen=True, kw_only=True)
class JournalConfig:
    """Where every detections message is kept before it is sent, so that a logger can have what it missed.

    Attributes:
        directory: to keep it in; "": the state directory that systemd gives, and without systemd no journal.
        retention_s: what is older goes, a whole segment at a time.
        retention_mb: of each source; the oldest segments go first. In 10^6 bytes.
        segment_mb: size of a segment.
        sync_interval_s: what a power failure may cost.
    """

    directory: str = ""
    retention_s: Annotated[float, msgspec.Meta(gt=0)] = 7 * 24 * 3600.0
    retention_mb: Annotated[float, msgspec.Meta(gt=0)] = 4000.0
    segment_mb: Annotated[float, msgspec.Meta(gt=0)] = 16.0
    sync_interval_s: Annotated[float, msgspec.Meta(gt=0, le=3600)] = 1.0

    def __post_init__(self) -> None:
        if self.segment_mb > self.retention_mb:
            raise ValueError(f"segment_mb {self.segment_mb:g} is more than retention_mb {self.retention_mb:g}")

    @property
    def folder(self) -> Path | None:
        """Where the journal is; None: nowhere."""
        given_by_systemd = os.environ.get("STATE_DIRECTORY", "").split(":")[0]
        if self.directory:
            return Path(self.directory)
        return Path(given_by_systemd, "journal") if given_by_systemd else None


@dataclass(frozen=True, kw_only=True)
class ReplayConfig:
    """The ZeroMQ socket that answers what the journal holds; bound only where there is a journal.

    Attributes:
        endpoint: where loggers ask; a port `*` is chosen by the system.
    """

    endpoint: str = REPLAY_ENDPOINT

    def __post_init__(self) -> None:
        host_of(self.endpoint)


@dataclass(frozen=True, kw_only=True)
class ControlConfig:
    """The ZeroMQ socket that takes requests: settings, sessions, reload.

    Attributes:
        endpoint: where they come in; a port `*` is chosen by the system.
    """

    endpoint: str = CONTROL_ENDPOINT

    def __post_init__(self) -> None:
        host_of(self.endpoint)


@dataclass(frozen=True, kw_only=True)
class MetricsConfig:
    """The page that Prometheus reads.

    Attributes:
        enabled: whether there is one.
        address: it is served on.
        port: it is served on; 0: chosen by the system.
    """

    enabled: bool = True
    address: str = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 9757

    def __post_init__(self) -> None:
        if not is_loopback(self.address):
            raise ValueError(
                f"{self.address!r} can be reached from other machines, and this page asks nobody for a key: "
                "use 127.0.0.1, and a tunnel (ssh -L) from elsewhere"
            )


@dataclass(frozen=True, kw_only=True)
class Config:
    """All that a daemon is told.

    Attributes:
        instance: name of the microscope on the wire.
        source: feeds by name, one or more.
        model: the network.
        detect: how an image is looked at.
        publish: the ZeroMQ socket.
        journal: what is kept of the messages.
        replay: the socket that answers what is kept.
        control: the socket that takes requests.
        metrics: the page that Prometheus reads.
        security: keys of the sockets.
        recording: where recordings and snapshots go.
        harvest: which frames are kept to be labelled.
    """

    instance: str = INSTANCE
    source: dict[str, SourceConfig] = field(default_factory=dict)
    model: ModelConfig = field(default_factory=ModelConfig)
    detect: DetectSettings = field(default_factory=DetectSettings)
    publish: PublishConfig = field(default_factory=PublishConfig)
    journal: JournalConfig = field(default_factory=JournalConfig)
    replay: ReplayConfig = field(default_factory=ReplayConfig)
    control: ControlConfig = field(default_factory=ControlConfig)
    metrics: MetricsConfig = field(default_factory=MetricsConfig)
    security: SecurityConfig = field(default_factory=SecurityConfig)
    recording: RecordingConfig = field(default_factory=RecordingConfig)
    harvest: HarvestConfig = field(default_factory=HarvestConfig)

    def __post_init__(self) -> None:
        if not self.source:
            raise ValueError("a [source.NAME] with its uri is needed; found none")
        try:
            for name in (self.instance, *self.source):
                check_name(name)
        except WireError as error:
            raise ValueError(str(error)) from error
        if not self.security.is_given:
            self._check_reach()

    def _check_reach(self) -> None:
        """Refuse what other machines could reach. Every table with an endpoint is one of a socket."""
        for table in dataclasses.fields(self):
            endpoint = getattr(getattr(self, table.name), "endpoint", None)
            if endpoint is not None and (fault := fault_without_keys(endpoint)):
                raise ValueError(f"{table.name}.endpoint: {fault}")
