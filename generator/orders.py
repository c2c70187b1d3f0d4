"""Orders: what is to be generated, and the pictures that follow from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nanotally.detections import CLASSES
from nanotally.errors import DatasetError, UsageError
from nanotally.generator.micrograph import SyntheticMicrograph, make_micrograph
from nanotally.generator.paper import make_paper_micrograph
from nanotally.generator.pattern import LONGEST_PX, Pattern, read_pattern
from nanotally.generator.recipe import Recipe, read_recipe, sample
from nanotally.generator.specimen import Specimen
from nanotally.generator.truth import Instances
from nanotally.labels import LabelledImage
from nanotally.micrograph import list_micrographs, read_micrograph
from nanotally.spread import Failure, Here, Pool, Spread


@dataclass(frozen=True, kw_only=True)
class Order:
    """What is to be generated.

    Attributes:
        pattern: pattern file: in mode `paper` all particles are its templates, in mode `sem` some; None: none is.
        classes: shapes that are counted.
        mode: `paper`: apart from one another on a flat dark canvas; `sem`: after a recipe.
        recipe: of mode `sem`: the name of a shipped one, or a TOML file.
        backgrounds: folder with pictures of bare substrates, for mode `sem`; None: they are drawn.
        count: images.
        max_particles: the most particles an image.
        width: of procedural images, pixels; in mode `paper` a pattern file states its own.
        height: of procedural images, pixels.
        seed: of everything; the same order gives the same bytes.
    """

    pattern: str | None = None
    classes: tuple[str, ...] = CLASSES
    mode: str = "sem"
    recipe: str = "sem"
    backgrounds: str | None = None
    count: int = 10
    max_particles: int = 500
    width: int = 1280
    height: int = 960
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Picture:
    """A labelled image that is to be written.

    Attributes:
        image: (h, w) uint8.
        labels: what is in it; it is named anew when it is written.
        facts: what else there is to say of it.
        instances: (h, w) int32, i + 1 the pixels of row i of `labels`; None: only boxes are known.
        nm_per_px: nanometres a pixel (x, y); None where there is no telling.
    """

    image: NDArray[np.uint8]
    labels: LabelledImage
    facts: Mapping[str, object]
    instances: Instances | None = None
    nm_per_px: tuple[float, float] | None = None


@dataclass(frozen=True)
class Made:
    """A synthetic micrograph, which variant of its recipe it is ("" for none), and its pixel size if it has one."""

    micrograph: SyntheticMicrograph
    variant: str = ""
    nm_per_px: float | None = None


Make = Callable[[int], Made]


def picture_of(made: Made) -> Picture:
    """What is written of a synthetic micrograph."""
    micrograph, truth = made.micrograph, made.micrograph.truth
    height, width = micrograph.image.shape
    labels = LabelledImage("", width, height, truth.detections, truth.difficult, truth.truncated, truth.visible)
    facts: dict[str, object] = {
        "stop": micrograph.stop, "field": list(micrograph.field), "size_px": truth.size_px.round(3).tolist(),
    }  # fmt: skip
    if micrograph.specimen is not None:
        facts |= {"variant": made.variant, "specimen": asdict(micrograph.specimen)}
    nm_per_px = None if made.nm_per_px is None else (made.nm_per_px, made.nm_per_px)
    return Picture(micrograph.image, labels, facts, truth.instances, nm_per_px)


def maker(order: Order) -> Make:
    """The function from an image's number to the image.

    Raises:
        UsageError: if the order makes no sense.
        PatternError, RecipeError, MicrographError: if a file that it names cannot be used.
    """
    if order.mode not in ("paper", "sem"):
        raise UsageError(f"mode {order.mode!r} is not known; there are paper and sem")
    unknown = [name for name in order.classes if name not in CLASSES]
    if unknown or not order.classes:
        raise UsageError(f"shape {', '.join(unknown) or '(none)'} is not known; there are {', '.join(CLASSES)}")
    if order.count < 1 or min(order.max_particles, order.seed) < 0:
        raise UsageError("count must be 1 or more, max-particles and seed 0 or more")
    if not (64 <= order.width <= LONGEST_PX and 64 <= order.height <= LONGEST_PX):
        raise UsageError(f"an image of {order.width}x{order.height} px cannot be made; 64 to {LONGEST_PX} px a side")
    pattern = read_pattern(Path(order.pattern)) if order.pattern is not None else None
    if order.mode == "sem":
        # Absolute: a worker may have a working directory of its own.
        backgrounds = list_micrographs(Path(order.backgrounds).absolute()) if order.backgrounds is not None else []
        return partial(_sem, order, read_recipe(order.recipe), pattern, backgrounds)
    if order.recipe != "sem" or order.backgrounds is not None:
        raise UsageError("a recipe and backgrounds are for mode sem; mode paper has neither")
    return partial(_paper, order, pattern or order.classes)


def _sem(order: Order, recipe: Recipe, pattern: Pattern | None, backgrounds: list[Path], number: int) -> Made:
    rng = np.random.default_rng((order.seed, number, 0))
    specimen, variant = sample(recipe, rng)
    background = None
    if backgrounds:
        background = _background(backgrounds[rng.integers(len(backgrounds))])
    made = make_micrograph(
        _of_classes(specimen, order.classes), height=order.height, width=order.width,
        max_particles=order.max_particles, seed=(order.seed, number, 1), pattern=pattern, background=background,
    )  # fmt: skip
    return Made(made, variant, specimen.nm_per_px)


def _of_classes(specimen: Specimen, classes: tuple[str, ...]) -> Specimen:
    """The same specimen with particles of these classes only."""
    return specimen if len(set(classes)) > 1 else replace(specimen, cube_share=float(classes[0] == "cube"))


@lru_cache(maxsize=16)
def _background(path: Path) -> NDArray[np.uint8]:
    """The field of a user's picture, without its databar."""
    micrograph = read_micrograph(path)
    x1, y1, x2, y2 = micrograph.field
    return micrograph.image[y1:y2, x1:x2]


def _paper(order: Order, source: Pattern | tuple[str, ...], number: int) -> Made:
    made = make_paper_micrograph(
        source, height=order.height, width=order.width, max_particles=order.max_particles, seed=(order.seed, number)
    )
    return Made(made, nm_per_px=source.nm_per_px if isinstance(source, Pattern) else None)


def make_all(order: Order, *, workers: int = 1) -> Iterator[Picture]:
    """All images of the order, by number; the number of workers does not change a byte.

    Raises:
        UsageError, PatternError, RecipeError, MicrographError: as `maker`, at once.
        DatasetError: for the first that cannot be made.
    """
    if workers < 1:
        raise UsageError(f"workers is {workers}, expected 1 or more")
    most = min(workers, order.count)
    return _all_or_none(make_with(Pool(most) if most > 1 else Here(), order))


def make_with(spread: Spread, order: Order, *, first: int = 0) -> Iterator[Picture | Failure]:
    """The images of the order from number `first` on, made where `spread` does its work.

    For one that cannot be made there is a failure.

    Raises:
        UsageError, PatternError, RecipeError, MicrographError: as `maker`, at once.
    """
    return map(_pictured, spread.map(maker(order), range(first, order.count)))


def _pictured(made: Made | Failure) -> Picture | Failure:
    return made if isinstance(made, Failure) else picture_of(made)


def _all_or_none(pictures: Iterable[Picture | Failure]) -> Iterator[Picture]:
    for picture in pictures:
        if isinstance(picture, Failure):
            raise DatasetError(picture.of(f"image {picture.item}"))
        yield picture
