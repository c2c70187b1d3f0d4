import pytest
from hypothesis import given
from hypothesis import strategies as st
from told import detections

from nanotally.log.place import Missing, Place, missing_before

HERE = Place("run1", 5, 105)


@pytest.mark.parametrize(
    ("seq", "offset", "run_id", "held", "just_behind"),
    [
        (5, 105, "run1", True, False),
        (4, 104, "run1", True, False),
        (6, 106, "run1", False, True),
        (6, None, "run1", False, True),  # the journal could not be written
        (5, None, "run1", True, False),
        (7, 106, "run1", False, False),  # 6 had no offset
        (8, 108, "run1", False, False),
        (1, 106, "run2", False, True),
        (2, 107, "run2", False, False),
        (2, 106, "run2", False, False),
        (1, 107, "run2", False, False),
        (1, None, "run2", False, False),  # what run1 sent last is not known
        (9, 103, "run0", True, False),
    ],
)
def test_where_a_message_lies(seq: int, offset: int | None, run_id: str, held: bool, just_behind: bool) -> None:
    message = detections(seq, offset, run_id=run_id)
    assert (HERE.holds(message), HERE.is_just_before(message)) == (held, just_behind)


@pytest.mark.parametrize(
    ("message", "base_offset", "missing"),
    [
        (detections(6, 106), None, None),
        (detections(1, 106, run_id="run2"), None, None),
        (detections(9, 109), 100, Missing("gap", 3, 106)),
        (detections(9, 107), 100, Missing("gap", 3, 106)),  # one expired, two without an offset
        (detections(9, 106), 100, Missing("gap", 3, None)),
        (detections(9, None), None, Missing("gap", 3, None)),
        (detections(3, 116, run_id="run2"), 100, Missing("gap", 10, 106)),
        (detections(3, 106, run_id="run2"), 100, Missing("gap", 2, None)),
        (detections(1, 900, run_id="run2"), 900, Missing("restart", 0, None)),  # another journal
        (detections(4, 903, run_id="run2"), 900, Missing("restart", 3, None)),
        (detections(1, 903, run_id="run2"), 900, Missing("restart", 3, None)),
        (detections(3, None, run_id="run2"), None, Missing("restart", 2, None)),
        (detections(3, 116, run_id="run2"), None, Missing("restart", 2, None)),
    ],
)
def test_what_is_missing_before_a_message(message: object, base_offset: int | None, missing: Missing | None) -> None:
    assert missing_before(message, HERE, base_offset) == missing  # type: ignore[arg-type]


@given(st.integers(1, 20), st.integers(0, 20), st.booleans())
def test_a_message_that_was_added_is_held(seq: int, further: int, journalled: bool) -> None:
    message = detections(seq, 100 + further if journalled else None)
    assert Place("run0", 3, 99).moved_to(message).holds(message)
    assert Place("run0", 3, 99).moved_to(message).offset == (100 + further if journalled else 99)
