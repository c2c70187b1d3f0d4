"""Pattern files: what is tolerated, what is refused and how, and templates turned properly."""

import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nanotally.errors import PatternError
from nanotally.generator.paper import make_paper_micrograph
from nanotally.generator.pattern import Pattern, Template, draw_template, read_pattern
from nanotally.opencv import cv2

PAGE = Path(__file__).parent.parent / "docs" / "pattern-file.md"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with templates of several kinds."""
    grey = np.full((20, 30), 200, np.uint8)
    cv2.imwrite(str(tmp_path / "plain.png"), grey)
    cv2.imwrite(str(tmp_path / "two words#1.png"), grey)
    cv2.imwrite(str(tmp_path / "deep.png"), grey.astype(np.uint16) * 257)
    alpha = np.zeros((20, 30), np.uint8)
    alpha[5:15, 10:20] = 255
    cv2.imwrite(str(tmp_path / "cut.png"), np.dstack([grey, grey, grey, alpha]))
    cv2.imwrite(str(tmp_path / "mask.png"), alpha)
    cv2.imwrite(str(tmp_path / "black.png"), alpha * 0)
    cv2.imwrite(str(tmp_path / "small.png"), alpha[:10])
    cv2.imwrite(str(tmp_path / "float.tiff"), grey.astype(np.float32))
    (tmp_path / "empty.png").touch()
    (tmp_path / "torn.png").write_bytes((tmp_path / "plain.png").read_bytes()[:60])
    return tmp_path


def read(folder: Path, text: str | bytes) -> Pattern:
    path = folder / "pattern.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_pattern(path)


@pytest.mark.parametrize(
    "size", ["1280 960", "1280x960", "1280 X 960", "1280,960", "1280, 960", "1280;960", "1280\t960", "1280×960"]
)
def test_a_resolution_may_be_written_in_several_ways(folder: Path, size: str) -> None:
    pattern = read(folder, f"{size}\nplain.png\n")
    assert (pattern.width, pattern.height) == (1280, 960)


def test_everything_a_pattern_file_may_hold(folder: Path) -> None:
    pattern = read(
        folder,
        "\ufeff# what Windows writes\r\n\r\n@nm_per_px\t2.05\r\n  640 480  # the source\r\n@background 30\r\n"
        "plain.png\r\nplain.png\r\ntwo words#1.png class=quasi_sphere weight=2.5 # a comment\r\n"
        "deep.png mask=mask.png\r\ncut.png\r\n",
    )
    assert (pattern.width, pattern.height, pattern.nm_per_px, pattern.background) == (640, 480, 2.05, 30)
    assert [t.class_id for t in pattern.templates] == [0, 0, 1, 0, 0]
    assert [t.weight for t in pattern.templates] == [1, 1, 2.5, 1, 1]
    assert [t.alpha.sum() for t in pattern.templates] == [600, 600, 600, 100, 100]
    for template in pattern.templates:
        np.testing.assert_allclose(template.image, 200 / 255, rtol=1e-6)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", None, "no resolution"),
        ("640 480\n# only this\n", None, "no template"),
        ("plain.png\n640 480\n", 1, "expected width and height"),
        ("640\nplain.png", 1, "expected width and height"),
        ("0 480\nplain.png", 1, "expected width and height"),
        ("99999 99999\nplain.png", 1, "8192"),
        ("640 480\n\nnone.png", 3, "No such file"),
        ("640 480\nempty.png", 2, "not an image"),
        ("640 480\ntorn.png", 2, "not an image"),
        ("640 480\nfloat.tiff", 2, "8 or 16 bits"),
        ("640 480\npattern.txt", 2, "not an image"),
        ("640 480\n.", 2, "directory"),
        ("640 480\n" + "x" * 5000, 2, "too long"),
        ("640 480\nplain\0.png", 2, "not an image"),
        ("640 480\nplain.png class=rod", 2, "'rod' is not one of cube, quasi_sphere"),
        ("640 480\nplain.png weight=0", 2, "weight above 0"),
        ("640 480\nplain.png weight=nan", 2, "weight above 0"),
        ("640 480\nplain.png weight=heavy", 2, "'heavy'"),
        ("640 480\nplain.png mask=none.png", 2, "none.png"),
        ("640 480\nplain.png mask=black.png", 2, "empty"),
        ("640 480\nplain.png mask=small.png", 2, "mask is 30x10, template 30x20"),
        ("640 480\nplain.png colour=red", 2, "[class=...] [weight=...] [mask=...]"),
        ("640 480\nclass=cube", 2, "expected `file"),
        ("640 480\n@background 256\nplain.png", 2, "0 to 255"),
        ("@nm_per_px 0\n640 480\nplain.png", 1, "above 0"),
        ("@nm_per_px\n640 480\nplain.png", 1, "expected a number"),
        ("@pixel 3\n640 480\nplain.png", 1, "there are @nm_per_px and @background"),
        ("29 20\nplain.png", 2, "30x20 px, more than the micrograph"),
    ],
)
def test_a_fault_is_told_with_file_and_line(folder: Path, text: str, line: int | None, words: str) -> None:
    with pytest.raises(PatternError) as caught:
        read(folder, text)
    told = str(caught.value)
    assert told.startswith(f"{folder / 'pattern.txt'}:" + ("" if line is None else f"{line}: "))
    assert words in told
    assert "\n" not in told


@pytest.mark.parametrize("path", [".", "none.txt"])
def test_a_file_that_is_not_there(folder: Path, path: str) -> None:
    with pytest.raises(PatternError, match="cannot be read as a pattern file"):
        read_pattern(folder / path)


words = st.sampled_from(
    ["640", "480", "x", " ", "\n", "\r\n", "@", "#", "=", "plain.png", "cut.png", "mask=", "class=cube", "weight=",
     "@background ", "@nm_per_px ", "1e9", "-1", "nan", "\0", "..", "/", "\u2028", "\x0c"]
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(text=st.binary(max_size=60) | st.lists(words, max_size=20).map(lambda parts: "".join(parts).encode()))
def test_any_bytes_are_a_pattern_or_a_clear_error(folder: Path, text: bytes) -> None:
    with suppress(PatternError):
        assert read(folder, text).templates


def rectangle(height: int, width: int, class_id: int = 0, weight: float = 1.0) -> Template:
    image = np.linspace(0.2, 0.9, width, dtype=np.float32)[None, :].repeat(height, axis=0)
    return Template(image, np.ones_like(image), class_id, weight)


@given(height=st.integers(8, 60), width=st.integers(8, 60), seed=st.integers(0, 2**32 - 1))
def test_a_template_is_turned_whole(height: int, width: int, seed: int) -> None:
    sprite = draw_template(Pattern(640, 480, (rectangle(height, width),)), np.random.default_rng(seed))
    assert sprite.alpha.sum() == pytest.approx(height * width, rel=0.03)
    ys, xs = np.nonzero(sprite.mask)
    sides = sorted(cv2.minAreaRect(np.stack([xs, ys], axis=1).astype(np.float32))[1])
    np.testing.assert_allclose(np.array(sides) + 1, sorted((height, width)), atol=2)
    assert sprite.signal[sprite.mask].mean() == pytest.approx(0.55, abs=0.02)
    assert sprite.size_px == pytest.approx(np.sqrt(height * width))


def levels_along(seed: int) -> tuple[float, float]:
    """Direction from the dark end of a turned template to the bright one, and the turn that its sprite tells."""
    sprite = draw_template(Pattern(640, 480, (rectangle(20, 40),)), np.random.default_rng(seed))
    ys, xs = np.nonzero(sprite.mask)
    level = sprite.signal[ys, xs]
    return float(np.arctan2(np.cov(level, ys)[0, 1], np.cov(level, xs)[0, 1])), sprite.turn_rad


def test_templates_are_turned_by_every_angle() -> None:
    angles = [levels_along(seed)[0] for seed in range(200)]
    assert (np.histogram(angles, bins=8, range=(-np.pi, np.pi))[0] > 10).all()


@given(seed=st.integers(0, 2**32 - 1))
def test_the_turn_of_a_template_is_told(seed: int) -> None:
    seen, told = levels_along(seed)
    assert np.cos(seen - told) > np.cos(0.1)


def of_kind(class_id: int, grey: float) -> Template:
    """A square, or a disc, 40 px wide, that is half as bright at its left end."""
    y, x = np.mgrid[-25:25, -25:25] + 0.5
    alpha = (np.hypot(x, y) < 20) if class_id else (np.maximum(abs(x), abs(y)) < 20)
    return Template((grey * (1 + x / 40)).astype(np.float32), alpha.astype(np.float32), class_id, 1.0)


@given(
    class_id=st.sampled_from([0, 1]), size_px=st.floats(12, 160), level=st.floats(0.05, 1), grey=st.floats(0.1, 0.9),
    seed=st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_a_template_is_brought_to_the_size_and_the_level_that_are_asked_for(
    class_id: int, size_px: float, level: float, grey: float, seed: int
) -> None:
    pattern = Pattern(640, 480, (of_kind(class_id, grey),))
    sprite = draw_template(pattern, np.random.default_rng(seed), size_px=size_px, level=level)
    assert sprite.class_id == class_id
    assert sprite.size_px == pytest.approx(size_px)
    area = size_px**2 * (np.pi / 4 if class_id else 1)
    assert sprite.alpha.sum() == pytest.approx(area, rel=0.05)
    assert np.median(sprite.signal[sprite.mask]) == pytest.approx(level, rel=0.05)
    own = draw_template(pattern, np.random.default_rng(seed))
    assert own.size_px == pytest.approx(40, rel=0.01)
    assert np.median(own.signal[own.mask]) == pytest.approx(grey, rel=0.05)
    assert own.turn_rad == sprite.turn_rad


@given(size_px=st.floats(4, 12), seed=st.integers(0, 2**32 - 1))
def test_a_small_template_is_still_a_particle(size_px: float, seed: int) -> None:
    sprite = draw_template(Pattern(640, 480, (of_kind(0, 0.5),)), np.random.default_rng(seed), size_px=size_px)
    assert sprite.mask.sum() == pytest.approx(size_px**2, rel=0.35)
    assert sprite.alpha[[0, -1]].max() == sprite.alpha[:, [0, -1]].max() == 0


def test_a_repeated_or_a_weighted_template_is_drawn_more_often() -> None:
    templates = (rectangle(10, 10), rectangle(10, 10), rectangle(20, 20, weight=3), rectangle(30, 30, class_id=1))
    pattern, rng = Pattern(640, 480, templates), np.random.default_rng(0)
    sizes = np.array([draw_template(pattern, rng).size_px for _ in range(1200)])
    counts = [(np.abs(sizes - size) < 1).sum() for size in (10, 20, 2 * 30 / np.sqrt(np.pi))]
    np.testing.assert_allclose(counts, [400, 600, 200], rtol=0.15)


def test_a_picture_of_a_pattern_is_made_of_its_templates_on_its_canvas(folder: Path) -> None:
    pattern = read(folder, "320 240\n@background 40\ncut.png class=quasi_sphere\n")
    made = make_paper_micrograph(pattern, height=1, width=1, max_particles=20, seed=3)
    assert made.image.shape == (240, 320)
    assert made.truth.detections.class_id.tolist() == [1] * 20
    assert np.bincount(made.image.ravel()).argmax() == 40
    assert made.image.max() == 200
    assert (made.image[made.truth.instances > 0] >= 119).all()  # half covered: half way to the canvas
    np.testing.assert_allclose(made.truth.size_px, 2 * 10 / np.sqrt(np.pi), rtol=1e-5)


def test_a_template_that_hardly_fits_the_canvas_leaves_it_empty_or_alone(folder: Path) -> None:
    made = make_paper_micrograph(read(folder, "30 20\nplain.png"), height=1, width=1, max_particles=5, seed=0)
    assert made.stop == "no space left"
    assert len(made.truth.detections) <= 1


def test_the_example_of_the_page_runs_as_it_is_written(tmp_path: Path) -> None:
    blocks = dict(re.findall(r"^```(\w+)\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL))
    (tmp_path / "example.txt").write_text(blocks["text"])
    subprocess.run([sys.executable, "-c", blocks["python"]], cwd=tmp_path, check=True, timeout=120)
    command, told = (line.strip() for line in blocks["console"].strip().splitlines())
    verb = command.removeprefix("$ nanotally ").split()
    child = [sys.executable, "-m", "nanotally", *verb]
    done = subprocess.run(child, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=120)
    assert re.sub(r"\d+ (cube|quasi)", r"N \1", done.stdout.strip()) == re.sub(r"\d+ (cube|quasi)", r"N \1", told)
    pattern = read_pattern(tmp_path / "example.txt")
    written = sorted((tmp_path / "made" / "images").iterdir())
    assert [cv2.imread(str(p), cv2.IMREAD_UNCHANGED).shape for p in written] == [(pattern.height, pattern.width)] * 2
