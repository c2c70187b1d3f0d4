"""What a forwarder is told."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from nanotally.daemon.config import MetricsConfig, PublishConfig, ReplayConfig
from nanotally.daemon.config_file import converted, read_table
from nanotally.daemon.endpoint import fault_without_keys, host_of
from nanotally.daemon.gate import SecurityConfig
from nanotally.errors import WireError
from nanotally.wire import check_name


@dataclass(frozen=True, kw_only=True)
class DaemonConfig:
    """A daemon that is listened to.

    Attributes:
        endpoint: where it publishes.
        replay: where it answers what its journal holds; "": where it says itself.
        server_key: file of its public key; "": it wants none.
    """

    endpoint: str
    replay: str = ""
    server_key: str = ""

    def __post_init__(self) -> None:
        host_of(self.endpoint)
        if self.replay:
            host_of(self.replay)


@dataclass(frozen=True, kw_only=True)
class ForwardConfig:
    """All that a forwarder is told.

    Attributes:
        daemon: daemons by instance, one or more.
        publish: the socket for subscribers.
        replay: the socket for loggers.
        metrics: the page that Prometheus reads.
        security: its own pair of keys, by which daemons and subscribers know it, and who may connect.
    """

    daemon: dict[str, DaemonConfig] = field(default_factory=dict)
    publish: PublishConfig = field(default_factory=PublishConfig)
    replay: ReplayConfig = field(default_factory=ReplayConfig)
    metrics: MetricsConfig = field(default_factory=MetricsConfig)
    security: SecurityConfig = field(default_factory=SecurityConfig)

    def __post_init__(self) -> None:
        if not self.daemon:
            raise ValueError("a [daemon.INSTANCE] with its endpoint is needed; found none")
        try:
            for name in self.daemon:
                check_name(name)
        except WireError as error:
            raise ValueError(str(error)) from error
        if self.security.is_given:
            return
        for table, endpoint in (("publish", self.publish.endpoint), ("replay", self.replay.endpoint)):
            if fault := fault_without_keys(endpoint):
                raise ValueError(f"{table}.endpoint: {fault}")
        locked = [name for name, daemon in self.daemon.items() if daemon.server_key]
        if locked:
            raise ValueError(
                f"daemon.{locked[0]}.server_key: this forwarder needs a pair of keys of its own: make one with "
                "`nanotally keys`, name it under [security], and have the daemon allow it (docs/security.md)"
            )


def read_forward_config(path: Path) -> ForwardConfig:
    """Read and check a configuration file.

    Raises:
        ConfigError: if it cannot be read, has an unknown key, or a value of the wrong type or range.
    """
    return converted(read_table(path, ForwardConfig), ForwardConfig, str(path))
