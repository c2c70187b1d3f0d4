"""Contours and pictures are made only while somebody looks, and of the same frames."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import pytest
from control_desk import WAIT_S, Rig, config_of, rig

from nanotally.daemon import showing
from nanotally.wire import ContoursMessage, DetectionsMessage, FrameMessage, Subscriber


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    monkeypatch.setattr(showing, "SHOW_EVERY_S", 0.0)
    with rig(config_of(), monkeypatch) as running:
        yield running


def join(made: Rig, *kinds: str) -> Subscriber:
    subscriber = Subscriber(made.service.publisher.endpoint, kinds=kinds)
    publisher, deadline_s = made.service.publisher, time.monotonic() + WAIT_S
    while not all(publisher.is_wanted(kind, "main") for kind in kinds):
        assert time.monotonic() < deadline_s
        publisher.answer_subscribers()
        time.sleep(0.01)
    return subscriber


def test_nothing_is_made_while_nobody_looks(made: Rig) -> None:
    for _ in range(3):
        made.frame()
    assert [made.service.publisher.sent(kind, "main") for kind in ("contours", "frames")] == [0, 0]


def test_contours_come_before_the_picture_of_the_same_frame_a_row_a_particle(made: Rig) -> None:
    with join(made, "detections", "contours", "frames") as subscriber:
        made.frame()
        made.frame()
        heard = [subscriber.receive(WAIT_S) for _ in range(6)]
    kinds = [DetectionsMessage, ContoursMessage, FrameMessage]
    assert [type(item) for item in heard] == kinds * 2
    assert [item.frame for item in heard] == [0, 0, 0, 1, 1, 1]  # type: ignore[union-attr]
    told, contours = heard[:2]
    assert isinstance(told, DetectionsMessage)
    assert isinstance(contours, ContoursMessage)
    assert len(contours.outlines) == len(told.records) == 5
    assert np.isnan(contours.xy).all()  # there is nothing but noise


def test_who_wants_contours_alone_gets_no_pictures(made: Rig) -> None:
    with join(made, "contours"):
        made.frame()
    assert [made.service.publisher.sent(kind, "main") for kind in ("contours", "frames")] == [1, 0]


def test_a_live_feed_is_shown_at_a_bounded_rate(made: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(showing, "SHOW_EVERY_S", 1000.0)
    with join(made, "contours", "frames"):
        for _ in range(4):
            made.frame()
    assert [made.service.publisher.sent(kind, "main") for kind in ("contours", "frames")] == [1, 1]
