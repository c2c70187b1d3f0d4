import json
import struct
from dataclasses import fields, replace
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanotally.detections import FLAG_SEAM, Detections
from nanotally.errors import WireError
from nanotally.wire import (
    COLUMNS,
    KINDS,
    UNCONFIRMED,
    ContoursMessage,
    CountsMessage,
    DetectionsMessage,
    FrameMessage,
    Message,
    Model,
    Origin,
    StatusMessage,
    Topic,
    check_name,
    decode,
    encode,
    records_from,
    topic_of,
)

GOLDEN = Path(__file__).parent / "golden"
WALL = datetime(2026, 3, 14, 15, 9, 26, 535897, tzinfo=timezone.utc)
ORIGIN = Origin(run_id="0123456789abcdef", instance="sem-1", source="main", seq=7)
MODEL = Model(name="default", sha256="ab" * 32, engine="openvino", precision="fp32")
PARTICLES = Detections(
    np.array([[1, 2, 11.5, 12.25], [100, 200, 164, 264]], np.float32),
    score=np.array([0.5, 0.96875], np.float32),
    class_id=np.array([0, 1], np.uint16),
    flags=np.array([0, FLAG_SEAM], np.uint16),
)


def detections(found: Detections = PARTICLES) -> DetectionsMessage:
    return DetectionsMessage(
        origin=ORIGIN,
        frame=41,
        file="grid_3.tif",
        grabbed_ns=2**53 + 1,
        wall=WALL,
        age_ms=12.5,
        width=1280,
        height=960,
        nm_per_px=(1.25, 1.25),
        pixel_size_from="zeiss tag 34118",
        state="live",
        classes=("cube", "quasi_sphere"),
        counts=found.counts(),
        truncated=False,
        model=MODEL,
        thresholds={"cube": 0.5, "quasi_sphere": 0.25},
        scale=1.0,
        tile=416,
        overlap=96,
        roi=(0, 0, 1280, 890),
        settings_sha256="cd" * 32,
        latency_ms={"tile": 0.5, "infer": 8.0, "decode": 1.5},
        records=records_from(found),
    )


def counts() -> CountsMessage:
    return CountsMessage(
        origin=ORIGIN,
        frame=41,
        grabbed_ns=2**53 + 1,
        wall=WALL,
        age_ms=12.5,
        nm_per_px=None,
        state="live",
        counts={"cube": 1, "quasi_sphere": 1},
        truncated=False,
    )


def status() -> StatusMessage:
    return StatusMessage(
        origin=ORIGIN,
        wall=WALL,
        uptime_s=3600.5,
        version="0.1.0",
        model=MODEL,
        source_state="lost",
        frame_state="live",
        fault="v4l2:/dev/video0: No such device",
        frames_grabbed=100,
        frames_dropped=3,
        frames_processed=96,
        last_seq=96,
    )


def frames() -> FrameMessage:
    return FrameMessage(
        origin=ORIGIN,
        frame=41,
        grabbed_ns=2**53 + 1,
        wall=WALL,
        width=1280,
        height=960,
        nm_per_px=(1.25, 1.25),
        state="live",
        image=b"\xff\xd8\xff\xe0 a picture \xff\xd9",
    )


def contours() -> ContoursMessage:
    outlines = np.array([[[-1, -1]] * 4, [[16, 32], [160, 32], [160, 32767], [16, 33]]], np.int16)
    return ContoursMessage(
        origin=ORIGIN, frame=41, grabbed_ns=2**53 + 1, wall=WALL, unit_px=0.0625, points=4, outlines=outlines
    )


SAMPLES = {"detections": detections, "counts": counts, "status": status, "contours": contours, "frames": frames}
every_kind = pytest.mark.parametrize("kind", SAMPLES)


def comparable(message: Message) -> dict[str, object]:
    values = {f.name: getattr(message, f.name) for f in fields(message)}
    for name in values.keys() & {"records", "outlines"}:
        values[name] = values[name].tolist()
    return values


def with_header(parts: list[bytes], **changes: object) -> list[bytes]:
    header = {**json.loads(parts[1]), **changes}
    header = {key: value for key, value in header.items() if value is not ...}
    return [parts[0], json.dumps(header).encode(), *parts[2:]]


