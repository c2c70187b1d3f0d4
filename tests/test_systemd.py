import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

UNIT = Path(__file__).parent.parent / "systemd" / "nanotally@.service"


def verify(unit: Path) -> subprocess.CompletedProcess[str]:
    command = ["systemd-analyze", "verify", "--man=no", str(unit)]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit as it is, but starting a program that exists on every machine."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed (Debian package systemd)")
    text, found = re.subn(r"^ExecStart=/\S+", "ExecStart=/bin/true", UNIT.read_text(), flags=re.M)
    assert found == 1
    copy = tmp_path / UNIT.name
    copy.write_text(text)
    return copy


def test_systemd_understands_every_line(unit: Path) -> None:
    result = verify(unit)
    # A value that cannot be parsed is a warning and exit code 0: only silence will do.
    assert (result.stderr, result.returncode) == ("", 0)


@pytest.mark.parametrize("mistake", ["RestartSec=ten", "Restarts=always"])
def test_a_mistake_would_be_seen(unit: Path, mistake: str) -> None:
    unit.write_text(unit.read_text().replace("[Service]", f"[Service]\n{mistake}"))
    assert verify(unit).stderr != ""


def test_the_unit_starts_a_command_that_exists() -> None:
    line = next(line for line in UNIT.read_text().splitlines() if line.startswith("ExecStart="))
    program, verb, option, path = line.removeprefix("ExecStart=").split()
    help_text = subprocess.run(
        [sys.executable, "-m", "nanotally", verb, "--help"], capture_output=True, text=True, timeout=60, check=True
    ).stdout
    assert Path(program).name == "nanotally"
    assert f" {option} " in help_text
    assert path == "/etc/nanotally/%i.toml"


def test_a_reload_is_the_signal_that_the_daemon_hears() -> None:
    # tests/test_reload.py sends it to a daemon.
    assert "ExecReload=/bin/kill -HUP $MAINPID" in UNIT.read_text().splitlines()
