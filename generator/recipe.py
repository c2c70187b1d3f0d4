"""Recipes: how much of everything a set of micrographs shows, as ranges in a TOML file that are drawn from.

The grammar is written down in `docs/recipes.md`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Any, get_args
from zlib import crc32

import msgspec
import numpy as np
from numpy.random import Generator

from nanotally.errors import RecipeError
from nanotally.generator.annotation import Lettering
from nanotally.generator.bodies import OTHERS, Habit, Material
from nanotally.generator.imaging import Beam, Detector, Display, Imaging, Publication, Scan
from nanotally.generator.ranges import Control, Range, parse_range
from nanotally.generator.sites import Arrangement, Crowd
from nanotally.generator.specimen import Specimen
from nanotally.generator.substrate import Flaws, Substrate

SHIPPED = Path(__file__).parent / "recipes"
SECTIONS: dict[str, type] = {
    "specimen": Specimen, "crowd": Crowd, "habit": Habit, "material": Material, "substrate": Substrate, "flaws": Flaws,
    "beam": Beam, "scan": Scan, "detector": Detector, "display": Display, "publication": Publication,
    "lettering": Lettering,
}  # fmt: skip
"""Sections of a recipe and what they describe."""
NUMBER = ("count", "coverage", "density_per_um2")
"""Keys of [specimen] of which a recipe has one: naming another takes away what the base says."""
SIZE = ("d_g_nm", "d_g_px", "nm_per_px")
"""Keys of which a recipe has two: the third follows."""
WORDS = {"arrangement": get_args(Arrangement), "other": tuple(OTHERS)}
"""Keys that have one of these words."""
SHARES = {
    "cube_share", "template_share", "other_share", "shadow", "sunk", "filled", "max_overlap", "truncation", "shell",
    "shell_level", "side_gain", "roughness", "grain", "tilt_gain", "relief", "mottle", "slip", "warp",
}  # fmt: skip
"""Keys of [specimen], [crowd], [habit] and [material] that are at most 1."""
LIMITS = {
    ("specimen", "d_g_nm"): (0.1, 1e6), ("specimen", "d_g_px"): (4, 600), ("specimen", "nm_per_px"): (1e-3, 1e4),
    ("specimen", "sigma_g"): (1, 3), ("specimen", "coverage"): (0, 20), ("specimen", "density_per_um2"): (0, 1e7),
    ("specimen", "count"): (0, 1e5), ("crowd", "cluster_size"): (1, 1e4), ("crowd", "gap_px"): (0, 50),
    ("habit", "roundness"): (0, 0.9), ("habit", "concavity"): (0, 0.3), ("habit", "irregularity"): (0, 0.2),
    ("habit", "elongation"): (1, 3), ("habit", "oblong"): (1, 3), ("habit", "facets"): (0, 60),
    ("material", "edge_width"): (1e-3, 10),
    ("material", "spread"): (0, 2), ("material", "level"): (0.01, 2), ("substrate", "grain_px"): (0.3, 200),
    ("substrate", "rolled"): (1, 100), ("flaws", "size_px"): (1, 300), ("beam", "sigma_px"): (0, 50),
    ("beam", "astigmatism"): (1, 10), ("beam", "defocus_px"): (0, 50), ("scan", "dwell_us"): (0.01, 1e4),
    ("scan", "frames"): (1, 1000), ("scan", "vibration_px"): (0, 50), ("scan", "drift_x_px"): (-200, 200),
    ("scan", "drift_y_px"): (-200, 200), ("scan", "streaks"): (0, 1), ("scan", "charging"): (-1, 1),
    ("scan", "charging_px"): (1, 1000), ("scan", "halo"): (0, 1), ("detector", "electrons_per_us"): (0.1, 1e6),
    ("detector", "response_us"): (0, 10), ("display", "contrast"): (0.05, 20), ("display", "brightness"): (-2, 2),
    ("display", "gamma"): (0.1, 10), ("publication", "rescale"): (0.1, 1), ("publication", "jpeg_quality"): (0, 100),
    ("lettering", "databar"): (0, 0.4),
}  # fmt: skip
"""Least and greatest value of a control; where none is stated from 0 to 10,000."""
Table = dict[tuple[str, str], Range]


@dataclass(frozen=True)
class Recipe:
    """Ranges of all controls.

    Attributes:
        name: of the file, without folder and ending.
        ranges: (section, key) -> what to draw it from; what is not there keeps its default.
        variants: name -> (share of the pictures, ranges that replace those of the same key).
    """

    name: str
    ranges: Table
    variants: Mapping[str, tuple[float, Table]]


def read_recipe(source: str | Path) -> Recipe:
    """The shipped recipe of that name, or the one in that file.

    Raises:
        RecipeError: naming file and key, and what was expected there.
    """
    path = SHIPPED / f"{source}.toml" if str(source) in shipped_recipes() else Path(source)
    try:
        tables = msgspec.toml.decode(path.read_bytes())
    except OSError as error:
        shipped = ", ".join(shipped_recipes())
        raise RecipeError(f"{source}: neither a file that can be read nor one of the recipes {shipped}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: not a TOML file: {error}") from error
    base = tables.pop("base", None)
    variants = tables.pop("variant", {})
    if not (base is None or base in shipped_recipes()):
        raise RecipeError(f"{path}: base {base!r} is not one of the recipes {', '.join(shipped_recipes())}")
    first = Recipe("", {}, {}) if base is None else read_recipe(base)
    mixed_in = _table(tables, str(path))
    if not isinstance(variants, dict):
        raise RecipeError(f"{path}: variant is {variants!r}, expected tables as in [variant.transmission]")
    own = {name: _variant(part, f"{path}: variant.{name}") for name, part in variants.items()}
    # What a recipe says itself holds for the variants that it inherits, too.
    inherited = {name: (share, _without(ranges, mixed_in)) for name, (share, ranges) in first.variants.items()}
    all_variants = {**inherited, **own}
    if sum(share for share, _ in all_variants.values()) > 1 + 1e-9:
        raise RecipeError(f"{path}: the shares of the variants come to more than 1")
    return Recipe(path.stem, _over(first.ranges, mixed_in), all_variants)


@lru_cache(maxsize=1)
def shipped_recipes() -> tuple[str, ...]:
    """Names of the recipes that come with nanotally."""
    return tuple(sorted(path.stem for path in SHIPPED.glob("*.toml")))


def _variant(part: Any, where: str) -> tuple[float, Table]:
    share = part.get("share") if isinstance(part, dict) else None
    if not isinstance(share, (int, float)) or not 0 <= share <= 1:
        raise RecipeError(f"{where}: expected a table with share = a number from 0 to 1")
    return float(share), _table({name: table for name, table in part.items() if name != "share"}, where)


def _table(tables: Mapping[str, Any], where: str) -> Table:
    ranges: Table = {}
    for section, keys in tables.items():
        if section not in SECTIONS:
            raise RecipeError(f"{where}: there is no section {_nearest(section, SECTIONS)}")
        if not isinstance(keys, dict):
            raise RecipeError(f"{where}: {section} is {keys!r}, expected a table [{section}]")
        known = _controls(section)
        for key, value in keys.items():
            if key not in known:
                raise RecipeError(f"{where}: [{section}] has no key {_nearest(key, known)}")
            ranges[section, key] = parse_range(value, known[key], f"{where}: {section}.{key}")
    for group, most in ((NUMBER, 1), (SIZE, 2)):
        given = [f"specimen.{key}" for key in group if ("specimen", key) in ranges]
        if len(given) > most:
            raise RecipeError(f"{where}: {' and '.join(given)} exclude one another; say {most} of them")
    return ranges


def _nearest(name: str, known: Mapping[str, Any]) -> str:
    close = get_close_matches(name, known, n=1)
    return f"{name!r}; did you mean {close[0]}?" if close else f"{name!r}; there are {', '.join(known)}"


@lru_cache(maxsize=len(SECTIONS))
def _controls(section: str) -> dict[str, Control]:
    """The keys of a section."""
    kinds = {
        each.name: float if each.default is None else type(each.default)
        for each in fields(SECTIONS[section])
        if each.default is not MISSING
    }
    if section == "specimen":
        kinds["d_g_px"] = float
    return {key: _control(section, key, kind) for key, kind in kinds.items()}


def _control(section: str, key: str, kind: type) -> Control:
    if kind in (bool, str):
        return Control(kind, WORDS.get(key, ()))
    highest = 1.0 if key in SHARES and section != "substrate" else Control.high
    low, high = LIMITS.get((section, key), (Control.low, highest))
    return Control(kind, (), low, high)


def _over(base: Table, top: Table) -> Table:
    """The table `base` with `top` laid over it."""
    return {**_without(base, top), **top}


def _without(base: Table, top: Table) -> Table:
    """The table `base` without what `top` says, or says in another measure."""
    gone = set(top)
    if any(("specimen", key) in top for key in NUMBER):
        gone |= {("specimen", key) for key in NUMBER}
    if all(("specimen", key) in {*base, *top} for key in SIZE):
        gone.add(next(("specimen", key) for key in SIZE if ("specimen", key) not in top))
    return {place: value for place, value in base.items() if place not in gone}


def sample(recipe: Recipe, rng: Generator) -> tuple[Specimen, str]:
    """A specimen drawn from the recipe, and the name of its variant ("" for none)."""
    chosen, dice, ranges = "", rng.random(), recipe.ranges
    for name, (share, table) in recipe.variants.items():
        if dice < share:
            chosen, ranges = name, _over(ranges, table)
            break
        dice -= share
    drawn: dict[str, dict[str, Any]] = {section: {} for section in SECTIONS}
    seed = int(rng.integers(2**63))
    for (section, key), each in ranges.items():
        # A stream of its own for every control: what one is drawn from does not change what is drawn for the others.
        own = np.random.default_rng((seed, crc32(f"{section}.{key}".encode())))
        drawn[section][key] = each.draw(own)
    return _specimen(drawn), chosen


def _specimen(drawn: dict[str, dict[str, Any]]) -> Specimen:
    parts = {section: SECTIONS[section](**values) for section, values in drawn.items() if section != "specimen"}
    own = drawn["specimen"]
    if "d_g_px" in own:
        size_px = own.pop("d_g_px")
        if "d_g_nm" in own:
            own["nm_per_px"] = own["d_g_nm"] / size_px
        else:
            own["d_g_nm"] = size_px * own.get("nm_per_px", Specimen.nm_per_px)
    chain = {name: parts.pop(name) for name in ("beam", "scan", "detector", "display", "publication")}
    return Specimen(**own, **parts, imaging=Imaging(**chain))
