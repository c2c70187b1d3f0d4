"""The wire format, schema 1: messages over ZeroMQ, and a subscriber that tells what it missed.

Needs numpy and pyzmq only. The format itself is described in `docs/wire-format.md`.
"""

from nanotally.wire.async_subscriber import AsyncSubscriber
from nanotally.wire.codec import decode, encode, topic_of
from nanotally.wire.curve import ClientKeys
from nanotally.wire.messages import (
    SCHEMA,
    ContoursMessage,
    CountsMessage,
    DetectionsMessage,
    FrameMessage,
    Message,
    Statistics,
    StatusMessage,
)
from nanotally.wire.origin import Model, Origin, Session
from nanotally.wire.outlines import outlines_from
from nanotally.wire.records import COLUMNS, UNCONFIRMED, Column, columns_with, records_from
from nanotally.wire.replay import Page, PageFacts, ReplayClient
from nanotally.wire.subscriber import Gap, Subscriber
from nanotally.wire.topics import KINDS, Topic, check_name

__all__ = [
    "COLUMNS",
    "KINDS",
    "SCHEMA",
    "UNCONFIRMED",
    "AsyncSubscriber",
    "ClientKeys",
    "Column",
    "ContoursMessage",
    "CountsMessage",
    "DetectionsMessage",
    "FrameMessage",
    "Gap",
    "Message",
    "Model",
    "Origin",
    "Page",
    "PageFacts",
    "ReplayClient",
    "Session",
    "Statistics",
    "StatusMessage",
    "Subscriber",
    "Topic",
    "check_name",
    "columns_with",
    "decode",
    "encode",
    "outlines_from",
    "records_from",
    "topic_of",
]