def read_golden(path: Path) -> list[bytes]:
    """Parts of one message: each a length, 4 bytes little-endian, and as many bytes."""
    raw, parts = path.read_bytes(), []
    while raw:
        (length,) = struct.unpack_from("<I", raw)
        parts.append(raw[4 : 4 + length])
        raw = raw[4 + length :]
    return parts


def test_there_is_a_sample_of_every_kind() -> None:
    assert tuple(SAMPLES) == KINDS


@every_kind
def test_what_was_written_is_read(kind: str) -> None:
    message = SAMPLES[kind]()
    again = decode(encode(message))
    assert type(again) is type(message)
    assert comparable(again) == comparable(message)


@every_kind
def test_messages_of_old_are_read_for_ever(kind: str) -> None:
    # Never write these files again: they are what publishers in the field sent.
    assert comparable(decode(read_golden(GOLDEN / f"wire1_{kind}.bin"))) == comparable(SAMPLES[kind]())


@every_kind
def test_nothing_was_taken_away_from_schema_1(kind: str) -> None:
    old = json.loads(read_golden(GOLDEN / f"wire1_{kind}.bin")[1])
    new = json.loads(encode(SAMPLES[kind]())[1])
    assert {key: new.get(key) for key in old} == old


@every_kind
def test_header_is_as_the_page_says(kind: str) -> None:
    topic, header, *payload = encode(SAMPLES[kind]())
    values = json.loads(header)
    assert topic == f"{kind}/sem-1/main/".encode()
    assert values["schema"] == 1
    assert values["wall"] == "2026-03-14T15:09:26.535897Z"
    assert values.get("grabbed_ns", "9007199254740993") == "9007199254740993"
    assert len(payload) == (kind in ("detections", "contours", "frames"))


@every_kind
def test_unknown_keys_and_parts_are_passed_over(kind: str) -> None:
    parts = [*with_header(encode(SAMPLES[kind]()), colour="blue", humidity={"percent": 40}), b"contours"]
    if len(parts) == 3:
        parts.insert(2, b"")  # what comes behind the payload, not the payload, is passed over
    assert comparable(decode(parts)) == comparable(SAMPLES[kind]())


def test_unknown_columns_are_kept_but_need_not_be_known() -> None:
    message = detections()
    wide = np.zeros(2, [*message.records.dtype.descr, ("ecd", "<f4"), ("charge", "<i2")])
    for name in message.records.dtype.names or ():
        wide[name] = message.records[name]
    wide["ecd"] = [15.5, np.nan]
    columns = [*COLUMNS, ("ecd", "f4", "nm"), ("charge", "i2", "e")]
    parts = with_header(encode(message), columns=columns)
    again = decode([*parts[:2], wide.tobytes()])
    assert isinstance(again, DetectionsMessage)
    np.testing.assert_array_equal(again.detections.xyxy, PARTICLES.xyxy)
    np.testing.assert_array_equal(again.records["ecd"], np.array([15.5, np.nan], np.float32))


@given(st.integers(0, 3000), st.randoms(use_true_random=False))
def test_any_number_of_particles_comes_through(n: int, random: object) -> None:
    rng = np.random.default_rng(n)
    found = Detections(
        rng.random((n, 4), np.float32) * 5000,
        rng.random(n, np.float32),
        rng.integers(0, 2**16, n),
        rng.integers(0, 8, n),
    )
    again = decode(encode(replace(detections(), records=records_from(found))))
    assert isinstance(again, DetectionsMessage)
    for f in fields(Detections):
        np.testing.assert_array_equal(getattr(again.detections, f.name), getattr(found, f.name))
    assert (again.records["track"] == UNCONFIRMED).all()


