"""Orders: what can be asked of a running daemon. A verb is one function and one line in `VERBS`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from nanotally import __version__
from nanotally.daemon.config import Box
from nanotally.daemon.session import SessionFacts, begin
from nanotally.daemon.settings import nearest, values
from nanotally.errors import ConfigError, UsageError
from nanotally.wire.header import dump

if TYPE_CHECKING:
    from nanotally.daemon.channel import Channel
    from nanotally.daemon.desk import Desk

Ok = dict[str, Any]
"""What a verb answers: JSON values by name."""


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """No arguments."""


class OneSource(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Arguments of a verb for one source, or for all.

    Attributes:
        source: its name; None: all.
    """

    source: str | None = None


class Keys(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Arguments of `unset`.

    Attributes:
        keys: that were set, or a part of such keys up to a dot.
    """

    keys: list[str]


def get(desk: Desk, _: Nothing) -> Ok:
    """All settings that can be changed, what was set over the file, and how the sources are."""
    service = desk.service
    return {
        "instance": service.config.instance,
        "version": __version__,
        "run_id": service.publisher.run_id,
        "model": dump(service.setup.model),
        "thresholds": dict(service.setup.thresholds),
        "settings": values(service.config, service.setup.classes),
        "set": desk.state.overrides,
        "sources": {name: _source(desk, channel) for name, channel in service.channels.items()},
    }


def set_(desk: Desk, args: dict[str, Any]) -> Ok:
    """Set keys over what the configuration file says; all of them or none."""
    for name, channel in desk.service.channels.items():
        if (roi := args.get(f"source.{name}.roi")) is not None:
            _check_inside(channel, f"source.{name}.roi", roi)
    overrides = {**desk.state.overrides, **args}
    remembered = desk.override(overrides)
    for name, channel in desk.service.channels.items():
        # Another pixel size holds from the first frame that has it on; the same one again is a confirmation.
        given = desk.service.config.source[name].nm_per_px
        if f"source.{name}.nm_per_px" in args and given == channel.settings.nm_per_px and not channel.calibration.holds:
            channel.confirm_pixel_size()
    return {"set": overrides, "remembered": remembered}


def unset(desk: Desk, args: Keys) -> Ok:
    """Return keys to what the configuration file says."""
    before = desk.state.overrides
    for key in args.keys:
        if not any(_is_of(known, key) for known in before):
            raise ConfigError(f"{key} was not set; " + (f"set are {', '.join(before)}" if before else "nothing was"))
    overrides = {known: value for known, value in before.items() if not any(_is_of(known, key) for key in args.keys)}
    return {"set": overrides, "remembered": desk.override(overrides)}


def session_start(desk: Desk, args: SessionFacts) -> Ok:
    """Start a session, and count and measure anew; one that goes on is over then."""
    session, channels = begin(args), _channels(desk, args.source)
    for channel in channels.values():
        channel.begin_session(session)
    sessions = {**desk.state.sessions, **dict.fromkeys(channels, session)}
    return {"session": dump(session), "sources": list(channels), "remembered": desk.remember(sessions=sessions)}


def session_stop(desk: Desk, args: OneSource) -> Ok:
    """Stop the session, and count and measure anew."""
    before = desk.state.sessions
    ending = {name: channel for name, channel in _channels(desk, args.source).items() if name in before}
    if not ending:
        raise ConfigError("no session goes on; session-start begins one")
    for channel in ending.values():
        channel.begin_session(None)
    sessions = {name: session for name, session in before.items() if name not in ending}
    stopped = {name: dump(before[name]) for name in ending}
    return {"stopped": stopped, "remembered": desk.remember(sessions=sessions)}


def reload(desk: Desk, _: Nothing) -> Ok:
    """Read the configuration file again."""
    service = desk.service
    service.notifier.reloading()
    try:
        return dict(desk.read_again())
    finally:
        service.notifier.ready()


def reset_tracking(desk: Desk, args: OneSource) -> Ok:
    """Begin a new group: unique particles and statistics are counted from nothing."""
    channels = _channels(desk, args.source)
    for channel in channels.values():
        channel.begin_group()
    return {"groups": {name: channel.population.number for name, channel in channels.items()}}


def snapshot(desk: Desk, args: OneSource) -> Ok:
    """Keep the last frame with what was found in it, as files."""
    keeping = desk.service.keeping
    return {"snapshots": {name: keeping.snapshot(name) for name in _channels(desk, args.source)}}


def record_start(desk: Desk, args: OneSource) -> Ok:
    """Record the frames to come with what is found in them."""
    keeping = desk.service.keeping
    idle = {n: channel for n, channel in _channels(desk, args.source).items() if n not in keeping.recorders}
    if not idle:
        raise ConfigError("it is being recorded; record-stop ends that")
    started = {name: keeping.start_recording(name, stills=channel.feed.stills) for name, channel in idle.items()}
    return {"recordings": started}


def record_stop(desk: Desk, args: OneSource) -> Ok:
    """End the recording."""
    keeping = desk.service.keeping
    running = [name for name in _channels(desk, args.source) if name in keeping.recorders]
    if not running:
        raise ConfigError("nothing is being recorded; record-start begins a recording")
    return {"recordings": {name: keeping.stop_recording(name) for name in running}}


class Verb(NamedTuple):
    """How a verb is carried out.

    Attributes:
        carry_out: answers, or raises a `NanotallyError`; then nothing has changed.
        args: type of its arguments.
        changes: whether it is worth a line in the journal of changes.
    """

    carry_out: Callable[[Desk, Any], Ok]
    args: Any
    changes: bool = True


VERBS = {
    "get": Verb(get, Nothing, changes=False),
    "set": Verb(set_, dict[str, Any]),
    "unset": Verb(unset, Keys),
    "session-start": Verb(session_start, SessionFacts),
    "session-stop": Verb(session_stop, OneSource),
    "reload": Verb(reload, Nothing),
    "reset-tracking": Verb(reset_tracking, OneSource),
    "snapshot": Verb(snapshot, OneSource, changes=False),
    "record-start": Verb(record_start, OneSource),
    "record-stop": Verb(record_stop, OneSource),
}


def carry_out(desk: Desk, name: str, args: Mapping[str, Any]) -> tuple[Ok, bool]:
    """The answer to a verb, and whether it changed something.

    Raises:
        NanotallyError: if there is no such verb, an argument is wrong, or it cannot be done. Nothing has changed then.
    """
    if name not in VERBS:
        raise UsageError(f"unknown verb {name[:40]!r}; {nearest(name, VERBS)}")
    verb = VERBS[name]
    return verb.carry_out(desk, _typed(verb.args, args)), verb.changes


def _typed(cls: Any, args: Mapping[str, Any]) -> Any:
    """Arguments as the type that a verb takes; numbers may come as text, as they do from a command line.

    Raises:
        UsageError: if one is not known, is missing or is of the wrong type.
    """
    known = getattr(cls, "__struct_fields__", args)
    for key in args:
        if key not in known:
            raise UsageError(f"unknown argument {key[:40]!r}; {nearest(key, known)}")
    try:
        return msgspec.convert(dict(args), cls, strict=False)
    except msgspec.ValidationError as error:
        what, _, place = str(error).partition(" - at `$.")
        raise UsageError(f"{place.rstrip('`')}: {what}" if place else what) from error


def _channels(desk: Desk, source: str | None) -> dict[str, Channel]:
    channels = desk.service.channels
    if source is None:
        return dict(channels)
    if source not in channels:
        raise ConfigError(f"no source {source[:40]!r}; there are {', '.join(channels)}")
    return {source: channels[source]}


def _source(desk: Desk, channel: Channel) -> Ok:
    return {
        "state": channel.feed.state,
        "frame_state": channel.frame_state,
        "frames_processed": channel.processed,
        "group": channel.population.number,
        "session": None if channel.session is None else dump(channel.session),
        "recording": desk.service.keeping.recording(channel.name),
    }


def _check_inside(channel: Channel, key: str, roi: Any) -> None:
    """Refuse a region outside of the picture: it would be a fault of the feed."""
    try:
        x1, y1, _, _ = msgspec.convert(roi, Box)
    except msgspec.ValidationError:
        return  # is told with the others
    if channel.size_px is not None and (x1 >= channel.size_px[0] or y1 >= channel.size_px[1]):
        width, height = channel.size_px
        raise ConfigError(f"{key}: {roi} lies outside the picture of {width} x {height} pixels")


def _is_of(key: str, part: str) -> bool:
    return key == part or key.startswith(f"{part}.")
