"""Where the log of a source stands, and what is missing between there and a message."""

from __future__ import annotations

from dataclasses import dataclass

from nanotally.wire import DetectionsMessage


@dataclass(frozen=True)
class Place:
    """The last message in the log of one source.

    Attributes:
        run_id, seq: of that message.
        offset: of the newest message in the log that has one, or None.
    """

    run_id: str
    seq: int
    offset: int | None

    def holds(self, message: DetectionsMessage) -> bool:
        """Whether the message is in the log."""
        if message.offset is not None and self.offset is not None:
            return message.offset <= self.offset
        return message.origin.run_id == self.run_id and message.origin.seq <= self.seq

    def is_just_before(self, message: DetectionsMessage) -> bool:
        """Whether nothing can be missing between the log and the message."""
        if message.origin.run_id == self.run_id:
            return message.origin.seq == self.seq + 1
        return self.offset is not None and message.offset == self.offset + 1 and message.origin.seq == 1

    def moved_to(self, message: DetectionsMessage) -> Place:
        """The place behind a message that was added."""
        offset = self.offset if message.offset is None else message.offset
        return Place(message.origin.run_id, message.origin.seq, offset)


@dataclass(frozen=True)
class Missing:
    """Messages that are not in the log and never will be.

    Attributes:
        event: `gap` where it is known how many; `restart` where messages that nobody knows of may be missing too.
        missed: how many are known to be missing.
        offset: of the first of them, where that is known.
    """

    event: str
    missed: int
    offset: int | None


def missing_before(message: DetectionsMessage, place: Place, base_offset: int | None) -> Missing | None:
    """What is missing between the log and a message that comes next to it, now that nothing more can be had.

    Args:
        message: to be added.
        place: where the log stands.
        base_offset: from here up to the message every offset was given to one; None: it has no offset, or no
            journal said so.
    """
    if place.is_just_before(message):
        return None
    of_this_run = message.origin.seq - 1
    unbroken = base_offset is not None and place.offset is not None and place.offset + 1 >= base_offset
    of_journal = 0
    if message.offset is not None and place.offset is not None and unbroken:
        of_journal = message.offset - place.offset - 1
    first = place.offset + 1 if of_journal and place.offset is not None else None
    if message.origin.run_id == place.run_id:
        missed = max(0, of_this_run - place.seq)
        return Missing("gap", missed, first) if missed else None
    if unbroken and message.offset is not None:
        missed = max(of_journal, of_this_run)
        return Missing("gap", missed, first) if missed else None
    since_base = message.offset - base_offset if message.offset is not None and base_offset is not None else 0
    return Missing("restart", max(since_base, of_this_run), None)
