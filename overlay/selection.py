"""Which frames of a journal are asked for, and how they are read from it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from nanotally.errors import WireError
from nanotally.overlay.address import Address
from nanotally.overlay.microscope import Microscope, Name
from nanotally.wire import DetectionsMessage, Page, ReplayClient
from nanotally.wire.replay import seen_from

ANSWER_S = 10.0


@dataclass(frozen=True)
class Selection:
    """A session, or a group of one run.

    Attributes:
        session: its id; None: the group.
        run_id, group: of the group.
    """

    session: str | None = None
    run_id: str | None = None
    group: int | None = None

    def holds(self, message: DetectionsMessage) -> bool:
        """Whether a frame is of it, and was counted."""
        if message.state != "live":
            return False
        if self.session is not None:
            return message.session is not None and message.session.id == self.session
        return (message.origin.run_id, message.group) == (self.run_id, self.group)

    def __str__(self) -> str:
        return self.session or f"group{self.group}"

    @classmethod
    def now(cls, microscope: Microscope) -> Selection:
        """What goes on at a microscope: its session, or else the group since it began.

        Raises:
            WireError: nothing was counted yet.
        """
        if microscope.status is not None and microscope.status.message.session is not None:
            return cls(session=microscope.status.message.session.id)
        if microscope.counts is None:
            raise WireError("nothing was counted yet")
        told = microscope.counts.message
        return cls(run_id=told.origin.run_id, group=told.group)


def selected(name: Name, address: Address, replay: str | None, selection: Selection) -> Iterator[DetectionsMessage]:
    """The frames of a selection, oldest first, of what the journal holds now.

    Args:
        name: of the microscope.
        address: of its daemon.
        replay: endpoint of the journal, as the daemon tells it.
        selection: what is wanted.

    Raises:
        WireError: no journal is kept, it does not answer, or is another daemon's.
    """
    endpoint = address.replay or (replay and seen_from(address.publish, replay))
    if not endpoint:
        raise WireError(f"{name.instance} keeps no journal: give it a [journal] directory, or use `nanotally log`")
    client = ReplayClient(endpoint, keys=address.keys)
    try:
        after, last = None, None
        while True:
            page = _ask(client, name, after)
            last = page.facts.last_offset if last is None else last
            yield from filter(selection.holds, page.messages)
            after = page.messages[-1].offset if page.messages else None
            if after is None or last is None or after >= last:
                return
    finally:
        client.close()


def _ask(client: ReplayClient, name: Name, after_offset: int | None) -> Page:
    page = client.ask(name.source, after_offset=after_offset, timeout_s=ANSWER_S, instance=name.instance)
    if page is None:
        raise WireError(f"the journal at {client.endpoint} does not answer; give --replay if it is elsewhere")
    if page.facts.instance != name.instance:
        raise WireError(f"the journal at {client.endpoint} is that of {page.facts.instance}; give --replay")
    return page
