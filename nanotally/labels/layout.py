"""Where a folder has its images, and the labels of which formats lie in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from nanotally.errors import DatasetError
from nanotally.micrograph.files import IMAGE_SUFFIXES, natural_order

FORMATS = ("coco", "createml", "voc", "yolo", "masks")
"""The more a format says of a particle, the earlier: COCO and CreateML files of ours hold all, VOC knows whole pixels
and `difficult`, YOLO boxes only, masks no class."""
IMAGE_FOLDERS = ("images", "JPEGImages")
LABEL_FOLDERS = ("labels", "annotations", "Annotations", "voc")
MASK_FOLDER = "masks"
CLASSES_FILE = "classes.txt"
SIDECAR_ENDINGS = (".txt", ".TXT", ".hdr", ".HDR", "-tif.hdr", "-png.hdr")
"""Of files that instruments lay beside an image; they take the place of its ending."""
SIDECAR_HEADS = (b"$", b"[", b"\xff\xfe", b"\xfe\xff")
"""How those of JEOL and Hitachi begin, which have the ending of YOLO labels."""

Files = Mapping[str, Path]
"""Files by their path below the folder that they are looked for in, without ending: `a`, `sample 2/a`."""


@dataclass(frozen=True)
class Layout:
    """What lies where in a folder.

    Attributes:
        folder: the set.
        root: where the images are: a folder in it, or the folder itself.
        images: in natural order of their names.
        labels: label files a format, in the order of `FORMATS`; formats without any are left out.
    """

    folder: Path
    root: Path
    images: Files
    labels: Mapping[str, Files]


def find_layout(folder: Path) -> Layout:
    """Look where `folder` has images and labels.

    Images lie in `images/` or `JPEGImages/`, with any folders in these, or in the folder itself. Label files an image
    lie in `labels/`, `annotations/`, `voc/`, `masks/`, under the same folders as their images, or beside the images as
    LabelImg leaves them. JSON files for all images lie in any of these or in the folder itself.

    Raises:
        DatasetError: if there is no image, no label, or two images could have the same label file.
    """
    if not folder.is_dir():
        raise DatasetError(f"{folder}: no such folder")
    root = next((folder / name for name in IMAGE_FOLDERS if (folder / name).is_dir()), folder)
    images = _by_name(_below(root, IMAGE_SUFFIXES, deep=root != folder), root)
    if not images:
        raise DatasetError(f"{root}: no image; looked for {', '.join(sorted(IMAGE_SUFFIXES))}")
    apart = [folder / name for name in LABEL_FOLDERS if (folder / name).is_dir()]
    found = {
        **_json_files(dict.fromkeys((folder, *apart, root))),
        "voc": _apart(apart, ".xml") or _voc_beside(root),
        "yolo": _apart(apart, ".txt") or _yolo_beside(root, images),
        "masks": _by_name(_below(folder / MASK_FOLDER, IMAGE_SUFFIXES), folder / MASK_FOLDER),
    }
    labels = {name: found[name] for name in FORMATS if found.get(name)}
    if not labels:
        raise DatasetError(f"{folder}: no labels; expected YOLO, Pascal VOC, COCO, CreateML or instance masks")
    return Layout(folder, root, images, labels)


def is_sidecar(file: Path) -> bool:
    """True if the text file was written by an instrument and is no label."""
    return _head(file).startswith(SIDECAR_HEADS)


def sidecars_of(image: Path) -> list[Path]:
    """What the instrument wrote beside an image."""
    beside = [image.with_name(image.stem + ending) for ending in SIDECAR_ENDINGS]
    return [file for file in beside if file.is_file() and (file.suffix.lower() != ".txt" or is_sidecar(file))]


def _head(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.read(1000)


def _below(folder: Path, endings: Iterable[str], *, deep: bool = True) -> list[Path]:
    files = folder.rglob("*") if deep else folder.iterdir()
    wanted = frozenset(endings)
    found = [f for f in files if f.suffix.lower() in wanted and not f.name.startswith(".") and f.is_file()]
    return sorted(found, key=lambda f: (natural_order(f.parent), natural_order(f)))


def _by_name(files: Iterable[Path], folder: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for file in files:
        name = file.relative_to(folder).with_suffix("").as_posix()
        if name in found:
            raise DatasetError(f"{file}: a label file could also belong to {found[name].name}; rename one")
        found[name] = file
    return found


def _apart(places: Iterable[Path], ending: str) -> dict[str, Path]:
    """The label files of the first folder that has any."""
    for place in places:
        if found := [file for file in _below(place, [ending]) if file.name != CLASSES_FILE]:
            return _by_name(found, place)
    return {}


def _voc_beside(root: Path) -> dict[str, Path]:
    return {
        name: file for name, file in _by_name(_below(root, [".xml"]), root).items() if b"<annotation" in _head(file)
    }


def _yolo_beside(root: Path, images: Files) -> dict[str, Path]:
    """Label files beside the images, where texts of instruments and of people lie too."""
    texts = _by_name([file for file in _below(root, [".txt"]) if file.name != CLASSES_FILE], root)
    return {
        name: file
        for name, file in texts.items()
        if not is_sidecar(file) and (name in images or _begins_with_numbers(file))
    }


def _begins_with_numbers(file: Path) -> bool:
    """True if the first line is five numbers: a label whose image is missing, and not a note to the reader."""
    words = _head(file).partition(b"\n")[0].split()
    return len(words) == 5 and all(word.replace(b".", b"").isdigit() for word in words)


def _json_files(places: Iterable[Path]) -> dict[str, dict[str, Path]]:
    """COCO and CreateML files, each kind from the first place that has any."""
    found: dict[str, dict[str, Path]] = {}
    for place in places:
        here: dict[str, dict[str, Path]] = {}
        for file in _below(place, [".json"], deep=False):
            if kind := _kind_of_json(file):
                here.setdefault(kind, {})[file.stem] = file
        found = here | found
    return found


def _kind_of_json(file: Path) -> str | None:
    """The label format of a JSON file by the keys that it has; None: it holds something else.

    Raises:
        DatasetError: if it is not JSON at all.
    """
    try:
        content = msgspec.json.decode(file.read_bytes())
    except (OSError, msgspec.DecodeError) as error:
        raise DatasetError(f"{file}: not a JSON file ({error}); mend it or take it away") from error
    if isinstance(content, dict) and {"images", "annotations"} <= content.keys():
        return "coco"
    if isinstance(content, list) and content and isinstance(content[0], dict) and "annotations" in content[0]:
        return "createml"
    return None
