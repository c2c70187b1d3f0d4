"""A better engine takes over while the feed goes on: the build, its failures, and what is told."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from control_desk import Rig, config_of, rig
from stand_in_daemon import MANIFEST, StandIn, StandInEngine

from nanotally.bundle import Bundle
from nanotally.daemon.config import Config, ModelConfig
from nanotally.detect.engines import tensorrt
from nanotally.detect.engines.openvino import OpenVinoEngine
from nanotally.errors import EngineError

WAIT_S = 30.0


class OnTheProcessor(StandInEngine, OpenVinoEngine):
    name = "openvino"

    def __init__(self) -> None:
        pass


class OnTheGpu(StandInEngine):
    name, description = "tensorrt", "TensorRT 10.3.0 on Orin"


class Machine:
    """With a GPU: a build takes until `finish`, and a detector has TensorRT once it succeeded."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.made = folder, []
        self.told = folder / "builds"
        self.loads = True
        script = folder / "nice"  # stands in for the whole command that builds
        script.write_text(
            f'#!/bin/sh\nprintf "%s\\n" "$*" >> {self.told}\nwhile [ ! -e {folder}/outcome ]; do sleep 0.02; done\n'
            f'cat {folder}/outcome >&2\n[ ! -s {folder}/outcome ]\n'
        )  # fmt: skip
        script.chmod(0o755)

    def finish(self, fault: str = "") -> None:
        (self.folder / "part").write_text(fault)
        (self.folder / "part").rename(self.folder / "outcome")

    def detector(self, config: Config) -> StandIn:
        made = StandIn(config)
        built = (self.folder / "outcome").exists() and self.loads
        made.engine = OnTheGpu() if built and config.model.engine == "auto" else OnTheProcessor()
        if config.model.bundle:
            made.bundle = Bundle(Path(), msgspec.structs.replace(MANIFEST, name="second", sha256="cd" * 32))
        self.made.append(made)
        return made

    def builds(self) -> list[str]:
        return self.told.read_text().splitlines() if self.told.exists() else []


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(tensorrt, "find_plan", lambda bundle: None)
    return Machine(tmp_path)


@contextmanager
def running(machine: Machine, monkeypatch: pytest.MonkeyPatch, config: Config | None = None) -> Iterator[Rig]:
    with rig(config or config_of(), monkeypatch, make_detector=machine.detector) as made:
        yield made


def turn_until(made: Rig, condition: Callable[[], object]) -> None:
    deadline_s = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline_s, "waited in vain"
        made.service.tick()


def test_openvino_serves_until_the_plan_is_built(machine: Machine, monkeypatch, caplog) -> None:
    caplog.set_level(logging.INFO)
    with running(machine, monkeypatch) as made:
        before = made.frame()
        assert before.model.engine == "openvino"
        turn_until(made, machine.builds)
        assert "OpenVINO serves meanwhile" in caplog.text
        assert made.frame().model.engine == "openvino"
        machine.finish()
        turn_until(made, lambda: made.service.detector.engine.name == "tensorrt")
        after = made.frame()
        assert after.model == replace(before.model, engine="tensorrt")
        # The particles are the same: nothing is counted anew, and what is compared stays comparable.
        assert (after.group, after.settings_sha256) == (before.group, before.settings_sha256)
        assert machine.made[0].engine.closed
        assert not machine.made[1].engine.closed
        for _ in range(3):
            made.service.tick()
    assert "TensorRT 10.3.0 on Orin takes over" in caplog.text
    assert len(machine.builds()) == 1
    assert machine.builds()[0].endswith("-m nanotally engine .")


@pytest.mark.parametrize("fault", ["TensorRT 10.3.0 cannot build it: no memory", "one line\nthe last line"])
def test_a_build_that_fails_is_said_and_not_tried_again(machine: Machine, monkeypatch, caplog, fault: str) -> None:
    with running(machine, monkeypatch) as made:
        machine.finish(fault)
        turn_until(made, lambda: "OpenVINO goes on" in caplog.text)
        assert made.frame().model.engine == "openvino"
        assert not machine.made[0].engine.closed
    assert f"OpenVINO goes on: {fault.splitlines()[-1]}" in caplog.text
    assert len(machine.builds()) == 1


def test_a_plan_that_cannot_be_loaded_leaves_openvino(machine: Machine, monkeypatch, caplog) -> None:
    machine.loads = False
    with running(machine, monkeypatch) as made:
        machine.finish()
        turn_until(made, lambda: "of no use" in caplog.text)
        assert made.frame().model.engine == "openvino"
        first, second = machine.made
        assert (first.engine.closed, second.engine.closed) == (False, True)
    assert len(machine.builds()) == 1


def test_a_fault_while_loading_leaves_openvino(machine: Machine, monkeypatch, caplog) -> None:
    with running(machine, monkeypatch) as made:
        made.service.make_detector = lambda config: (_ for _ in ()).throw(EngineError("out of memory"))
        machine.finish()
        turn_until(made, lambda: "OpenVINO goes on: out of memory" in caplog.text)
        assert made.frame().counts is not None


def test_another_model_is_built_instead(machine: Machine, monkeypatch) -> None:
    with running(machine, monkeypatch) as made:
        turn_until(made, machine.builds)
        made.service.desk._reread = lambda: replace(config_of(), model=ModelConfig(bundle="second"))
        monkeypatch.setattr("nanotally.daemon.desk.load_bundle", lambda which: Bundle(Path(), MANIFEST))
        made.ask("reload")
        turn_until(made, lambda: len(machine.builds()) == 2)
        assert made.frame().model.name == "second"


@pytest.mark.parametrize("engine", ["openvino", "tensorrt"])
def test_who_names_an_engine_keeps_it(machine: Machine, monkeypatch, engine: str) -> None:
    with running(machine, monkeypatch, replace(config_of(), model=ModelConfig(engine=engine))) as made:
        made.frame()
    assert machine.builds() == []


def test_without_a_gpu_nothing_is_built_or_said(machine: Machine, monkeypatch, caplog) -> None:
    def none(bundle: Bundle) -> None:
        raise EngineError("TensorRT cannot run here: no NVIDIA driver")

    monkeypatch.setattr(tensorrt, "find_plan", none)
    with running(machine, monkeypatch) as made:
        made.frame()
    assert machine.builds() == []
    assert "TensorRT" not in caplog.text


def test_a_build_that_cannot_be_started_leaves_openvino(machine: Machine, monkeypatch, caplog) -> None:
    (machine.folder / "nice").chmod(0o644)
    monkeypatch.setenv("PATH", str(machine.folder))
    with running(machine, monkeypatch) as made:
        assert made.frame().model.engine == "openvino"
    assert "cannot be started, OpenVINO goes on" in caplog.text


def test_a_stop_ends_the_build(machine: Machine, monkeypatch) -> None:
    with running(machine, monkeypatch) as made:
        turn_until(made, machine.builds)
        process = made.service.succession._build._process
        assert process.poll() is None
    assert process.returncode is not None
