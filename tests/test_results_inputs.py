from pathlib import Path

import pytest

from nanotally.errors import MicrographError, UsageError
from nanotally.results import check_stems, find_inputs


def make(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
    return folder


def names(*paths: Path, besides: Path) -> list[str]:
    return [each.name for each in find_inputs(paths, besides=besides)]


def test_folders_are_searched_with_all_below_in_the_order_people_expect(tmp_path: Path) -> None:
    make(tmp_path, "f10.tif", "f2.TIF", "f2.txt", ".hidden.png", ".cache/a.png", "b/2.png", "b/10.png", "a/x/1.jpg")
    assert names(tmp_path, besides=tmp_path / "out") == ["f2.TIF", "f10.tif", "a/x/1.jpg", "b/2.png", "b/10.png"]


def test_results_of_an_earlier_run_are_not_looked_at(tmp_path: Path) -> None:
    make(tmp_path, "a.png", "results/overlay/a.png")
    assert names(tmp_path, besides=tmp_path / "b" / ".." / "results") == ["a.png"]


def test_every_file_once_and_a_loop_of_links_ends(tmp_path: Path) -> None:
    make(tmp_path, "a.png", "b/c.png")
    (tmp_path / "b" / "back").symlink_to(tmp_path)
    assert names(tmp_path, tmp_path / "a.png", tmp_path / "b", besides=tmp_path / "out") == ["a.png", "b/c.png"]


def test_equal_names_of_several_folders_are_told_apart(tmp_path: Path) -> None:
    make(tmp_path, "monday/1.png", "tuesday/1.png")
    folders = tmp_path / "monday", tmp_path / "tuesday"
    assert names(*folders, besides=tmp_path) == ["monday/1.png", "tuesday/1.png"]


def test_files_are_taken_whatever_their_ending(tmp_path: Path) -> None:
    make(tmp_path, "odd.dat")
    assert names(tmp_path / "odd.dat", besides=tmp_path) == ["odd.dat"]


@pytest.mark.parametrize("missing", ["nowhere", "empty"])
def test_nothing_there_is_an_error(tmp_path: Path, missing: str) -> None:
    make(tmp_path, "empty/notes.txt")
    with pytest.raises(MicrographError, match=missing):
        find_inputs([tmp_path / missing], besides=tmp_path / "out")


def test_two_endings_of_one_name_cannot_have_a_file_each(tmp_path: Path) -> None:
    make(tmp_path, "a.tif", "a.png", "b.png", "c/b.png")
    with pytest.raises(UsageError, match=r"a\.png and .*a\.tif would both have their results in a\.\*"):
        check_stems(find_inputs([tmp_path], besides=tmp_path / "out"))
    (tmp_path / "a.tif").unlink()
    check_stems(find_inputs([tmp_path], besides=tmp_path / "out"))
