"""Sessions: in every message, with a group of their own, over a restart."""

from pathlib import Path

import pytest
from control_desk import config_of, rig

from nanotally.wire import CountsMessage, DetectionsMessage, Session, StatusMessage, decode, encode


@pytest.fixture(autouse=True)
def _no_state_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)


def test_a_session_is_in_what_is_told_from_its_start_to_its_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    with rig(config_of(), monkeypatch) as made:
        before = made.frame()
        started = made.ask("session-start", sample="Au 12", operator="anna", notes="after wash")["session"]
        within = made.frame()
        stopped = made.ask("session-stop")["stopped"]
        after = made.frame()
    assert (before.session, after.session) == (None, None)
    assert within.session is not None
    assert (within.session.id, within.session.sample) == (started["id"], "Au 12")
    assert stopped == {"main": started}
    assert [told.group for told in (before, within, after)] == [1, 2, 3]
    assert decode(encode(within)).session == within.session  # type: ignore[union-attr]


def test_every_kind_of_message_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = []
    with rig(config_of(), monkeypatch) as made:
        made.ask("session-start", sample="Au 12")
        monkeypatch.setattr(made.service.publisher, "send", lambda message, parts=None: sent.append(message))
        made.frame()
        made.service.heartbeat.send(made.service.channels["main"], "up")
    for kind in (DetectionsMessage, CountsMessage, StatusMessage):
        told = [message for message in sent if isinstance(message, kind)]
        assert {message.session.sample for message in told} == {"Au 12"}


def test_it_goes_on_after_a_restart_until_it_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Session | None] = []
    for number in range(3):
        with rig(config_of(tmp_path), monkeypatch) as made:
            if number == 0:
                assert made.ask("session-start", sample="Au 12")["remembered"] == "over restarts"
            seen.append(made.frame().session)
            if number == 1:
                made.ask("session-stop")
    first, second, third = seen
    assert first == second
    assert (first is not None, third) == (True, None)


def test_a_source_has_a_session_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    with rig(config_of(None, "one", "two"), monkeypatch) as made:
        one, two = made.service.channels.values()
        made.ask("session-start", sample="A")
        both = one.session, two.session
        made.ask("session-start", sample="B", source="two")
        assert both[0] == both[1] == one.session
        assert two.session is not None
        assert two.session.sample == "B"
        assert made.ask("session-stop", source="one")["stopped"].keys() == {"one"}
        assert (one.session, two.session.sample) == (None, "B")
