"""Pictures and particles of one frame, and what is made of messages that nobody should send."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from overlay_pictures import JPEG, contours_of, frame_of, unpacked
from told import detections

from nanotally.detections import Detections
from nanotally.errors import WireError
from nanotally.overlay.picture import Pairing, Picture
from nanotally.wire import DetectionsMessage, columns_with, decode, encode, records_from


def measured(**columns: np.ndarray) -> DetectionsMessage:
    n = len(next(iter(columns.values())))
    found = Detections(np.full((n, 4), [1.26, 2, 9, 12], np.float32), np.full(n, 0.98765, np.float32))
    return replace(detections(), columns=columns_with(columns), records=records_from(found, measured=columns))


def test_picture_is_whole_with_the_frame_of_the_same_number() -> None:
    pairing, told = Pairing(), detections()
    assert pairing.take(told) is None
    picture = pairing.take(frame_of(told))
    assert picture is not None
    assert picture.detections is told
    assert pairing.take(frame_of(told)) is None  # each once


@pytest.mark.parametrize("change", ["frame", "run", "source"])
def test_picture_of_another_frame_is_never_shown(change: str) -> None:
    pairing, told = Pairing(), detections(seq=5)
    other = {"frame": detections(seq=6), "run": detections(seq=5, run_id="run2"), "source": detections(5, source="b")}
    pairing.take(told)
    assert pairing.take(frame_of(other[change])) is None


def test_contours_come_along_if_they_are_of_the_same_particles() -> None:
    told, xy = detections(seq=5), np.ones((3, 8, 2), np.float32)
    for contours, goes_along in [
        (contours_of(told, xy), True),
        (contours_of(told, xy[:2]), False),  # of how many, that says nothing
        (contours_of(detections(seq=6), xy), False),
        (contours_of(detections(seq=5, run_id="run2"), xy), False),
    ]:
        pairing = Pairing()
        for message in (told, contours):
            assert pairing.take(message) is None
        picture = pairing.take(frame_of(told))
        assert picture is not None
        assert picture.contours is (contours if goes_along else None)
    pairing.take(contours_of(told, xy))
    pairing.take(told)  # what came before the particles is not of them
    picture = pairing.take(frame_of(told))
    assert picture is not None
    assert picture.contours is None


def test_outlines_stand_between_facts_and_jpeg() -> None:
    told, xy = detections(particles=2), np.full((2, 4, 2), 3, np.float32)
    xy[1, 0, 0] = np.nan
    facts, rest = unpacked(Picture(told, frame_of(told), contours_of(told, xy)).packed)
    assert facts["outlines"] == {"points": 4, "unit_px": 0.0625, "bytes": 32}
    assert np.frombuffer(rest[:32], "<i2").reshape(2, 8).tolist() == [[48] * 8, [-1] * 8]
    assert rest[32:] == JPEG
    assert unpacked(Picture(told, frame_of(told)).packed)[0]["outlines"] is None


def test_class_without_a_name_is_refused() -> None:
    records = detections().records.copy()
    records["class"][1] = 2
    with pytest.raises(WireError, match="class 2, but there are 2 names"):
        Pairing().take(replace(detections(), records=records))


def test_packed_message_is_facts_and_jpeg() -> None:
    told = measured(ecd_nm=np.array([10.123, np.nan], np.float32), edge_nm=np.array([np.nan, 7.0], np.float32))
    facts, jpeg = unpacked(Picture(told, frame_of(told)).packed)
    assert jpeg == JPEG
    assert facts["particles"] == {
        "x1": [1.3, 1.3], "y1": [2.0, 2.0], "x2": [9.0, 9.0], "y2": [12.0, 12.0], "score": [0.988, 0.988],
        "class": [0, 0], "track": [-1, -1], "flags": [0, 0], "ecd": [10.12, None], "edge": [None, 7.0],
    }  # fmt: skip
    assert facts["ecd_unit"] == "nm"
    assert (facts["frame"], facts["state"], facts["classes"]) == (0, "live", ["cube", "quasi_sphere"])
    assert facts["nm_per_px"] == [2.0, 2.5]


def test_sizes_in_pixels_are_called_so() -> None:
    told = measured(ecd_px=np.array([3.0], np.float32), edge_px=np.array([2.0], np.float32))
    facts, _ = unpacked(Picture(told, frame_of(told)).packed)
    assert (facts["ecd_unit"], facts["particles"]["ecd"]) == ("px", [3.0])


def test_what_was_not_measured_is_null() -> None:
    told = detections(particles=2)
    facts, _ = unpacked(Picture(told, frame_of(told)).packed)
    assert facts["particles"]["ecd"] == facts["particles"]["edge"] == [None, None]


TYPES = st.sampled_from(["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8"])


@given(st.data())
def test_whatever_a_daemon_sends_is_packed_or_refused(data: st.DataObject) -> None:
    """A message of any column types, with any bytes in it, and any numbers in its header."""
    topic, header, _ = encode(detections(particles=0))
    facts = json.loads(header)
    names = [name for name, _, _ in facts["columns"]] + ["ecd_nm", "edge_px"]
    facts["columns"] = [[name, data.draw(TYPES), ""] for name in names]
    facts |= {"width": data.draw(st.integers()), "age_ms": data.draw(st.floats()), "nm_per_px": [float("nan"), 1e999]}
    size = sum(int(code[1:]) for _, code, _ in facts["columns"])
    payload = data.draw(st.binary(min_size=3 * size, max_size=3 * size))
    pairing = Pairing()
    try:
        told = decode([topic, json.dumps(facts).encode(), payload])
        pairing.take(told)
    except WireError:
        return
    assert isinstance(told, DetectionsMessage)
    picture = pairing.take(frame_of(told))
    assert picture is not None
    seen, jpeg = unpacked(picture.packed)
    assert jpeg == JPEG
    assert {len(column) for column in seen["particles"].values()} == {3}
