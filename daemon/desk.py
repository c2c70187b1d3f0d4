"""The desk: where the main loop carries out, between two frames, what somebody asked for."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from nanotally.bundle import load_bundle
from nanotally.daemon.config import Config
from nanotally.daemon.control import ControlServer
from nanotally.daemon.gate import Gate
from nanotally.daemon.loading import load_beside
from nanotally.daemon.orders import carry_out
from nanotally.daemon.settings import differences, overlaid, taken_over
from nanotally.daemon.state import Memory, State, change_now
from nanotally.detect import Detector
from nanotally.errors import ConfigError, NanotallyError
from nanotally.wire.control import encode_answer

if TYPE_CHECKING:
    from nanotally.daemon.service import Service

log = logging.getLogger(__name__)


class Desk:
    """What can change while the daemon runs, and who changes it. Used by the main loop.

    Attributes:
        service: what it changes.
        state: what was set over the configuration file, and the sessions that go on.
        control: the socket that requests come from, from `open` on.
    """

    control: ControlServer

    def __init__(self, service: Service, reread: Callable[[], Config]) -> None:
        """Begin with the configuration of the service.

        Args:
            service: what it changes.
            reread: reads the configuration again.
        """
        self.service, self.state = service, State()
        self._reread = reread
        self._as_read = service.config
        self._memory = Memory(None)
        self._reload_asked = False

    def open(self, gate: Gate) -> None:
        """Bind the socket behind a gate, and recall what was set before.

        Raises:
            ConfigError: if the socket cannot be bound.
        """
        config = self._as_read
        self.control = ControlServer(config.control.endpoint, ring=self.service.bell.set, gate=gate)
        self.control.start()
        log.info("control on %s", self.control.endpoint)
        folder = config.journal.folder
        self._memory = Memory(None if folder is None else folder / config.instance)
        self.state = self._memory.recall()

    def take_up(self) -> None:
        """Go on as it was before the restart: with what was set over the configuration file, and with the sessions."""
        self._adopt(self._as_read, self.service.detector)
        self.control.settings_sha256 = self.settings_sha256
        for key, value in self.state.overrides.items():
            log.info("set over the configuration: %s = %s", key, value)
        for name, channel in self.service.channels.items():
            channel.calibration.holds = name not in self.state.unconfirmed
            channel.session = session = self.state.sessions.get(name)
            if session is not None:
                log.info("source %s: the session of sample %s goes on", name, session.sample)

    @property
    def settings_sha256(self) -> dict[str, str]:
        """By source, as in its messages from now on."""
        service = self.service
        return {name: service.setup.of_source(own).settings_sha256 for name, own in service.config.source.items()}

    def reload(self) -> None:
        """Have the configuration read again, soon. May be called from a signal handler."""
        self._reload_asked = True

    def turn(self) -> None:
        """Carry out what waits: one request at most, so that frames never wait long."""
        channels = self.service.channels.items()
        unconfirmed = tuple(name for name, channel in channels if not channel.calibration.holds)
        if unconfirmed != self.state.unconfirmed:
            self.remember(unconfirmed=unconfirmed)  # a new start must not believe the old pixel size again
        if self._reload_asked:
            self._reload_asked = False
            self._carry_out("", "reload", {}, "SIGHUP")
        asked = self.control.take()
        if asked is not None:
            request = asked.request
            self.control.answer(asked, self._carry_out(request.id, request.verb, request.args, asked.who))

    def close(self) -> None:
        """Give the endpoint back."""
        self.control.close()

    def _carry_out(self, request_id: str, verb: str, args: Mapping[str, Any], who: str | None) -> bytes:
        self.service.settle()
        try:
            ok, changes = carry_out(self, verb, args)
        except NanotallyError as error:
            log.log(logging.ERROR if who == "SIGHUP" else logging.WARNING, "%s: %s", verb, error)
            return encode_answer(request_id, error=str(error), settings_sha256=self.settings_sha256)
        except Exception as error:  # whatever somebody asks for, the frames go on
            log.exception("%s failed", verb)
            fault = f"{verb} failed: {type(error).__name__}: {error}"
            return encode_answer(request_id, error=fault, settings_sha256=self.settings_sha256)
        self.control.settings_sha256 = sha256 = self.settings_sha256
        if changes:
            self._memory.note(change_now(verb, args, who, sha256))
        return encode_answer(request_id, ok=ok, settings_sha256=sha256)

    def remember(self, **changed: Any) -> str:
        """Remember other overrides or sessions; says how long, in a few words."""
        self.state = msgspec.structs.replace(self.state, **changed)
        return self._memory.remember(self.state)

    def override(self, overrides: Mapping[str, Any]) -> str:
        """Put these values over those of the configuration file, in place of all that were; says for how long.

        Raises:
            ConfigError: if there is no such key, or a value is of the wrong type or range. Nothing has changed then.
        """
        detector = self.service.detector
        config = overlaid(self._as_read, overrides, detector.bundle.manifest.classes)
        detector.adopt(config.detect)
        self.service.adopt(config, detector)
        return self.remember(overrides=dict(overrides))

    def read_again(self) -> dict[str, list[str]]:
        """Take over what the configuration file says now, below what was set over it.

        Gives the keys that changed, those that need a new start, and those that were set over the file.

        Raises:
            NanotallyError: the file is faulty or the model cannot be loaded. Nothing has changed then.
        """
        service, before = self.service, self.service.config
        read = self._reread()
        running = taken_over(self._as_read, read)
        self._adopt(running, load_beside(service, running) if self._is_other_model(running) else service.detector)
        self._as_read = running
        changed, for_restart = differences(before, service.config), differences(running, read)
        log.info("reloaded; changed: %s", ", ".join(changed) or "nothing")
        if for_restart:
            log.warning("reload: a new start is needed for %s", ", ".join(for_restart))
        return {"changed": changed, "needs_restart": for_restart, "set_over": list(self.state.overrides)}

    def _is_other_model(self, config: Config) -> bool:
        if config.model != self._as_read.model:
            return True
        return load_bundle(config.model.bundle or None).manifest != self.service.detector.bundle.manifest

    def _adopt(self, config: Config, detector: Detector) -> None:
        """Go on with a configuration and a detector; what was set and does not fit them any more is left out."""
        detector.adopt(config.detect)
        overrides = {}
        for key, value in self.state.overrides.items():
            candidate = _fitting(config, key, value, detector)
            if candidate is not None:
                config, overrides[key] = candidate, value
        self.state = msgspec.structs.replace(self.state, overrides=overrides)
        self.service.adopt(config, detector)


def _fitting(config: Config, key: str, value: Any, detector: Detector) -> Config | None:
    """The configuration with another value of a key, which the detector adopts; None if that cannot be."""
    try:
        candidate = overlaid(config, {key: value}, detector.bundle.manifest.classes)
        detector.adopt(candidate.detect)
    except ConfigError as error:
        log.warning("what was set over the configuration is left out: %s", error)
        return None
    return candidate
