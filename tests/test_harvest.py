"""The harvest: what is in doubt is kept, within bounds, in a folder that label editors and `dataset` take as it is."""

import csv
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kept import frame_of, speckle, told_of

from nanotally.daemon.harvest import shelf as shelf_module
from nanotally.daemon.harvest.doubt import SURE, Doubt, doubt_of
from nanotally.daemon.harvest.harvest import Harvest
from nanotally.daemon.harvest.look import alike, look_of
from nanotally.daemon.harvest.settings import HarvestConfig
from nanotally.daemon.harvest.shelf import INDEX, Kept
from nanotally.detections import CLASSES, FLAG_MASKED, Detections
from nanotally.errors import ConfigError
from nanotally.frame import Frame
from nanotally.labels import read_dataset, read_voc
from nanotally.micrograph import read_micrograph
from nanotally.opencv import cv2
from nanotally.trainer.intake import take_in
from nanotally.wire import DetectionsMessage, records_from

BOXES = np.array([[10 * i + 2, 12, 10 * i + 9, 20] for i in range(8)], np.float32)
SURE_SCORE, UNSURE_SCORE = 0.95, 0.55


def in_doubt(
    number: int, unsure: int = 8, image: np.ndarray | None = None, run_id: str = "run1"
) -> tuple[Frame, DetectionsMessage]:
    """A frame with eight particles, some of them doubtful, and what was told of it."""
    frame = frame_of(number, image)
    scores = np.where(np.arange(8) < unsure, UNSURE_SCORE, SURE_SCORE)
    return frame, told_of(frame, BOXES, scores, np.arange(8) % 2, run_id=run_id)


def harvest_of(folder: Path, **config: float) -> Harvest:
    return Harvest(
        HarvestConfig(**{"directory": str(folder), "every_s": 0.0, **config}), instance="sem", classes=CLASSES
    )


