"""A set that was broken off is gone on with; one that has a picture missing says so."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from nanotally.errors import DatasetError, UsageError
from nanotally.generator.dataset import begun, write_set
from nanotally.generator.orders import Order, Picture, make_with
from nanotally.spread import Failure, Here

ORDER = Order(count=6, seed=2, width=160, height=120, max_particles=8)
FACTS = asdict(ORDER)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def breaking_off(pictures: Iterator[Picture | Failure], after: int) -> Iterator[Picture | Failure]:
    for _ in range(after):
        yield next(pictures)
    raise KeyboardInterrupt


def write(out: Path, formats: tuple[str, ...]) -> dict[str, int]:
    first = begun(FACTS, out, formats)
    return write_set(FACTS, make_with(Here(), ORDER, first=first), out, formats, first=first)


@pytest.mark.parametrize(("formats", "kept"), [(("yolo", "masks"), 3), (("yolo", "coco"), 0)])
def test_a_set_that_was_broken_off_becomes_the_same_set(tmp_path: Path, formats: tuple[str, ...], kept: int) -> None:
    out = tmp_path / "set"
    with pytest.raises(KeyboardInterrupt):
        write_set(FACTS, breaking_off(make_with(Here(), ORDER), 4), out, formats)
    (out / "images" / "000003.png").write_bytes(b"torn")  # the last one is not believed
    assert begun(FACTS, out, formats) == kept
    kept_ns = {number: (out / "images" / f"{number:06d}.png").stat().st_mtime_ns for number in range(kept)}
    totals = write(out, formats)
    assert {n: (out / "images" / f"{n:06d}.png").stat().st_mtime_ns for n in kept_ns} == kept_ns
    assert totals == write(tmp_path / "whole", formats)
    assert contents(out) == contents(tmp_path / "whole")


def test_only_the_beginning_of_the_same_set_is_gone_on_with(tmp_path: Path) -> None:
    out = tmp_path / "set"
    with pytest.raises(KeyboardInterrupt):
        write_set(FACTS, breaking_off(make_with(Here(), ORDER), 3), out, ("yolo",))
    for order, formats in ((FACTS | {"seed": 3}, ("yolo",)), (FACTS, ("voc",))):
        with pytest.raises(UsageError, match="not an empty folder"):
            begun(order, out, formats)
    write(out, ("yolo",))
    with pytest.raises(UsageError, match="not an empty folder"):  # nor is a whole one
        begun(FACTS, out, ("yolo",))


def test_a_picture_that_cannot_be_made_is_named_and_the_rest_is_written(tmp_path: Path) -> None:
    out = tmp_path / "set"
    pictures = list(make_with(Here(), ORDER))
    pictures[2] = Failure(2, "ValueError: no luck")
    with pytest.raises(DatasetError, match="image 2: ValueError: no luck"):
        write_set(FACTS, pictures, out, ("yolo", "coco"))
    assert [path.stem[-1] for path in sorted((out / "images").iterdir())] == ["0", "1", "3", "4", "5"]
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["totals"]["images"] == 5
    assert manifest["missing"] == ["image 2: ValueError: no luck"]
