"""Mode `paper` with templates of any shape: apart, whole, labelled to the pixel, and the same from the same seed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nanotally.generator import turns
from nanotally.generator.paper import make_paper_micrograph
from nanotally.generator.pattern import Pattern, Template

HEIGHT, WIDTH, BACKGROUND = 90, 120, 20


def template(shape: str, side: int, grey: float = 0.6) -> Template:
    y, x = np.mgrid[:side, :side]
    far = np.hypot(x - (side - 1) / 2, y - (side - 1) / 2) / side
    alphas = {
        "square": np.ones((side, side)),
        "disc": far < 0.5,
        "ring": (far < 0.5) & (far > 0.3),
        "bar": abs(y - side // 2) < 2,
        "two parts": abs(x - side // 2) > side // 4,
        "soft": np.clip(1.6 - 3 * far, 0, 1),
    }
    return Template(np.full((side, side), grey, np.float32), alphas[shape].astype(np.float32), 0, 1.0)


templates = st.builds(
    template, st.sampled_from(["square", "disc", "ring", "bar", "two parts", "soft"]), st.integers(3, 40)
)
patterns = st.lists(templates, min_size=1, max_size=4).map(
    lambda several: Pattern(WIDTH, HEIGHT, tuple(several), background=BACKGROUND)
)


def make(pattern: Pattern, seed: int, most: int = 40):
    return make_paper_micrograph(pattern, height=1, width=1, max_particles=most, seed=seed)


@settings(max_examples=40, deadline=None)
@given(pattern=patterns, seed=st.integers(0, 9999), most=st.integers(0, 60))
def test_particles_lie_apart_and_every_label_is_exact(pattern: Pattern, seed: int, most: int) -> None:
    made = make(pattern, seed, most)
    owner, boxes = made.truth.instances, made.truth.detections.xyxy.astype(int)
    assert made.image.shape == owner.shape == (HEIGHT, WIDTH)
    assert np.unique(owner[owner > 0]).tolist() == list(range(1, len(boxes) + 1))
    padded = np.pad(owner, 1)
    for move in ((0, 1), (1, 0), (1, 1), (1, -1)):
        beside = np.roll(padded, move, (0, 1))
        assert ((padded == beside) | (padded == 0) | (beside == 0)).all()
    for number, box in enumerate(boxes, start=1):
        y, x = np.nonzero(owner == number)
        assert box.tolist() == [x.min(), y.min(), x.max() + 1, y.max() + 1]
    assert (made.stop == "maximum reached") == (len(boxes) == most)
    assert made.image.min() >= BACKGROUND


@pytest.mark.parametrize("most_bytes", [0, 20_000, 128_000_000])
def test_turns_that_are_kept_change_no_byte(monkeypatch: pytest.MonkeyPatch, most_bytes: int) -> None:
    several = tuple(template(shape, 14) for shape in ("square", "disc"))
    fresh = [make(Pattern(WIDTH, HEIGHT, several), seed).image.tobytes() for seed in range(6)]
    monkeypatch.setattr(turns, "MOST_BYTES", most_bytes)
    pattern = Pattern(WIDTH, HEIGHT, several)
    assert [make(pattern, seed).image.tobytes() for seed in range(6)] == fresh


def test_a_full_canvas_is_full() -> None:
    pattern = Pattern(WIDTH, HEIGHT, (template("disc", 12),))
    made = make(pattern, 0, 1000)
    assert made.stop == "no space left"
    assert len(made.truth.detections) > 30
    far = 12 + 3  # a disc of 12 px, turned, its gap, and half a pixel all around
    free = np.lib.stride_tricks.sliding_window_view(np.asarray(made.truth.instances) == 0, (far, far))
    assert not free.all(axis=(2, 3)).any()


def test_particles_lie_anywhere_and_turn_any_way() -> None:
    pattern = Pattern(WIDTH, HEIGHT, (template("bar", 30),))
    boxes = np.concatenate([make(pattern, seed, 1).truth.detections.xyxy for seed in range(150)])
    assert boxes.min(axis=0).tolist() <= [1, 1, 10, 10]
    assert (boxes[:, 2:].max(axis=0) >= [WIDTH - 1, HEIGHT - 1]).all()
    sides = boxes[:, 2:] - boxes[:, :2]
    assert sides.min() <= 6
    assert sides.max() >= 29
    assert ((sides > 12).all(axis=1)).mean() > 0.3


def test_a_dark_template_stays_dark() -> None:
    pattern = Pattern(WIDTH, HEIGHT, (template("square", 12, grey=0.2),), background=200)
    made = make(pattern, 1, 20)
    assert np.bincount(made.image.ravel()).argmax() == 200
    assert (made.image[made.truth.instances > 0] <= 126).all()
    assert made.image.min() == 51
