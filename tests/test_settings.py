"""Keys laid over a configuration, and what of a new one a running daemon takes over."""

from dataclasses import replace
from pathlib import Path

import pytest

from nanotally.daemon.config import Config, ModelConfig, PublishConfig, SourceConfig
from nanotally.daemon.config_file import read_config
from nanotally.daemon.settings import differences, overlaid, settable, taken_over, values
from nanotally.detect import DetectSettings
from nanotally.errors import ConfigError

CLASSES = ("cube", "quasi_sphere")
OLD = Config(source={"a": SourceConfig(uri="sim:", nm_per_px=2.0), "b": SourceConfig(uri="sim:?seed=2")})


def test_every_key_that_can_be_set_has_a_value() -> None:
    assert values(OLD, CLASSES).keys() == settable(OLD, CLASSES).keys()
    assert values(OLD, CLASSES)["source.a.nm_per_px"] == 2.0


def test_values_are_laid_over_and_the_configuration_stays_as_it_was() -> None:
    new = overlaid(OLD, {"detect.thresholds.cube": 0.6, "source.b.masks": [[0, 0, 5, 5]]}, CLASSES)
    assert (new.detect.thresholds, new.source["b"].masks) == ({"cube": 0.6}, ((0, 0, 5, 5),))
    assert (OLD.detect.thresholds, OLD.source["b"].masks) == ({}, ())
    assert differences(OLD, new) == ["detect.thresholds.cube", "source.b.masks"]
    assert overlaid(OLD, {}, CLASSES) == OLD


def test_a_key_is_named_with_what_is_wrong() -> None:
    with pytest.raises(ConfigError, match=r"^source\.a\.roi: Expected `array \| null`, got `int`$"):
        overlaid(OLD, {"source.a.roi": 3}, CLASSES)


def test_a_configuration_that_was_read_is_like_one_that_was_made(tmp_path: Path) -> None:
    path = tmp_path / "sem.toml"
    path.write_text('[source.a]\nuri = "sim:"\nnm_per_px = 2\n[source.b]\nuri = "sim:?seed=2"\n')
    read = read_config(path)
    assert differences(OLD, read) == differences(read, taken_over(read, OLD)) == []
    assert values(read, CLASSES) == values(OLD, CLASSES)


def test_only_model_settings_and_regions_are_taken_over() -> None:
    new = Config(
        instance="other",
        source={"a": SourceConfig(uri="dir:/data", nm_per_px=3.0), "c": SourceConfig(uri="sim:")},
        model=ModelConfig(bundle="/m"),
        detect=DetectSettings(score=0.4),
        publish=PublishConfig(endpoint="tcp://127.0.0.1:6000"),
    )
    running = taken_over(OLD, new)
    assert differences(OLD, running) == ["detect.score", "model.bundle", "source.a.nm_per_px"]
    assert differences(running, new) == ["instance", "publish.endpoint", "source.a.uri", "source.b", "source.c"]
    assert running.source["b"] == OLD.source["b"]
    assert taken_over(OLD, replace(OLD)) == OLD
