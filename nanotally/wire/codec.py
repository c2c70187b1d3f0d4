"""A message to the parts of a ZeroMQ message and back: topic, JSON header, payload."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nanotally.errors import WireError
from nanotally.wire.header import dump, from_json, load, to_json
from nanotally.wire.messages import (
    SCHEMA,
    ContoursMessage,
    CountsMessage,
    DetectionsMessage,
    FrameMessage,
    Message,
    StatusMessage,
)
from nanotally.wire.origin import Origin
from nanotally.wire.outlines import read_outlines
from nanotally.wire.records import read_columns, read_records
from nanotally.wire.topics import Topic

NOT_IN_HEADER = ("origin", "records", "image", "outlines")
CLASSES: dict[str, type[Message]] = {
    cls.kind: cls for cls in (DetectionsMessage, CountsMessage, StatusMessage, ContoursMessage, FrameMessage)
}


def topic_of(message: Message) -> Topic:
    """Topic that a message is published under."""
    return Topic(message.kind, message.origin.instance, message.origin.source)


def encode(message: Message) -> list[bytes]:
    """Parts of the ZeroMQ message: topic, header, and the payload where the kind has one."""
    header = {"schema": SCHEMA, **dump(message.origin), **dump(message, without=NOT_IN_HEADER)}
    parts = [bytes(topic_of(message)), to_json(header)]
    if isinstance(message, DetectionsMessage):
        parts.append(message.records.tobytes())
    elif isinstance(message, FrameMessage):
        parts.append(message.image)
    elif isinstance(message, ContoursMessage):
        parts.append(message.outlines.astype("<i2").tobytes())
    return parts


def decode(parts: Sequence[bytes]) -> Message:
    """Message that was received as `parts`. Unknown keys, columns and further parts are passed over.

    Raises:
        WireError: if the message breaks the wire format or is of another schema.
    """
    if len(parts) < 2:
        raise WireError(f"a message has at least a topic and a header; this one has {len(parts)} part")
    topic = Topic.parse(parts[0])
    try:
        return _message(topic, parts)
    except WireError as error:
        raise WireError(f"{bytes(topic).decode()}: {error}") from error


def _message(topic: Topic, parts: Sequence[bytes]) -> Message:
    if topic.kind not in CLASSES:
        raise WireError(f"unknown kind of message; this reader knows {', '.join(CLASSES)}")
    header = from_json(parts[1])
    if header.get("schema") != SCHEMA:
        raise WireError(f"schema {header.get('schema')!r}, this reader knows {SCHEMA}: update nanotally")
    message = load(CLASSES[topic.kind], header, origin=load(Origin, header), **_payload(topic.kind, header, parts))
    if topic_of(message) != topic:
        raise WireError(f"header is of {message.origin.instance}/{message.origin.source}")
    return message


def _payload(kind: str, header: dict[str, Any], parts: Sequence[bytes]) -> dict[str, Any]:
    """Fields of a message that are not taken from the header as they are."""
    if kind not in (DetectionsMessage.kind, FrameMessage.kind, ContoursMessage.kind):
        return {}
    if len(parts) < 3:
        raise WireError("payload is missing")
    if kind == FrameMessage.kind:
        return {"image": bytes(parts[2])}
    if kind == ContoursMessage.kind:
        return {"outlines": read_outlines(header, parts[2])}
    columns = read_columns(header)
    return {"columns": columns, "records": read_records(columns, parts[2])}
