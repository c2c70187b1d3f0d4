"""Recipes: what they say is drawn, and what they cannot say is told."""

from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nanotally.errors import RecipeError
from nanotally.generator.bodies import Habit, Material
from nanotally.generator.imaging import Beam, Detector, Display, Publication, Scan
from nanotally.generator.ranges import Choice, Constant, Control, LogUniform, Sometimes, Uniform, parse_range
from nanotally.generator.recipe import SECTIONS, read_recipe, sample, shipped_recipes
from nanotally.generator.sites import Crowd
from nanotally.generator.specimen import Specimen
from nanotally.generator.substrate import Flaws, Substrate

PAGES = [Path(__file__).parent.parent / "docs" / name for name in ("generator.md", "recipes.md")]
NUMBER = Control(float)


def recipe(folder: Path, text: str):
    path = folder / "recipe.toml"
    path.write_text(text, encoding="utf-8")
    return read_recipe(path)


@pytest.mark.parametrize(
    ("value", "control", "expected"),
    [
        (3, NUMBER, Constant(3.0)),
        ([1, 2.5], NUMBER, Uniform(1.0, 2.5)),
        ([1, 3], Control(int), Uniform(1, 3, whole=True)),
        ({"log": [1, 10]}, NUMBER, LogUniform(1.0, 10.0)),
        ({"choice": [1, 2], "weights": [1, 3]}, NUMBER, Choice((1.0, 2.0), (0.25, 0.75))),
        ({"choice": ["a"]}, Control(str, ("a", "b")), Choice(("a",), (1.0,))),
        ({"share": 0.5, "of": [1, 2]}, NUMBER, Sometimes(0.5, Uniform(1.0, 2.0), 0.0)),
        ({"share": 0.5, "of": True}, Control(bool), Sometimes(0.5, Constant(True), False)),
        ({"share": 0.5, "of": {"log": [1, 2]}, "else": 7}, NUMBER, Sometimes(0.5, LogUniform(1.0, 2.0), 7.0)),
    ],
)
def test_ranges_are_read(value: object, control: Control, expected: object) -> None:
    assert parse_range(value, control, "here") == expected


@pytest.mark.parametrize(
    ("value", "control", "words"),
    [
        ("x", NUMBER, "a number from 0 to 10000"), (True, NUMBER, "a number"), (1.5, Control(int), "a whole number"),
        ([1], NUMBER, "range of two"), ([2, 1], NUMBER, "smaller number first"),
        ([1, 2], Control(bool), "true or false"),
        (-1, NUMBER, "from 0"), (float("nan"), NUMBER, "a number"), ({"log": [0, 1]}, NUMBER, "above 0"),
        ({"log": [1, 2]}, Control(int), "no range"), ({"choice": []}, NUMBER, "a list"),
        ({"choice": [1], "weights": [0]}, NUMBER, "numbers above 0"), ({"share": 2, "of": 1}, NUMBER, "share"),
        ({"share": 0.5}, NUMBER, "no range"), ("c", Control(str, ("a", "b")), "one of a, b"),
        (None, NUMBER, "a number"),
    ],
)  # fmt: skip
def test_what_is_no_range_is_told(value: object, control: Control, words: str) -> None:
    with pytest.raises(RecipeError, match="here: ") as caught:
        parse_range(value, control, "here")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@given(low=st.floats(0.01, 10), width=st.floats(0, 10), seed=st.integers(0, 99))
