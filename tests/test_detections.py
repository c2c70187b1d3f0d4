import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from nanotally.detections import FLAG_BORDER, FLAG_MASKED, Detections, area, intersection, iou
from nanotally.errors import NanotallyError

Boxes = NDArray[np.float32]


def boxes(largest_px: int = 1000) -> st.SearchStrategy[Boxes]:
    """Up to 12 boxes with a real area; whole pixels, so that float32 holds every area exactly."""
    corners = hnp.arrays(np.int32, st.tuples(st.integers(0, 12), st.just(2)), elements=st.integers(0, largest_px))
    return corners.flatmap(
        lambda low: hnp.arrays(np.int32, low.shape, elements=st.integers(1, largest_px)).map(
            lambda size: np.hstack([low, low + size]).astype(np.float32)
        )
    )


def subpixel_boxes() -> st.SearchStrategy[Boxes]:
    """Up to 12 boxes whose corners lie anywhere, some of them inside out."""
    corner = st.floats(0, 5000, width=32)
    return hnp.arrays(np.float32, st.tuples(st.integers(0, 12), st.just(4)), elements=corner)


@given(subpixel_boxes(), subpixel_boxes())
def test_iou_is_symmetric_and_between_0_and_1(a: Boxes, b: Boxes) -> None:
    overlap = iou(a, b)
    assert overlap.shape == (len(a), len(b))
    assert overlap.dtype == np.float32
    np.testing.assert_array_equal(overlap, iou(b, a).T)
    assert ((overlap >= 0) & (overlap <= 1)).all()


@given(boxes())
def test_iou_is_1_exactly_for_equal_boxes(a: Boxes) -> None:
    equal = (a[:, None] == a[None, :]).all(axis=2)
    np.testing.assert_array_equal(iou(a, a) == 1, equal)


@given(boxes(), boxes(), st.integers(-500, 500), st.integers(-500, 500))
def test_iou_does_not_change_when_everything_is_shifted(a: Boxes, b: Boxes, dx: int, dy: int) -> None:
    shift = np.float32([dx, dy, dx, dy])
    np.testing.assert_array_equal(iou(a + shift, b + shift), iou(a, b))


@given(boxes(largest_px=40), boxes(largest_px=40))
def test_intersection_is_the_number_of_shared_pixels(a: Boxes, b: Boxes) -> None:
    def drawn(box: Boxes) -> NDArray[np.bool_]:
        x1, y1, x2, y2 = box.astype(int)
        field = np.zeros((80, 80), bool)
        field[y1:y2, x1:x2] = True
        return field

    shared = [[np.sum(drawn(p) & drawn(q)) for q in b] for p in a]
    np.testing.assert_array_equal(intersection(a, b), np.reshape(shared, (len(a), len(b))))
    np.testing.assert_array_equal(area(a), [drawn(p).sum() for p in a])


def test_iou_of_boxes_without_area_is_0() -> None:
    point = np.float32([[5, 5, 5, 5]])
    inside_out = np.float32([[9, 9, 1, 1]])
    assert iou(point, point) == 0
    assert iou(inside_out, inside_out) == 0
    assert area(inside_out) == 0


def test_a_label_has_score_1_and_no_flag() -> None:
    found = Detections(np.float32([[1, 2, 3, 5]]))
    assert (found.score.tolist(), found.class_id.tolist(), found.flags.tolist()) == ([1], [0], [0])
    assert found.size.tolist() == [[2, 3]]
    assert len(Detections.empty()) == 0


def test_columns_have_the_types_of_the_wire() -> None:
    found = Detections(xyxy=[[1, 2, 3, 5]], score=[0.5], class_id=[1], flags=[FLAG_BORDER])  # type: ignore[arg-type]
    kinds = [column.dtype for column in (found.xyxy, found.score, found.class_id, found.flags)]
    assert kinds == [np.float32, np.float32, np.uint16, np.uint16]


@pytest.mark.parametrize("column", ["score", "class_id", "flags"])
def test_a_column_of_another_length_is_refused_by_name(column: str) -> None:
    with pytest.raises(NanotallyError, match=f"{column} has 2 rows, xyxy 1"):
        Detections(np.zeros((1, 4), np.float32), **{column: np.zeros(2)})


@pytest.mark.parametrize("shape", [(4, 2), (2, 8), (5,), (3, 5), (2, 2, 4)])
def test_boxes_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(NanotallyError):
        Detections(np.zeros(shape, np.float32))


@given(boxes(), st.data())
def test_rows_taken_apart_and_put_together_are_the_same(xyxy: Boxes, data: st.DataObject) -> None:
    whole = Detections(xyxy, class_id=np.arange(len(xyxy)))
    cut = data.draw(st.integers(0, len(xyxy)))
    again = Detections.concatenate([whole[:cut], whole[cut:]])
    np.testing.assert_array_equal(again.xyxy, whole.xyxy)
    np.testing.assert_array_equal(again.class_id, whole.class_id)


def test_nothing_put_together_is_empty() -> None:
    assert len(Detections.concatenate([])) == 0


def test_masked_particles_are_not_counted_and_an_absent_class_is_0() -> None:
    found = Detections(np.zeros((3, 4), np.float32), class_id=np.uint16([0, 0, 0]))
    masked = found.flag(FLAG_MASKED, np.array([True, False, False]))
    assert masked.counts() == {"cube": 2, "quasi_sphere": 0}
    assert found.counts() == {"cube": 3, "quasi_sphere": 0}, "flag() must not change its own particles"


def test_flags_add_up() -> None:
    found = Detections(np.zeros((2, 4), np.float32)).flag(FLAG_BORDER, np.array([True, True]))
    assert found.flag(FLAG_MASKED, np.array([False, True])).flags.tolist() == [
        FLAG_BORDER,
        FLAG_BORDER | FLAG_MASKED,
    ]


def test_2000_particles_are_2000_particles() -> None:
    found = Detections(np.zeros((2000, 4), np.float32), class_id=np.arange(2000) % 2)
    assert found.counts() == {"cube": 1000, "quasi_sphere": 1000}
