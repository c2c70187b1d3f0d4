import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nanotally.bundle import MANIFEST, MODEL, SHIPPED, Manifest, load_bundle, save_manifest, sha256
from nanotally.errors import BundleError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A bundle whose files agree; its network is a few bytes, because nothing here runs it."""
    (tmp_path / MODEL).write_bytes(b"a network")
    manifest = Manifest(
        schema=1,
        name="trial",
        sha256=sha256(tmp_path / MODEL),
        classes=("cube", "quasi_sphere"),
        input_size_px=416,
        thresholds={"cube": 0.3, "quasi_sphere": 0.4},
    )
    save_manifest(tmp_path, manifest)
    return tmp_path


def change(folder: Path, **keys: Any) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps(manifest | keys))


def test_what_was_saved_is_loaded(folder: Path) -> None:
    bundle = load_bundle(str(folder))
    assert bundle.manifest.classes == ("cube", "quasi_sphere")
    assert bundle.manifest.thresholds == {"cube": 0.3, "quasi_sphere": 0.4}
    assert bundle.onnx.read_bytes() == b"a network"
    save_manifest(folder, bundle.manifest)
    assert load_bundle(folder) == bundle


def test_a_key_from_a_later_version_is_ignored(folder: Path) -> None:
    change(folder, colour="grey")
    assert load_bundle(folder).manifest.name == "trial"


def test_a_manifest_from_before_there_were_precisions_is_of_fp32(folder: Path) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    assert manifest.pop("precision") == "fp32"
    (folder / MANIFEST).write_text(json.dumps(manifest))
    assert load_bundle(folder).manifest.precision == "fp32"
    change(folder, precision="int8")
    assert load_bundle(folder).manifest.precision == "int8"


def lose(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def say(**keys: Any) -> Callable[[Path], None]:
    return lambda folder: change(folder, **keys)


def write(name: str, content: bytes) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        (folder / name).write_bytes(content)

    return damage


DAMAGE: dict[str, tuple[Callable[[Path], None], str]] = {
    "no network": (lose(MODEL), "no model.onnx here"),
    "no manifest": (lose(MANIFEST), "no manifest.json here"),
    "network changed": (write(MODEL, b"a netw0rk"), "was changed or damaged"),
    "network cut short": (write(MODEL, b""), "was changed or damaged"),
    "manifest cut short": (write(MANIFEST, b'{"schema": 1, "na'), "manifest.json: "),
    "manifest is not text": (write(MANIFEST, b"\xff\xfe\x00"), "manifest.json: "),
    "manifest is no object": (write(MANIFEST, b"[]"), "manifest.json: "),
    "later schema": (say(schema=2), "schema 2, this version reads 1"),
    "threshold missing": (say(thresholds={"cube": 0.3}), "no threshold for class quasi_sphere"),
    "threshold is a word": (say(thresholds={"cube": "low", "quasi_sphere": 0.4}), "thresholds"),
    "unknown precision": (say(precision="fp8"), "precision"),
    "unknown head": (say(head="darknet"), "head"),
    "size is a word": (say(input_size_px="large"), "input_size_px"),
}


@pytest.mark.parametrize(("damage", "says"), DAMAGE.values(), ids=DAMAGE.keys())
def test_a_damaged_bundle_is_one_clear_line(folder: Path, damage: Callable[[Path], None], says: str) -> None:
    damage(folder)
    with pytest.raises(BundleError) as caught:
        load_bundle(folder)
    message = str(caught.value)
    assert says in message
    assert message.startswith(str(folder)), "the message names the place"
    assert "\n" not in message


@pytest.mark.parametrize("key", ["schema", "name", "sha256", "classes", "input_size_px", "thresholds"])
def test_a_missing_key_is_named(folder: Path, key: str) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    del manifest[key]
    (folder / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match=key):
        load_bundle(folder)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"nowhere: no manifest\.json here"):
        load_bundle(tmp_path / "nowhere")


@pytest.mark.parametrize(("name", "precision"), [("default", "fp32"), ("default-int8", "int8")])
def test_the_bundles_that_ship_are_whole_and_small_enough(name: str, precision: str) -> None:
    bundle = load_bundle(name)
    assert bundle.path == SHIPPED[name]
    assert bundle.manifest.precision == precision
    assert bundle.manifest.thresholds == load_bundle().manifest.thresholds
    assert bundle.manifest.classes == ("cube", "quasi_sphere")
    assert bundle.manifest.licence == "AGPL-3.0-or-later"
    assert bundle.manifest.trained_on
    assert bundle.onnx.stat().st_size <= 12_000_000
