"""Composing a training set: synthetic tiles and views of real micrographs, in the layout that ultralytics reads.

images/train, images/val, labels/train, labels/val, data.yaml     tiles for the network
real-val/, real-test/                                             whole pictures, each a set for `nanotally evaluate`
manifest.json                                                     what went in, with the hash of every file
report.html, contact-sheet.png                                    what came out, to look at
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np

from nanotally.detections import Detections
from nanotally.errors import DatasetError
from nanotally.trainer.census import Census, Sight
from nanotally.trainer.entry import Entry
from nanotally.trainer.intake import Intake, Show, quietly, silently, take_in
from nanotally.trainer.manifest import manifest, notes_on
from nanotally.trainer.pictures import Picture
from nanotally.trainer.set_report import write_set_report
from nanotally.trainer.split import split_by_group
from nanotally.trainer.training_set import Tile, write_description, write_part, write_whole
from nanotally.trainer.views import cut_view, turn_knobs, typical_px, without_difficult

__all__ = ["SHARES", "Tile", "compose", "write_description", "write_part", "write_whole"]

SHARES = {"train": 0.7, "val": 0.15, "test": 0.15}
SIZES_PX = (11.0, 230.0)
"""Range of the typical particle in a view, network pixels: what the levels of the detector leave for one level."""
SCALES = (0.45, 2.5)
"""Range of the scale of a view: below it a published picture would be a stamp in a corner of the tile."""
VIEWS_TO_JUDGE = 8
"""Views of each validation picture, by which the best checkpoint is chosen."""
SYNTHETIC_TO_JUDGE = 1 / 20
"""Share of the synthetic pictures that are kept for validation where no real ones are."""


class Labelled(Protocol):
    """A picture with labels, open or not."""

    @property
    def detections(self) -> Detections:
        """Its labelled boxes."""


Shown = TypeVar("Shown", bound=Labelled)


def compose(
    out: Path,
    *,
    synthetic: Sequence[Path],
    real: Sequence[Path],
    views: int,
    side_px: int,
    seed: int,
    skip_bad: bool = False,
    show: Show = quietly,
    say: Callable[[str], None] = silently,
) -> dict[str, dict[str, int]]:
    """Write a training set under `out`; answers the counts of tiles and particles a part.

    Args:
        out: folder that must not hold a set yet.
        synthetic: sets written by `nanotally generate`; all of them is for training, but for a twentieth where no real
            picture is there to validate on.
        real: labelled sets, split by group.
        views: of each real training picture; up to twice as many where its class is rare.
        side_px: of a tile.
        seed: of the split and of every draw.
        skip_bad: leave out pictures that something is wrong with, instead of writing nothing.
        show: how long work is shown.
        say: takes what there is to say of the input, sentence by sentence.

    Raises:
        DatasetError: if anything is wrong with the input (`faults` has it all), too little is left to train and
            validate on, `out` holds a set already or cannot be written.
    """
    if (out / "images").exists():
        raise DatasetError(f"{out / 'images'} is there already; nothing is overwritten, choose another --out")
    if not synthetic and not real:
        raise DatasetError("nothing to compose: name a set with --synthetic or --real")
    taken = take_in(synthetic, real, show=show)
    if taken.faults and not skip_bad:
        what = "1 fault" if len(taken.faults) == 1 else f"{len(taken.faults)} faults"
        told = f"{what} in the input, nothing is written; mend it, or leave out what it concerns with --skip-bad"
        raise DatasetError(told, faults=tuple(taken.faults))
    for note in notes_on(taken):
        say(note)
    facts: dict[str, object] = {"seed": seed, "views": views, "side_px": side_px, "skip_bad": skip_bad}
    try:
        return _write(out, taken, views=views, side_px=side_px, seed=seed, show=show, facts=facts)
    except OSError as error:
        raise DatasetError(f"{out}: cannot be written ({error.strerror or error})") from error


def _write(
    out: Path, taken: Intake, *, views: int, side_px: int, seed: int, show: Show, facts: dict[str, object]
) -> dict[str, dict[str, int]]:
    parts = split_by_group(taken.real, SHARES, seed=seed)
    made = taken.synthetic
    judged = parts["val"] or made[: max(1, round(len(made) * SYNTHETIC_TO_JUDGE))]
    learned = made if parts["val"] else made[len(judged) :]
    if not judged or not (learned or parts["train"]):
        told = f"{len(taken.real)} real pictures in {len({e.group for e in taken.real})} groups"
        raise DatasetError(f"{told} and {len(made)} synthetic ones are too few to train and to validate on; add some")
    census = Census(seed)
    tiles = synthetic_tiles(opened(learned, show, "synthetic tiles"), side_px=side_px, seed=seed)
    counts = {"train": write_part(census.watch("train, synthetic", tiles), out, "train")}
    for each, group in views_by_need(parts["train"], views).items():
        shown = opened(group, show, f"{each} views of each")
        more = real_views(shown, each=each, side_px=side_px, seed=seed + each, vary=True)
        added = write_part(census.watch("train, real", more), out, "train")
        counts["train"] = {name: n + added[name] for name, n in counts["train"].items()}
    views_to_judge = real_views(
        opened(judged, show, "views to validate on"), each=VIEWS_TO_JUDGE, side_px=side_px, seed=seed, vary=False
    )
    counts["val"] = write_part(census.watch("val", views_to_judge), out, "val")
    for part in ("val", "test"):
        whole = list(opened(parts[part], show, f"real-{part}"))
        write_whole(whole, out / f"real-{part}")
        for picture in whole:
            census.add(f"real-{part}", _as_judged(picture))
    figures = {part: tally.figures() for part, tally in census.tallies.items()}
    facts |= manifest(taken, parts) | {"counts": counts, "figures": figures}
    write_set_report(out, census.tallies, notes=notes_on(taken), left_out=taken.faults)
    write_description(out, facts)
    return counts


def opened(entries: Sequence[Entry], show: Show, what: str) -> Iterator[Picture]:
    """The pictures, opened one after another."""
    for entry in show(entries, what, len(entries)):
        yield entry.open()


def _as_judged(picture: Picture) -> Sight:
    difficult = picture.difficult if picture.whole is None else picture.whole.difficult
    return Sight(picture.image, picture.detections, difficult)


def views_by_need(pictures: Sequence[Shown], views: int) -> dict[int, list[Shown]]:
    """Pictures by the number of views they get: more where their class is rare, a third where they show no particle."""
    shown = [None if not len(p.detections) else int(np.bincount(p.detections.class_id).argmax()) for p in pictures]
    often = Counter(c for c in shown if c is not None)
    groups: dict[int, list[Shown]] = {}
    for picture, class_id in zip(pictures, shown, strict=True):
        need = 1 / 3 if class_id is None else min(2.0, max(often.values()) / often[class_id])
        groups.setdefault(max(1, round(views * need)), []).append(picture)
    return groups


def synthetic_tiles(pictures: Iterable[Picture], *, side_px: int, seed: int) -> Iterator[Tile]:
    """One tile of each picture: itself where it is a tile already, else a view at its own scale."""
    for number, whole in enumerate(pictures):
        picture = without_difficult(whole)
        if picture.image.shape == (side_px, side_px):
            yield picture.image, picture.detections
        else:
            yield cut_view(picture, side_px=side_px, scale=1.0, turns=0, rng=np.random.default_rng((seed, number)))


def real_views(pictures: Iterable[Picture], *, each: int, side_px: int, seed: int, vary: bool) -> Iterator[Tile]:
    """`each` random views of every picture.

    Args:
        pictures: labelled real micrographs.
        each: views a picture.
        side_px: side of a view.
        seed: of the draws.
        vary: also turn the knobs of the microscope (for training; not for judging).
    """
    for number, picture in enumerate(pictures):
        for k in range(each):
            rng = np.random.default_rng((seed, number, k))
            wanted = np.exp(rng.uniform(*np.log(SIZES_PX)))
            scale = float(np.clip(wanted / typical_px(picture), *SCALES))
            seen = replace(picture, image=turn_knobs(picture.image, rng)) if vary else picture
            yield cut_view(without_difficult(seen), side_px=side_px, scale=scale, turns=int(rng.integers(4)), rng=rng)
