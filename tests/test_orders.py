"""What can be asked of a running daemon, and what it does to the frames that come."""

import dataclasses
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from control_desk import Rig, config_of, rig
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from source_parts import until

from nanotally.daemon import orders
from nanotally.daemon.recording.settings import RecordingConfig
from nanotally.errors import NanotallyError
from nanotally.wire import StatusMessage, Subscriber
from nanotally.wire.control import ControlClient

WAIT_S = 20.0


@pytest.fixture(autouse=True)
def _no_state_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    with rig(config_of(), monkeypatch) as running:
        yield running


def changes(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "sem" / "changes.jsonl").read_text().splitlines()]


def test_get_tells_everything_and_changes_nothing(made: Rig) -> None:
    made.frame()
    before = made.frame().settings_sha256
    told = made.ask("get")
    assert json.loads(json.dumps(told["settings"])) == {
        "detect.score": None,
        "detect.thresholds.cube": None,
        "detect.thresholds.quasi_sphere": None,
        "source.main.roi": None,
        "source.main.masks": [],
        "source.main.nm_per_px": None,
    }
    assert (told["instance"], told["set"], told["thresholds"]) == ("sem", {}, {"cube": 0.5, "quasi_sphere": 0.5})
    source = told["sources"]["main"]
    assert (source["state"], source["frame_state"], source["frames_processed"], source["session"]) == (
        "up",
        "live",
        2,
        None,
    )
    assert made.frame().settings_sha256 == before


def test_everybody_is_told_whether_a_recording_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    config = dataclasses.replace(config_of(), recording=RecordingConfig(directory=str(tmp_path), keep_free_mb=0.0))
    with rig(config, monkeypatch) as made, Subscriber(made.service.publisher.endpoint, kinds=["status"]) as subscriber:

        def told() -> bool:
            """By the next status, which is sent now."""
            made.service.heartbeat.send(made.service.channels["main"], "up")
            publisher, deadline_s = made.service.publisher, time.monotonic() + WAIT_S
            while time.monotonic() < deadline_s:
                publisher.answer_subscribers()
                item = subscriber.receive(0.1)
                if isinstance(item, StatusMessage) and item.origin.seq == publisher.sent("status", "main"):
                    return item.recording
            raise AssertionError("no status came")

        def asked() -> Any:
            return made.ask("get")["sources"]["main"]["recording"]

        assert (asked(), told()) == (None, False)
        place = made.ask("record-start")["recordings"]["main"]["place"]
        made.frame()
        assert (asked()["place"], told()) == (place, True)
        made.ask("record-stop")
        assert (asked(), told()) == (None, False)


def test_what_is_set_is_in_the_next_frame_and_unset_is_as_before(made: Rig) -> None:
    first = made.frame()
    made.ask("set", detect__score=0.4, detect__thresholds__cube=0.7)
    made.ask("set", source__main__roi=[4, 4, 40, 40], source__main__nm_per_px=3)
    changed = made.frame()
    assert changed.thresholds == {"cube": pytest.approx(0.7), "quasi_sphere": pytest.approx(0.4)}
    assert (changed.roi, changed.nm_per_px, changed.pixel_size_from) == ((4, 4, 40, 40), (3.0, 3.0), "config")
    assert changed.settings_sha256 == made.service.desk.settings_sha256["main"] != first.settings_sha256
    assert made.ask("unset", keys=["detect.thresholds"])["set"].keys() == {
        "detect.score",
        "source.main.roi",
        "source.main.nm_per_px",
    }
    made.ask("unset", keys=["detect", "source.main"])
    again = made.frame()
    assert (again.thresholds, again.roi, again.nm_per_px) == (first.thresholds, first.roi, first.nm_per_px)
    assert again.settings_sha256 == first.settings_sha256


def test_masks_are_in_force_with_the_frame_that_has_their_hash(made: Rig) -> None:
    assert sum((made.frame().counts or {}).values()) == 5
    made.ask("set", source__main__masks=[[0, 0, 20, 20]])
    masked = made.frame()
    assert (sum((masked.counts or {}).values()), len(masked.records)) == (0, 5)
    assert masked.settings_sha256 == made.service.desk.settings_sha256["main"]