def test_draws_lie_in_their_range(low: float, width: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for each in (Uniform(low, low + width), LogUniform(low, low + width)):
        assert low * (1 - 1e-12) <= each.draw(rng) <= (low + width) * (1 + 1e-12)


def test_each_order_of_magnitude_is_drawn_equally_often_and_each_whole_number() -> None:
    rng = np.random.default_rng(0)
    logs = np.log10([LogUniform(1, 1000).draw(rng) for _ in range(4000)])
    assert np.histogram(logs, bins=3, range=(0, 3))[0] / 4000 == pytest.approx([1 / 3] * 3, abs=0.03)
    whole = [Uniform(1, 3, whole=True).draw(rng) for _ in range(3000)]
    assert np.bincount(whole)[1:] / 3000 == pytest.approx([1 / 3] * 3, abs=0.04)
    some = [Sometimes(0.25, Constant(1.0), 0.0).draw(rng) for _ in range(4000)]
    assert np.mean(some) == pytest.approx(0.25, abs=0.03)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[beams]", "did you mean beam?"), ("[beam]\nsigma = 1", "no key 'sigma'; did you mean sigma_px?"),
        ("beam = 1", "expected a table [beam]"), ("a =", "not a TOML file"),
        ('base = "mine"', "one of the recipes sem"),
        ("[specimen]\ncount = 3\ncoverage = 0.1", "say 1"), ("variant = 3", "expected tables"),
        ("[specimen]\nd_g_nm = 3\nd_g_px = 10\nnm_per_px = 1", "say 2"), ("[variant.a]\nscan = 1", "share = a number"),
        ('[crowd]\narrangement = "heap"', "one of scattered"),
        ("[variant.a]\nshare = 0.7\n[variant.b]\nshare = 0.7", "more"),
        ("[habit]\ntruncation = 1.5", "from 0 to 1"), ("[scan]\ndwell_us = 0", "from 0.01"),
    ],
)  # fmt: skip
def test_a_recipe_that_cannot_be_followed_is_told_with_file_and_key(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(RecipeError) as caught:
        recipe(tmp_path, text)
    assert str(caught.value).startswith(str(tmp_path / "recipe.toml"))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@settings(max_examples=60)
@given(content=st.binary(max_size=60) | st.text(max_size=80).map(str.encode))
def test_any_bytes_are_a_recipe_or_a_clear_error(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("any") / "recipe.toml"
    path.write_bytes(content)
    with suppress(RecipeError):
        sample(read_recipe(path), np.random.default_rng(0))


def test_a_recipe_says_what_differs_from_its_base(tmp_path: Path) -> None:
    mine = recipe(
        tmp_path,
        'base = "sem"\n[specimen]\ndensity_per_um2 = 9\nd_g_nm = 50\nnm_per_px = 2\n[material]\nlevel = 0.3\n'
        "[variant.backscattered]\nshare = 0.0\n[variant.live]\nshare = 0.0\n"
        "[variant.transmission]\nshare = 1.0\nbeam = {sigma_px = 1.5}\n",
    )
    for seed in range(20):
        specimen, variant = sample(mine, np.random.default_rng(seed))
        assert variant == "transmission"
        assert (specimen.density_per_um2, specimen.coverage, specimen.count) == (9, None, None)
        assert (specimen.d_g_nm, specimen.d_g_px) == (50, 25)
        assert specimen.material.level == 0.3
        assert specimen.imaging.beam.sigma_px == 1.5


def test_what_a_recipe_says_holds_for_inherited_variants(tmp_path: Path) -> None:
    mine = recipe(tmp_path, 'base = "sem"\n[material]\nlevel = 0.3\n[crowd]\narrangement = "piled"\n')
    drawn = [sample(mine, np.random.default_rng(seed)) for seed in range(120)]
    assert {variant for _, variant in drawn} == {"", "backscattered", "live", "transmission"}
    assert {specimen.material.level for specimen, _ in drawn} == {0.3}
    assert {specimen.crowd.arrangement for specimen, _ in drawn} == {"piled"}


def test_changing_one_range_changes_nothing_else(tmp_path: Path) -> None:
    mine = recipe(tmp_path, 'base = "sem"\n[beam]\nsigma_px = 1.0\n[habit]\nfacets = { share = 0.9, of = [12, 13] }\n')
    for seed in range(20):
        (one, variant), (other, same) = (
            sample(each, np.random.default_rng(seed)) for each in (read_recipe("sem"), mine)
        )
        assert variant == same
        assert one.material == other.material
        assert (one.crowd, one.imaging.scan, one.d_g_nm) == (other.crowd, other.imaging.scan, other.d_g_nm)
        assert replace(one.habit, facets=0) == replace(other.habit, facets=0)


def test_an_empty_recipe_is_all_defaults(tmp_path: Path) -> None:
    assert asdict(sample(recipe(tmp_path, ""), np.random.default_rng(0))[0]) == asdict(Specimen())


@pytest.mark.parametrize("name", shipped_recipes())
def test_shipped_recipes_vary_what_they_name(name: str) -> None:
    shipped = read_recipe(name)
    drawn = [sample(shipped, np.random.default_rng(seed)) for seed in range(300)]
    for variant, (share, _) in shipped.variants.items():
        assert np.mean([chosen == variant for _, chosen in drawn]) == pytest.approx(share, abs=0.08)
    for part in ("crowd", "habit", "material", "substrate", "flaws", "lettering"):
        tables = [asdict(getattr(specimen, part)) for specimen, _ in drawn]
        for (section, key), each in shipped.ranges.items():
            if section == part and not isinstance(each, Constant):
                assert len({table[key] for table in tables}) > 1, (part, key)


@pytest.mark.parametrize(
    "settings", [Specimen, Crowd, Habit, Material, Substrate, Flaws, Beam, Scan, Detector, Display, Publication]
)
def test_the_pages_explain_every_control(settings: type) -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    parts = {*SECTIONS, "imaging"}
    assert [name for name in vars(settings()) if f"`{name}`" not in text and name not in parts] == []