def consider(harvest: Harvest, seen: Iterable[tuple[Frame, DetectionsMessage]]) -> list[int]:
    """Have every frame looked at; frames that then are kept."""
    for frame, told in seen:
        while not harvest._worker._jobs.empty():
            pass
        harvest.take(frame, told)
    harvest.close()
    return sorted(row.frame for row in harvest.shelf.kept)


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A shelf with three frames of two runs."""
    consider(harvest_of(tmp_path), [in_doubt(0), in_doubt(1), in_doubt(2, run_id="run2")])
    return tmp_path / "sem"


def test_doubt_is_the_share_of_unsure_particles() -> None:
    for unsure in range(9):
        assert doubt_of(in_doubt(0, unsure)[1]) == Doubt(unsure=unsure / (8 + SURE))
    assert doubt_of(told_of(frame_of(0))).total == 0


def test_boxes_within_one_another_are_doubled_and_neighbours_are_not() -> None:
    nested = told_of(frame_of(0), [[10, 10, 40, 40], [12, 12, 30, 30], [40, 10, 70, 40], [60, 30, 90, 60]], 0.95)
    assert doubt_of(nested) == Doubt(doubled=1 / (4 + SURE))
    both = told_of(frame_of(0), [[10, 10, 40, 40], [11, 10, 41, 40]], 0.95, [0, 1])
    assert doubt_of(both) == Doubt(doubled=2 / (2 + SURE))


def test_count_that_jumps_is_doubtful_in_both_directions() -> None:
    many, few = in_doubt(0, 0)[1], told_of(frame_of(1), BOXES[:3], SURE_SCORE, [0, 1, 0])
    assert doubt_of(many, few) == Doubt(jump=5 / (8 + SURE)) == doubt_of(few, many)
    assert doubt_of(many, many).total == 0
    assert doubt_of(many, replace(few, counts=None, state="blank")).total == 0


def test_masked_particles_are_nobodys_doubt() -> None:
    told = in_doubt(0)[1]
    masked = told.detections.flag(FLAG_MASKED, np.ones(8, bool))
    assert doubt_of(replace(told, records=records_from(masked))).total == 0


@given(n=st.integers(0, 40), seed=st.integers(0, 1000))
def test_every_share_is_one(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, 60, (n, 2))
    boxes = np.hstack([corner, corner + rng.uniform(1, 40, (n, 2))])
    told, other = (told_of(frame_of(0), boxes[:k], rng.uniform(0.5, 1, k), rng.integers(0, 2, k)) for k in (n, n // 2))
    doubt = doubt_of(told, other)
    assert all(0 <= share <= 1 for share in (doubt.unsure, doubt.doubled, doubt.jump))
    assert doubt.total == 0 or getattr(doubt, doubt.why) == max(doubt.unsure, doubt.doubled, doubt.jump)


def test_look_knows_a_place_again_under_noise_and_other_light_and_no_other_place() -> None:
    rng = np.random.default_rng(1)
    places = [cv2.GaussianBlur(speckle(seed, (256, 384)), (0, 0), 2) for seed in range(6)]
    light = np.linspace(0, 50, 384)[None]
    again = [np.clip(place + rng.normal(0, 15, place.shape) + light, 0, 255).astype(np.uint8) for place in places]
    looks, others = ([look_of(image, None) for image in images] for images in (places, again))
    for i, look in enumerate(looks):
        assert [alike(look, other) for other in others] == [i == j for j in range(6)]


def test_folder_is_taken_by_dataset_as_it_is(kept: Path) -> None:
    dataset = read_dataset(kept)
    assert dataset.label_format == "voc"
    assert len(dataset.samples) == 3
    for sample in dataset.samples:
        frame, told = in_doubt(int(sample.image.stem[-6:]))
        np.testing.assert_array_equal(read_micrograph(sample.image).image, frame.image)
        np.testing.assert_array_equal(sample.labels.detections.xyxy, BOXES)
        np.testing.assert_array_equal(sample.labels.detections.class_id, told.records["class"])
    taken = take_in([], [kept])
    assert taken.faults == []
    assert sorted(entry.group for entry in taken.real) == ["sem main run1", "sem main run1", "sem main run2"]


def test_cvat_gets_every_frame_with_its_boxes(kept: Path) -> None:
    root = ET.parse(kept / "cvat.xml").getroot()
    assert (root.tag, root.findtext("version")) == ("annotations", "1.1")
    assert [name.text for name in root.iterfind("meta/task/labels/label/name")] == list(CLASSES)
    images = root.findall("image")
    assert sorted(image.get("name") for image in images) == sorted(f.name for f in (kept / "images").glob("*.png"))
    assert [image.get("id") for image in images] == ["0", "1", "2"]
    for image in images:
        assert (image.get("width"), image.get("height")) == ("128", "96")
        boxes = image.findall("box")
        assert [box.get("label") for box in boxes] == ["cube", "quasi_sphere"] * 4
        edges = [[float(box.get(edge) or "") for edge in ("xtl", "ytl", "xbr", "ybr")] for box in boxes]
        np.testing.assert_array_equal(edges, BOXES)


def test_index_says_why_and_from_where(kept: Path) -> None:
    with (kept / INDEX).open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["why"] for row in rows] == ["unsure"] * 3
    assert {row["doubt"] for row in rows} == {f"{8 / (8 + SURE):.4f}"}
    assert [(row["source"], row["frame"], row["nm_per_px_x"]) for row in rows] == [
        ("main", str(i), "2.48") for i in range(3)
    ]


def test_most_doubtful_frames_are_kept_within_the_bound(tmp_path: Path) -> None:
    unsure = [3, 8, 4, 2, 7, 5, 6, 1, 0]
    kept = consider(harvest_of(tmp_path, most_frames=3), [in_doubt(i, n) for i, n in enumerate(unsure)])
    assert kept == [1, 4, 6]
    assert len(list((tmp_path / "sem" / "images").iterdir())) == 6


def test_bytes_are_bounded_too(tmp_path: Path) -> None:
    noise = [np.random.default_rng(i).integers(0, 255, (96, 128), np.uint8) for i in range(6)]
    harvest = harvest_of(tmp_path, most_mb=0.045)  # noise has 12 kB, and labels 3
    consider(harvest, [in_doubt(i, 3 + i % 3, image) for i, image in enumerate(noise)])
    assert 1 <= len(harvest.shelf.kept) <= 3
    files = list((tmp_path / "sem" / "images").iterdir())
    assert sum(file.stat().st_size for file in files) == harvest.shelf.size_bytes <= 45_000


def test_of_one_place_the_most_doubtful_frame_is_kept(tmp_path: Path) -> None:
    place = speckle(77)
    assert consider(harvest_of(tmp_path), [in_doubt(i, n, place) for i, n in enumerate([3, 6, 4])]) == [1]
    assert consider(harvest_of(tmp_path), [in_doubt(5, 5, place), in_doubt(6, 7, place)]) == [6]  # known from the disk


def test_sure_and_dead_frames_are_not_kept(tmp_path: Path) -> None:
    frame, told = in_doubt(0)
    blank = replace(told, state="blank", counts=None)
    assert consider(harvest_of(tmp_path), [(frame, blank), in_doubt(1, 1), in_doubt(2, 0)]) == []


def test_count_that_jumps_in_one_place_is_kept_and_not_where_the_stage_moved(tmp_path: Path) -> None:
    place, empty = speckle(3), told_of(frame_of(1, speckle(3)))
    assert consider(harvest_of(tmp_path / "a"), [in_doubt(0, 0, place), (frame_of(1, place), empty)]) == [1]
    assert consider(harvest_of(tmp_path / "b"), [in_doubt(0, 0, speckle(4)), (frame_of(1, place), empty)]) == []


def test_pause_between_kept_frames(tmp_path: Path) -> None:
    assert consider(harvest_of(tmp_path, every_s=2.5), [in_doubt(i) for i in range(8)]) == [0, 3, 6]


def test_frame_that_somebody_works_on_is_never_taken_away(kept: Path) -> None:
    label = sorted((kept / "images").glob("*.xml"))[1]
    label.write_text(label.read_text().replace("quasi_sphere", "cube"))
    harvest = harvest_of(kept.parent, most_frames=3)
    doubled = np.repeat(BOXES, 2, axis=0)
    worse = [(frame := frame_of(i), told_of(frame, doubled, UNSURE_SCORE)) for i in (10, 11, 12)]
    assert consider(harvest, worse) == [1, 10, 11]
    assert set(read_voc(label).detections.class_id) == {0}
    assert take_in([], [kept]).faults == []


def test_frames_that_people_took_away_make_room(kept: Path) -> None:
    harvest = harvest_of(kept.parent, most_frames=3)
    for file in list((kept / "images").iterdir())[:1]:
        file.unlink()
    assert 20 in consider(harvest, [in_doubt(20, 3)])


def test_disk_that_fails_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device", "x.xml")

    write = shelf_module.write_voc
    monkeypatch.setattr(shelf_module, "write_voc", fail)
    harvest = harvest_of(tmp_path)
    harvest.take(*in_doubt(0))
    harvest.close()
    assert "harvest: x.xml: No space left on device" in caplog.text
    monkeypatch.setattr(shelf_module, "write_voc", write)
    assert consider(harvest_of(tmp_path), [in_doubt(1)]) == [1]
    assert read_dataset(tmp_path / "sem").samples[0].image.stem.endswith("000001")


def test_damaged_index_costs_its_lines(kept: Path, caplog: pytest.LogCaptureFixture) -> None:
    lines = (kept / INDEX).read_text().splitlines()
    (kept / INDEX).write_text("\n".join([lines[0], "rubbish", *lines[2:]]))
    assert len(harvest_of(kept.parent).shelf.kept) == 2
    assert f"{kept / INDEX} line 2 is passed over" in caplog.text


def test_folder_that_cannot_be_used_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "sem").write_text("no folder")
    with pytest.raises(ConfigError, match=r"harvest.directory .*sem: "):
        harvest_of(tmp_path)
    with pytest.raises(ConfigError, match="not set"):
        Harvest(HarvestConfig(), instance="sem", classes=CLASSES)


def test_labels_of_a_masked_particle_are_not_written(tmp_path: Path) -> None:
    frame, told = in_doubt(0)
    marked: Detections = told.detections.flag(FLAG_MASKED, np.arange(8) < 2)
    consider(harvest_of(tmp_path), [(frame, replace(told, records=records_from(marked)))])
    (label,) = (tmp_path / "sem" / "images").glob("*.xml")
    assert len(read_voc(label)) == 6


def test_row_of_the_index_is_what_it_was(kept: Path) -> None:
    before = harvest_of(kept.parent).shelf
    assert all(isinstance(row, Kept) and before.may_go(row) for row in before.kept)


def test_corrections_that_come_back_from_cvat_have_the_say(kept: Path) -> None:
    (kept / "Annotations").mkdir()
    for label in (kept / "images").glob("*.xml"):
        text = label.read_text().replace("quasi_sphere", "cube")
        (kept / "Annotations" / label.name).write_text(text)
    taken = take_in([], [kept])
    assert taken.faults == []
    assert [set(entry.detections.class_id) for entry in taken.real] == [{0}] * 3


def test_a_kept_picture_tells_its_pixel_size_if_it_has_one(tmp_path: Path) -> None:
    frame, told = in_doubt(1)
    unknown = replace(frame, nm_per_px=None), replace(told, nm_per_px=None)
    consider(harvest_of(tmp_path), [in_doubt(0), unknown])
    known, other = sorted((tmp_path / "sem" / "images").glob("*.png"))
    assert read_micrograph(known).nm_per_px == told.nm_per_px
    assert read_micrograph(other).nm_per_px is None