def test_a_frame_that_waited_is_told_as_it_was_prepared(made: Rig) -> None:
    before = made.frame()
    made.script.show()
    channel = made.service.channels["main"]
    assert until(lambda: channel.feed.mailbox.holds)
    made.ask("set", source__main__roi=[4, 4, 40, 40])
    while channel.processed < 2:
        made.service.tick()
    after = made.frame()
    assert channel.processed == 3
    told = made._told.messages[-2]
    assert (told.roi, told.settings_sha256) == (before.roi, before.settings_sha256)
    assert after.roi == (4, 4, 40, 40)


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        ({"detect__scor": 0.4}, "detect.scor cannot be set; did you mean detect.score?"),
        ({"publish__endpoint": "x"}, "publish.endpoint cannot be set; there are detect.score, "),
        ({"detect__score": "high"}, "detect.score: Expected `float | null`, got `str`"),
        ({"detect__score": 1.5}, "score 1.5 must lie between 0 and 1"),
        ({"detect__thresholds__rod": 0.5}, "detect.thresholds.rod cannot be set; "),
        ({"detect__thresholds__cube": 0}, "thresholds.cube 0"),
        ({"source__other__roi": [0, 0, 9, 9]}, "did you mean source.main.roi?"),
        ({"source__main__roi": [9, 9, 0, 0]}, "source.main.roi: [9, 9, 0, 0] is no box"),
        ({"source__main__roi": [0, 0, 9]}, "source.main.roi: Expected `array` of length 4"),
        ({"source__main__roi": [64, 0, 99, 9]}, "lies outside the picture of 64 x 48 pixels"),
        ({"source__main__nm_per_px": 0}, "source.main.nm_per_px: Expected `float` > 0"),
        ({"source__main__masks": None}, "source.main.masks: Expected `array`"),
        ({"detect__score": 0.3, "source__main__nm_per_px": -1}, "source.main.nm_per_px"),
    ],
)
def test_what_cannot_be_set_is_refused_as_a_whole(made: Rig, args: dict[str, Any], complaint: str) -> None:
    before = made.frame()
    with pytest.raises(NanotallyError) as refused:
        made.ask("set", **args)
    assert complaint in str(refused.value)
    after = made.frame()
    assert (after.settings_sha256, after.thresholds) == (before.settings_sha256, before.thresholds)
    assert made.ask("get")["set"] == {}


@pytest.mark.parametrize(
    ("verb", "args", "complaint"),
    [
        ("session-strat", {}, "unknown verb 'session-strat'; did you mean session-start?"),
        ("", {}, "there are get, set, unset"),
        ("session-start", {}, "Object missing required field `sample`"),
        ("session-start", {"smple": "Au"}, "unknown argument 'smple'; did you mean sample?"),
        ("session-start", {"sample": "x" * 201}, "sample: Expected `str` of length <= 200"),
        ("session-start", {"sample": "Au", "source": "other"}, "no source 'other'; there are main"),
        ("session-stop", {}, "no session goes on"),
        ("reset-tracking", {"source": "other"}, "no source 'other'"),
        ("unset", {"keys": ["detect.score"]}, "detect.score was not set; nothing was"),
        ("unset", {}, "Object missing required field `keys`"),
        ("get", {"a": 1}, "unknown argument 'a'; there are none"),
    ],
)
def test_nonsense_is_refused_in_one_line(made: Rig, verb: str, args: dict[str, Any], complaint: str) -> None:
    with pytest.raises(NanotallyError) as refused:
        made.ask(verb, **args)
    assert complaint in str(refused.value)
    assert "\n" not in str(refused.value)


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
keys = st.sampled_from(["detect.score", "detect.thresholds.cube", "source.main.roi", "source.main.masks", "keys"])


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(sorted(orders.VERBS)) | st.text(max_size=9), st.dictionaries(keys | st.text(max_size=9), values))
def test_whatever_is_asked_the_next_frame_is_told(made: Rig, verb: str, args: dict[str, Any]) -> None:
    desk = made.service.desk
    answer = json.loads(desk._carry_out("1", verb, args, None))
    assert ("ok" in answer) != ("error" in answer)
    assert "failed" not in answer.get("error", "")
    assert made.frame().settings_sha256 == desk.settings_sha256["main"] == answer["settings_sha256"]["main"]


def test_a_fault_of_ours_in_a_verb_is_an_error_and_no_end(made: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_desk: object, _args: object) -> orders.Ok:
        raise ZeroDivisionError("oh")

    monkeypatch.setitem(orders.VERBS, "get", orders.Verb(fail, orders.Nothing))
    answer = json.loads(made.service.desk._carry_out("1", "get", {}, None))
    assert answer["error"] == "get failed: ZeroDivisionError: oh"
    assert made.frame().counts is not None


