"""What a running daemon keeps beside its messages, and the verbs that ask for it."""

import runpy
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from kept import frame_of, told_of
from source_parts import until

from nanotally.daemon.config import Config, ControlConfig, MetricsConfig, PublishConfig, SourceConfig
from nanotally.daemon.harvest.settings import HarvestConfig
from nanotally.daemon.keeping import Keeping
from nanotally.daemon.orders import carry_out
from nanotally.daemon.recording.facts import read_facts
from nanotally.daemon.recording.reader import read_recording
from nanotally.daemon.recording.settings import RecordingConfig
from nanotally.daemon.service import Service
from nanotally.detections import CLASSES
from nanotally.errors import ConfigError, NanotallyError, SourceError
from nanotally.micrograph import read_micrograph
from nanotally.opencv import cv2

StandIn = runpy.run_path(str(Path(__file__).with_name("stand_in_daemon.py")))["StandIn"]
ANY_PORT = "tcp://127.0.0.1:*"


def config_of(tmp: Path, uri: str = "sim:", **limits: float) -> Config:
    return Config(
        source={"main": SourceConfig(uri=uri)},
        publish=PublishConfig(endpoint=ANY_PORT),
        control=ControlConfig(endpoint=ANY_PORT),
        metrics=MetricsConfig(enabled=False),
        recording=RecordingConfig(directory=str(tmp / "kept"), **{"keep_free_mb": 0.0, **limits}),
    )


@pytest.fixture
def keeping(tmp_path: Path) -> Iterator[Keeping]:
    made = Keeping(config_of(tmp_path), classes=CLASSES)
    yield made
    made.close()


def take(keeping: Keeping, *numbers: int) -> None:
    for number in numbers:
        keeping.take(frame_of(number), told_of(frame_of(number)))


def test_recording_holds_the_frames_between_start_and_stop(keeping: Keeping, tmp_path: Path) -> None:
    take(keeping, 0, 1)
    started = keeping.start_recording("main", stills=True)
    take(keeping, 2, 3)
    stopped = keeping.stop_recording("main")
    take(keeping, 4)
    folder = Path(started["place"])
    assert folder.parent == tmp_path / "kept" / "sem"
    assert stopped == {"place": str(folder), "frames": 2, "missed": 0}
    assert [recorded.told.frame for recorded in read_recording(folder)] == [2, 3]
    assert read_facts(folder).stills


def test_full_recording_makes_room_for_another(tmp_path: Path) -> None:
    keeping = Keeping(config_of(tmp_path, most_s=1.5), classes=CLASSES)
    first = keeping.start_recording("main", stills=False)
    take(keeping, 0, 1, 2)
    assert until(lambda: keeping.recorders["main"].ended is not None)
    take(keeping, 3)
    second = keeping.start_recording("main", stills=False)
    take(keeping, 4)
    keeping.close()
    assert [len(list(read_recording(Path(each["place"])))) for each in (first, second)] == [2, 1]
    end = read_facts(Path(second["place"])).end
    assert end is not None
    assert end.why == "the daemon stopped"


def test_snapshot_shows_the_last_frame(keeping: Keeping) -> None:
    with pytest.raises(SourceError, match="source main: there was no frame yet"):
        keeping.snapshot("main")
    take(keeping, 0, 1)
    answers = [keeping.snapshot("main") for _ in range(2)]
    keeping.close()
    assert len({answer["place"] for answer in answers}) == 2
    for answer in answers:
        assert (answer["frame"], answer["state"], answer["counts"]) == (1, "live", {"cube": 0, "quasi_sphere": 0})
        np.testing.assert_array_equal(read_micrograph(f"{answer['place']}.tif").image, frame_of(1).image)
        assert Path(f"{answer['place']}.csv").is_file()


def test_what_cannot_be_done_is_one_line(keeping: Keeping, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="is not being recorded"):
        keeping.stop_recording("main")
    keeping.start_recording("main", stills=False)
    with pytest.raises(SourceError, match="is being recorded into"):
        keeping.start_recording("main", stills=False)
    take(keeping, 0)
    keeping.config = replace(keeping.config, recording=RecordingConfig())
    with pytest.raises(ConfigError, match=r"recording\.directory is not set"):
        keeping.snapshot("main")
    (tmp_path / "file").write_text("no folder")
    keeping.config = replace(keeping.config, recording=RecordingConfig(directory=str(tmp_path / "file")))
    with pytest.raises(ConfigError, match="Not a directory"):
        keeping.snapshot("main")


def test_snapshots_that_wait_are_bounded(keeping: Keeping, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    take(keeping, 0)
    monkeypatch.setattr(keeping._snapshots, "offer", lambda job: False)
    with pytest.raises(SourceError, match="4 snapshots wait for the disk; ask again later"):
        keeping.snapshot("main")
    assert list((tmp_path / "kept" / "sem" / "snapshots").iterdir()) == []


def test_state_directory_of_systemd_is_where_recordings_go(monkeypatch: pytest.MonkeyPatch) -> None:
    assert RecordingConfig().folder is None
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/nanotally/sem:/other")
    assert RecordingConfig().folder == Path("/var/lib/nanotally/sem/recordings")
    assert RecordingConfig(directory="/a").folder == Path("/a")


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A daemon whose feed has six pictures, none of which it has looked at yet."""
    (tmp_path / "in").mkdir()
    for number in range(6):
        image = np.random.default_rng(number).integers(0, 255, (48, 64), np.uint8)
        image[0, 0] = number
        cv2.imwrite(str(tmp_path / "in" / f"{number}.png"), image)
    config = config_of(tmp_path, f"dir:{tmp_path / 'in'}")
    made = Service(replace(config, harvest=HarvestConfig(directory=str(tmp_path / "har"), every_s=0)), StandIn)
    made.startup()
    yield made
    made.shutdown()


def test_verbs_reach_the_keeping(service: Service, tmp_path: Path) -> None:
    def ask(verb: str, **args: str) -> dict[str, dict[str, dict[str, object]]]:
        return carry_out(service.desk, verb, args)[0]

    started = ask("record-start")["recordings"]["main"]
    with pytest.raises(NanotallyError, match="it is being recorded; record-stop ends that"):
        ask("record-start", source="main")
    service.main_loop()
    shown = ask("snapshot", source="main")["snapshots"]["main"]
    stopped = ask("record-stop")["recordings"]["main"]
    with pytest.raises(NanotallyError, match="nothing is being recorded"):
        ask("record-stop")
    assert (shown["frame"], stopped["frames"], stopped["place"]) == (5, 6, started["place"])
    read = list(read_recording(Path(str(stopped["place"]))))
    assert [(r.told.file, sum((r.told.counts or {}).values())) for r in read] == [(f"{i}.png", i) for i in range(6)]
    service.keeping.close()
    assert (tmp_path / "har" / "sem" / "groups.csv").is_file()  # six particles in one box are doubtful
