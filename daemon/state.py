"""What a daemon remembers over a restart: what was set over its configuration, and the sessions that go on."""

from __future__ import annotations

import logging
import os
import time
from datetime import datetime, timezone
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec

from nanotally.wire import Session

log = logging.getLogger(__name__)

FILE = "state.json"
CHANGES = "changes.jsonl"
CHANGES_BYTES = 1 << 20
"""From this size on the journal of changes is laid aside and a new one begun: some thousands of changes."""
CHANGES_KEPT = 4
"""So many are kept, `changes.jsonl.1` the newest of them."""


class State(msgspec.Struct, frozen=True):
    """What is remembered.

    Attributes:
        overrides: values by key, as `nanotally.daemon.settings` has them.
        sessions: by source, where one goes on.
        unconfirmed: sources whose magnification has changed since somebody gave their pixel size.
        schema: of the file.
    """

    overrides: dict[str, Any] = {}
    sessions: dict[str, Session] = {}
    unconfirmed: tuple[str, ...] = ()
    schema: int = 1


class Change(msgspec.Struct, frozen=True):
    """A line of the journal of changes.

    Attributes:
        wall: when.
        verb: what was done.
        args: with what.
        who: asked for it: the name of a key or an address, `SIGHUP`, or None.
        settings_sha256: by source, from then on.
    """

    wall: datetime
    verb: str
    args: Any
    who: str | None
    settings_sha256: dict[str, str]


class Memory:
    """A folder with the state, replaced as a whole, and the journal of changes, of which the oldest part goes.

    A disk that does not take them is a line in the log and never stops anything.
    """

    def __init__(self, folder: Path | None) -> None:
        """Remember in `folder`; None: until the end of the run."""
        self._folder = folder

    def recall(self) -> State:
        """The state as it was left; one that cannot be read is set aside."""
        if self._folder is None:
            return State()
        path = self._folder / FILE
        try:
            state = msgspec.json.decode(path.read_bytes(), type=State)
            if state.schema != State().schema:
                raise msgspec.ValidationError(f"schema {state.schema}, this version knows {State().schema}")
        except FileNotFoundError:
            return State()
        except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            log.error("%s cannot be read: %s; nothing of it is in force%s", path, error, _set_aside(path))
            return State()
        return state

    def remember(self, state: State) -> str:
        """Write the state; says how long it is remembered, in a few words."""
        if self._folder is None:
            return "until the daemon ends: no state directory"
        aside = self._folder / f".{FILE}.new"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with aside.open("wb") as file:
                file.write(msgspec.json.format(msgspec.json.encode(state)))
                file.flush()
                os.fsync(file.fileno())
            aside.replace(self._folder / FILE)
            _sync(self._folder)
        except OSError as error:
            log.error("%s: %s; the change is lost when the daemon ends", aside, error.strerror)
            return f"until the daemon ends: {self._folder / FILE} cannot be written: {error.strerror}"
        return "over restarts"

    def note(self, change: Change) -> None:
        """Add a line to the journal of changes."""
        log.info("changed by %s: %s %s", change.who or "somebody", change.verb, _plain(change.args))
        if self._folder is None:
            return
        path = self._folder / CHANGES
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            _lay_aside(path)
            with path.open("ab") as file:
                file.write(msgspec.json.encode(change) + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            log.error("%s: %s; a change is not in it", path, error.strerror)


def change_now(verb: str, args: Any, who: str | None, settings_sha256: dict[str, str]) -> Change:
    """A line for what was done just now."""
    return Change(datetime.now(timezone.utc), verb, args, who, settings_sha256)


def _lay_aside(path: Path) -> None:
    """Begin a new journal of changes where this one is large; of those before the oldest goes."""
    if not path.exists() or path.stat().st_size < CHANGES_BYTES:
        return
    names = [path, *(path.with_name(f"{path.name}.{number}") for number in range(1, CHANGES_KEPT + 1))]
    for newer, older in reversed(list(pairwise(names))):
        if newer.exists():
            newer.replace(older)


def _set_aside(path: Path) -> str:
    kept = path.with_name(f"{path.name}.bad-{time.time_ns() // 10**9}")
    try:
        path.replace(kept)
    except OSError:
        return ""
    return f"; it is kept as {kept.name}"


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _plain(args: Any) -> str:
    return msgspec.json.encode(args).decode()
