from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanotally.daemon.journal.retention import Retention
from nanotally.daemon.journal.segment import Segment

NOW_NS = 10**18


def segment(size_bytes: int = 10, age_s: float = 0.0) -> Segment:
    return Segment(Path("x"), 1, 1, size_bytes, NOW_NS - round(age_s * 1e9))


@pytest.mark.parametrize(
    ("segments", "many"),
    [
        ([], 0),
        ([segment()] * 9, 0),  # 90, and room for 10 more
        ([segment()] * 10, 1),
        ([segment(100), segment()], 1),
        ([segment(), segment(100)], 2),
        ([segment(age_s=61), segment(age_s=59)], 1),
        ([segment(age_s=-3600)] * 3, 0),  # the clock was set back
        ([segment(age_s=59), segment(age_s=61)], 0),  # never one that is not the oldest
    ],
)
def test_oldest_segments_go_first(segments: list[Segment], many: int) -> None:
    assert Retention(age_s=60, size_bytes=100, segment_bytes=10).expired(segments, NOW_NS) == many


@given(st.lists(st.tuples(st.integers(1, 50), st.floats(0, 100))), st.integers(10, 200))
def test_what_is_kept_is_neither_too_large_nor_too_old(kept: list[tuple[int, float]], size_bytes: int) -> None:
    segments = sorted((segment(size, age_s) for size, age_s in kept), key=lambda s: s.written_ns)
    retention = Retention(age_s=60, size_bytes=size_bytes, segment_bytes=10)
    many = retention.expired(segments, NOW_NS)
    rest = segments[many:]
    assert sum(s.size_bytes for s in rest) + 10 <= size_bytes or not rest
    assert all((NOW_NS - s.written_ns) / 1e9 <= 60 for s in rest)
    for fewer in range(many):  # and nothing went without need
        kept_then = segments[fewer:]
        too_old = (NOW_NS - kept_then[0].written_ns) / 1e9 > 60
        assert too_old or sum(s.size_bytes for s in kept_then) + 10 > size_bytes
