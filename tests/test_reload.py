"""The configuration read again while the daemon runs: SIGHUP, and the verb."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from control_desk import Rig, config_of, rig
from stand_in_daemon import MANIFEST, StandIn
from waiting import WAIT_S, until

from nanotally.bundle import Bundle, Manifest
from nanotally.daemon.config import Config, ModelConfig, PublishConfig
from nanotally.detect import DetectSettings
from nanotally.errors import BundleError, ConfigError
from nanotally.wire import DetectionsMessage, Subscriber

SCRIPT = Path(__file__).with_name("stand_in_daemon.py")


class File:
    """A configuration file, as the daemon reads it; a model of that name with classes of its own, or none."""

    def __init__(self) -> None:
        self.config = config_of()
        self.made: list[StandIn] = []

    def read(self) -> Config:
        if isinstance(self.config, Exception):
            raise self.config
        return self.config

    def detector(self, config: Config) -> StandIn:
        if config.model.bundle == "broken":
            raise BundleError("broken: no manifest.json here")
        made = StandIn(config)
        if config.model.bundle:
            made.bundle = Bundle(Path(), other_model(config.model.bundle))
            made.adopt(config.detect)
        self.made.append(made)
        return made


def other_model(name: str) -> Manifest:
    thresholds = {"cube": 0.5, "rod": 0.5}
    return msgspec.structs.replace(MANIFEST, name=name, classes=tuple(thresholds), thresholds=thresholds)


@pytest.fixture
def file() -> File:
    return File()


@pytest.fixture
def made(file: File, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    # The model of a stand-in lies nowhere; it is another one where the configuration names another.
    monkeypatch.setattr("nanotally.daemon.desk.load_bundle", lambda _path: Bundle(Path(), MANIFEST))
    with rig(file.config, monkeypatch, make_detector=file.detector, reread=file.read) as running:
        yield running


def test_thresholds_and_regions_change_below_what_was_set(made: Rig, file: File) -> None:
    before = made.frame()
    made.ask("set", source__main__nm_per_px=7)
    file.config = replace(config_of(roi=(4, 4, 40, 40), nm_per_px=3.0), detect=DetectSettings(score=0.3))
    answer = made.ask("reload")
    assert answer["changed"] == ["detect.score", "source.main.roi"]
    assert (answer["set_over"], answer["needs_restart"]) == (["source.main.nm_per_px"], [])
    told = made.frame()
    assert (told.roi, told.nm_per_px) == ((4, 4, 40, 40), (7.0, 7.0))
    assert told.thresholds["cube"] == pytest.approx(0.3)
    assert told.settings_sha256 != before.settings_sha256
    made.ask("unset", keys=["source"])
    assert made.frame().nm_per_px == (3.0, 3.0)
    assert len(file.made) == 1


def test_what_needs_a_new_start_is_named_and_left(made: Rig, file: File, caplog: pytest.LogCaptureFixture) -> None:
    file.config = replace(config_of(None, "main", "second"), publish=PublishConfig(endpoint="ipc:///tmp/elsewhere"))
    assert made.ask("reload")["needs_restart"] == ["publish.endpoint", "source.second"]
    assert "a new start is needed for publish.endpoint, source.second" in caplog.text
    assert list(made.service.channels) == ["main"]
    assert made.frame().counts is not None


def test_another_model_takes_over_with_its_classes(made: Rig, file: File) -> None:
    before = made.frame()
    made.ask("set", detect__thresholds__quasi_sphere=0.8)
    file.config = replace(config_of(), model=ModelConfig(bundle="second"))
    assert made.ask("reload")["changed"] == ["detect.thresholds.quasi_sphere", "model.bundle"]
    told = made.frame()
    assert (told.model.name, told.classes) == ("second", ("cube", "rod"))
    assert (told.group, told.settings_sha256 != before.settings_sha256) == (before.group + 1, True)
    first, second = file.made
    assert first.engine.closed  # type: ignore[attr-defined]
    assert not second.engine.closed  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "fault",
    [
        ConfigError("sem.toml: unknown key detect.scor; did you mean detect.score?"),
        replace(config_of(nm_per_px=9.0), model=ModelConfig(bundle="broken")),
        replace(config_of(nm_per_px=9.0), detect=DetectSettings(thresholds={"rod": 0.5})),
        RuntimeError("a driver that fails"),
    ],
)
def test_a_fault_leaves_everything_as_it_was(
    made: Rig, file: File, fault: Exception | Config, caplog: pytest.LogCaptureFixture
) -> None:
    before = made.frame()
    file.config = fault  # type: ignore[assignment]
    made.service.desk.reload()
    after = made.frame()
    assert (after.settings_sha256, after.nm_per_px, after.model) == (before.settings_sha256, None, before.model)
    assert [record.levelname for record in caplog.records if record.message.startswith("reload")] == ["ERROR"]
    assert not file.made[0].engine.closed  # type: ignore[attr-defined]


def test_a_daemon_reads_its_file_again_at_a_sighup(tmp_path: Path) -> None:
    config = tmp_path / "sem.toml"

    def write(more: str) -> None:
        sockets = "".join(f'[{name}]\nendpoint = "ipc://{tmp_path}/{name}"\n' for name in ("publish", "control"))
        source = f'[source.main]\nuri = "sim:?width=96&height=64&particles=3&fps=50"\n{more}'
        config.write_text(f"{source}{sockets}[metrics]\nenabled = false\n")

    write("")
    process = subprocess.Popen([sys.executable, str(SCRIPT), str(config)], stderr=subprocess.PIPE, text=True)
    try:
        with Subscriber(f"ipc://{tmp_path}/publish", kinds=("detections",)) as subscriber:
            is_told = lambda item: isinstance(item, DetectionsMessage)  # noqa: E731
            until(subscriber, is_told)
            write("nm_per_px = 4\n")
            process.send_signal(signal.SIGHUP)
            first = until(subscriber, lambda item: is_told(item) and item.nm_per_px == (4.0, 4.0))[-1]
            write("nm_per_px = -4\n")
            process.send_signal(signal.SIGHUP)
            items = [first, *(until(subscriber, is_told)[-1] for _ in range(20))]
        assert len({item.settings_sha256 for item in items if isinstance(item, DetectionsMessage)}) == 1
        process.terminate()
        _, said = process.communicate(timeout=WAIT_S)
    finally:
        process.kill()
        process.wait(WAIT_S)
    assert process.returncode == 0
    assert "reloaded; changed: source.main.nm_per_px" in said
    assert "reload: " in said
    assert "Expected `float` > 0" in said