def test_records_are_packed_and_little_endian() -> None:
    raw = encode(detections())[2]
    assert len(raw) == 2 * 32
    assert struct.unpack_from("<fffffHqH", raw, 32) == (100, 200, 164, 264, 0.96875, 1, -1, FLAG_SEAM)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"schema": 2}, "schema 2, this reader knows 1"),
        ({"schema": ...}, "schema None"),
        ({"frame": ...}, "no 'frame'"),
        ({"frame": "41"}, "'frame': '41', not int"),
        ({"frame": True}, "'frame': 'True', not int"),
        ({"grabbed_ns": 41}, "'grabbed_ns'"),
        ({"wall": "yesterday"}, "'wall': 'yesterday', not datetime"),
        ({"nm_per_px": [1.0]}, "'nm_per_px'"),
        ({"counts": {"cube": "many"}}, "'counts'"),
        ({"model": "default"}, "'model'"),
        ({"columns": 8}, "columns"),
        ({"columns": [["x1", "f4", "px"]]}, "no class, flags, score"),
        ({"columns": [*COLUMNS, ("note", "O", "")]}, "unknown type 'O'"),
        ({"columns": [*COLUMNS, ("x1", "f4", "px")]}, "columns"),
        ({"columns": [*COLUMNS, ("extra", "f4", "px")]}, "64 bytes is not a whole number of 36-byte records"),
        ({"source": "other"}, "header is of sem-1/other"),
    ],
)
def test_broken_header_is_a_wire_error_that_says_where(changes: dict[str, object], complaint: str) -> None:
    with pytest.raises(WireError) as caught:
        decode(with_header(encode(detections()), **changes))
    assert complaint in str(caught.value)
    assert str(caught.value).startswith("detections/sem-1/main/: ")


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [b"detections/sem-1/main/"],
        [b"detections/sem-1/", b"{}"],
        [b"detections/SEM/main/", b"{}"],
        [b"\xff/a/b/", b"{}"],
        [b"weather/sem-1/main/", b"{}"],
        [b"counts/sem-1/main/", b"not JSON"],
        [b"counts/sem-1/main/", b"[1, 2]"],
        [b"counts/sem-1/main/", b"[" * 100_000],
        encode(detections())[:2],
        encode(frames())[:2],
        encode(contours())[:2],
    ],
)
def test_broken_message_is_a_wire_error(parts: list[bytes]) -> None:
    with pytest.raises(WireError):
        decode(parts)


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("points", [..., None, 0, -4, 3, 4.0, "4", True, [4], 10**9]),
        ("unit_px", [..., None, 0, -1.0, float("nan"), float("inf"), 1e30, "1", True, [1]]),
    ],
)
def test_outlines_of_no_sensible_shape_or_unit_are_a_wire_error(key: str, values: list[object]) -> None:
    for value in values:
        with pytest.raises(WireError, match=key if value != 3 else "not a whole number"):
            decode(with_header(encode(contours()), **{key: value}))


def test_outlines_are_16_bits_a_coordinate_and_little_endian() -> None:
    raw = encode(contours())[2]
    assert struct.unpack_from("<8h", raw, 16) == (16, 32, 160, 32, 160, 32767, 16, 33)
    xy = contours().xy
    assert np.isnan(xy[0]).all()
    np.testing.assert_array_equal(xy[1], [[1, 2], [10, 2], [10, 32767 / 16], [1, 33 / 16]])


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_garbage_never_breaks_the_reader(header: bytes, payload: bytes) -> None:
    with pytest.raises(WireError):
        decode([b"detections/sem-1/main/", header, payload])


@given(st.dictionaries(st.sampled_from(sorted(json.loads(encode(detections())[1]))), st.just(None)))
def test_null_never_breaks_the_reader(changes: dict[str, object]) -> None:
    try:
        decode(with_header(encode(detections()), **changes))
    except WireError:
        assert changes


@pytest.mark.parametrize("wall", ["2026-03-14T15:09:26Z", "2026-03-14T15:09:26.5Z", "2026-03-14T15:09:26.535897932Z"])
def test_fraction_of_a_second_may_have_any_length(wall: str) -> None:
    again = decode(with_header(encode(counts()), wall=wall))
    assert abs((again.wall - WALL).total_seconds()) < 1
    assert again.wall.tzinfo is timezone.utc


def test_not_a_number_is_never_written() -> None:
    with pytest.raises(ValueError, match="JSON"):
        encode(replace(counts(), age_ms=float("nan")))


names = st.text("abcxyz0189_-", min_size=1, max_size=32)


@given(names, names)
def test_topic_is_read_back(instance: str, source: str) -> None:
    topic = Topic("counts", instance, source)
    assert Topic.parse(bytes(topic)) == topic
    assert topic_of(replace(counts(), origin=replace(ORIGIN, instance=instance, source=source))) == topic


@pytest.mark.parametrize("name", ["", "SEM", "a/b", "a b", "ä", "x" * 33, "sem\n"])
def test_name_that_would_break_a_topic_is_refused(name: str) -> None:
    with pytest.raises(WireError, match="a-z, 0-9"):
        check_name(name)