def test_a_new_pixel_size_or_a_word_begins_a_new_group(made: Rig) -> None:
    assert made.frame().group == 1
    made.ask("set", detect__score=0.6)
    assert made.frame().group == 1
    made.ask("set", source__main__nm_per_px=2)
    assert made.frame().group == 2
    assert made.ask("reset-tracking") == {"groups": {"main": 3}}
    assert made.frame().group == 3


def test_the_same_pixel_size_again_confirms_it(made: Rig) -> None:
    made.ask("set", source__main__nm_per_px=2)
    made.frame()
    made.service.channels["main"].calibration.holds = False  # as it is when the magnification has changed
    doubted = made.frame()
    made.ask("set", source__main__nm_per_px=2)
    confirmed = made.frame()
    assert (doubted.nm_per_px, confirmed.nm_per_px) == (None, (2.0, 2.0))
    assert confirmed.group == doubted.group + 1


def test_a_new_start_does_not_believe_a_pixel_size_that_nobody_confirmed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with rig(config_of(tmp_path, nm_per_px=2.0), monkeypatch) as first:
        assert first.frame().nm_per_px == (2.0, 2.0)
        first.service.channels["main"].calibration.holds = False
        first.frame()
    with rig(config_of(tmp_path, nm_per_px=2.0), monkeypatch) as second:
        doubted = second.frame()
        second.ask("set", source__main__nm_per_px=2.0)
        assert (doubted.nm_per_px, second.frame().nm_per_px) == (None, (2.0, 2.0))
    with rig(config_of(tmp_path, nm_per_px=2.0), monkeypatch) as third:
        assert third.frame().nm_per_px == (2.0, 2.0)


def test_a_source_has_settings_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    with rig(config_of(None, "one", "two"), monkeypatch) as both:
        before = both.service.desk.settings_sha256
        both.ask("set", source__one__masks=[[0, 0, 5, 5]])
        after = both.service.desk.settings_sha256
    assert before["one"] == before["two"] == after["two"] != after["one"]


def test_without_a_state_directory_the_answer_says_so(made: Rig) -> None:
    assert made.ask("set", detect__score=0.4)["remembered"] == "until the daemon ends: no state directory"


def test_what_was_set_survives_a_restart_and_every_change_is_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with rig(config_of(tmp_path), monkeypatch) as first:
        first.frame()
        args = {"detect.score": 0.4, "source.main.roi": [4, 4, 40, 40]}
        assert "ok" in json.loads(first.service.desk._carry_out("1", "set", args, "10.0.0.7"))
        assert "error" in json.loads(first.service.desk._carry_out("2", "set", {"detect.score": 7}, None))
        told = first.frame()
    with rig(config_of(tmp_path), monkeypatch) as second:
        again = second.frame()
        assert second.ask("get")["set"] == args
    assert again.settings_sha256 == told.settings_sha256
    assert (again.roi, again.thresholds) == (told.roi, told.thresholds)
    (line,) = changes(tmp_path)
    assert (line["verb"], line["args"], line["who"]) == ("set", args, "10.0.0.7")
    assert line["settings_sha256"] == {"main": told.settings_sha256}


def test_what_does_not_fit_any_more_is_left_out_with_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "sem").mkdir()
    kept = {
        "source.gone.roi": [0, 0, 9, 9],
        "detect.score": 7,
        "detect.thresholds.rod": 0.5,
        "source.main.nm_per_px": 2,
    }
    (tmp_path / "sem" / "state.json").write_text(json.dumps({"schema": 1, "overrides": kept}))
    with rig(config_of(tmp_path), monkeypatch) as made:
        assert made.frame().nm_per_px == (2.0, 2.0)
        assert made.ask("get")["set"] == {"source.main.nm_per_px": 2}
    said = [record.message for record in caplog.records if "left out" in record.message]
    assert len(said) == 3


def test_over_the_socket_the_main_loop_answers_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with rig(config_of(), monkeypatch) as made:
        loop = threading.Thread(target=made.service.main_loop)
        loop.start()
        with ControlClient(made.service.desk.control.endpoint) as client:
            answer = client.ask("set", {"source.main.nm_per_px": 2.5}, timeout_s=WAIT_S)
            assert client.ask("get", timeout_s=WAIT_S).ok["set"] == {"source.main.nm_per_px": 2.5}
        made.service.stop()
        loop.join(WAIT_S)
        assert answer.settings_sha256 == made.service.desk.settings_sha256
        assert dataclasses.asdict(made.service.config.source["main"])["nm_per_px"] == 2.5
