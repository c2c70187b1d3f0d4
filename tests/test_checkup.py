from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from nanotally.daemon.checkup import Finding, check_up
from nanotally.daemon.config import Config, ControlConfig, MetricsConfig, ModelConfig, PublishConfig, SourceConfig
from nanotally.daemon.gate import SecurityConfig
from nanotally.wire.curve import make_keys


def config(**more: object) -> Config:
    any_port = "tcp://127.0.0.1:*"
    free = {
        "publish": PublishConfig(endpoint=any_port),
        "control": ControlConfig(endpoint=any_port),
        "metrics": MetricsConfig(port=0),
    }
    return Config(source={"main": SourceConfig(uri="sim:")}, **{**free, **more})


def findings(settings: Config) -> dict[str, Finding]:
    return {finding.what: finding for finding in check_up(settings)}


@pytest.fixture(scope="module")
def usual() -> dict[str, Finding]:
    return findings(config())


def test_nothing_that_the_daemon_needs_is_missing_here(usual: dict[str, Finding]) -> None:
    assert [finding for finding in usual.values() if finding.verdict == "fault"] == []
    assert "ms a tile" in usual["engine"].found


def test_whatever_is_absent_has_a_remedy(usual: dict[str, Finding]) -> None:
    assert all(finding.remedy for finding in usual.values() if finding.verdict != "ok")


def test_a_broken_bundle_is_a_fault(tmp_path: Path) -> None:
    found = findings(config(model=ModelConfig(bundle=str(tmp_path))))
    assert found["model"].verdict == "fault"
    assert str(tmp_path) in found["model"].found
    assert "engine" not in found


def test_a_port_that_is_taken_is_a_fault() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        found = findings(
            config(publish=PublishConfig(endpoint=f"tcp://127.0.0.1:{port}"), metrics=MetricsConfig(port=port))
        )
    assert [found[what].verdict for what in ("publish", "metrics")] == ["fault", "fault"]
    assert "Address already in use" in found["publish"].found


def test_keys_that_cannot_be_used_are_a_fault(tmp_path: Path) -> None:
    assert findings(config())["keys"].verdict == "absent"
    (tmp_path / "allow").mkdir()
    _, server = make_keys(tmp_path, "server")
    security = SecurityConfig(server_key=str(server), allow=str(tmp_path / "allow"))
    told = findings(config(security=security))["keys"]
    assert told.verdict == "ok", told.found
    server.chmod(0o644)
    shut = findings(config(security=security))["keys"]
    assert shut.verdict == "fault"
    assert str(server) in shut.found


def test_a_folder_that_cannot_be_written_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", "/proc")
    assert findings(config())["disk"].verdict == "fault"


def test_the_verb_prints_and_its_exit_code_tells(tmp_path: Path) -> None:
    file = tmp_path / "sem.toml"
    bundle = f'[model]\nbundle = "{tmp_path}"\n'
    file.write_text(
        '[source.main]\nuri = "sim:"\n[publish]\nendpoint = "tcp://127.0.0.1:*"\n[metrics]\nport = 0\n' + bundle
    )
    command = [sys.executable, "-m", "nanotally", "doctor", "--config", str(file)]
    told = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (told.returncode, told.stderr) == (1, "")
    assert "FAULT   model" in told.stdout
    told = subprocess.run([*command, "--json"], capture_output=True, text=True, timeout=120, check=False)
    assert {"what": "nanotally", "verdict": "ok"}.items() <= json.loads(told.stdout)[0].items()
