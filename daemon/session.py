"""A session: somebody looks at a sample, from a start to a stop."""

from __future__ import annotations

import secrets
from datetime import datetime, timezone
from typing import Annotated

import msgspec

from nanotally.wire import Session

Line = Annotated[str, msgspec.Meta(max_length=200)]
Notes = Annotated[str, msgspec.Meta(max_length=2000)]


class SessionFacts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is said of a session when it is started.

    Attributes:
        sample: what is looked at.
        operator: who looks.
        notes: whatever else.
        source: feed that it is of; None: all.
    """

    sample: Line
    operator: Line = ""
    notes: Notes = ""
    source: str | None = None


def begin(facts: SessionFacts) -> Session:
    """A session that starts now."""
    started = datetime.now(timezone.utc)
    return Session(secrets.token_hex(8), facts.sample, facts.operator, facts.notes, started)
