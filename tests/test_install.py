"""deploy/install.sh and uninstall.sh, for real, into a root folder of their own; only the wheel is a stand-in."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

DEPLOY = Path(__file__).parent.parent / "deploy"
WAIT_S = 60.0
PROGRAM = """
import os, pathlib, sys, time
VERSION = {version!r}
def main():
    if sys.argv[1:2] == ["doctor"]:
        assert pathlib.Path(sys.argv[3]).read_text().startswith("[source.main]")
        if place := os.environ.get("HANG"):
            pathlib.Path(place).touch()
            time.sleep(600)
        print("ok      nanotally      ", VERSION)
        sys.exit("FAULT" in os.environ)
    print(VERSION)
"""
QUICK_PYTHON = """#!/bin/sh
# Makes environments as `python -m venv` does, but with uv in the place of pip: a tenth of the time.
[ "$1 $2" = "-m venv" ] || exec {python} "$@"
for last; do :; done
{python} "$@" --without-pip
cat >"$last/bin/pip" <<END
#!/bin/sh
verb=\\$1
shift
exec {uv} pip "\\$verb" --offline --python "$last/bin/python" "\\$@"
END
chmod +x "$last/bin/pip"
"""


def make_wheel(folder: Path, version: str) -> Path:
    """A folder with a wheel that calls itself nanotally: the verb `doctor`, and else it prints its version."""
    info = f"nanotally-{version}.dist-info"
    files = {
        "nanotally/__init__.py": PROGRAM.format(version=version),
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: nanotally\nVersion: {version}\n"
        + "".join(f"Provides-Extra: {extra}\n" for extra in ("camera", "screen", "overlay", "log", "tensorrt"))
        + 'Requires-Dist: nanotally-not-to-be-had; extra == "tensorrt"\n',
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": "[console_scripts]\nnanotally = nanotally:main\n",
        f"{info}/RECORD": "",
    }
    folder.mkdir()
    with zipfile.ZipFile(folder / f"nanotally-{version}-py3-none-any.whl", "w") as wheel:
        for name, text in files.items():
            wheel.writestr(zipfile.ZipInfo(name), text)
    return folder


@dataclass(frozen=True)
class Machine:
    """A root folder to install into, and a Python that makes environments quickly."""

    root: Path
    python: Path

    @property
    def home(self) -> Path:
        return self.root / "opt" / "nanotally"

    def command(self, script: str, *arguments: str | Path) -> list[str]:
        return ["sh", str(DEPLOY / script), "--root", str(self.root), *map(str, arguments)]

    def run(self, script: str, *arguments: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
        command = self.command(script, *arguments)
        return subprocess.run(
            command, env={**os.environ, **more}, capture_output=True, text=True, timeout=WAIT_S, check=False
        )

    def install(self, wheels: Path, **more: str) -> subprocess.CompletedProcess[str]:
        return self.run("install.sh", "--wheels", wheels, "--python", self.python, **more)

    def serves(self) -> str:
        """What `nanotally` says, called as the units call it."""
        program = self.home / "current" / "bin" / "nanotally"
        return subprocess.run([program], capture_output=True, text=True, timeout=WAIT_S, check=True).stdout.strip()

    def files(self) -> set[str]:
        """Everything in the root outside /opt, by name."""
        found = (path.relative_to(self.root) for path in self.root.rglob("*") if not path.is_dir())
        return {str(path) for path in found if path.parts[0] != "opt"}


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    for program, package in (("systemd-sysusers", "systemd"), ("flock", "util-linux")):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed (Debian package {package})")
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    python = tmp_path / "quick-python"
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if uv is None:
        pytest.skip("uv is not installed (the Makefile puts it beside Python)")
    python.write_text(QUICK_PYTHON.format(python=sys.executable, uv=uv))
    python.chmod(0o755)
    return Machine(root, python)


def done(result: subprocess.CompletedProcess[str]) -> str:
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_a_life_installed_upgraded_rolled_back_taken_away(machine: Machine, tmp_path: Path) -> None:
    first, second = make_wheel(tmp_path / "a", "1.0"), make_wheel(tmp_path / "b", "1.1")
    done(machine.install(first))
    assert machine.serves() == "1.0"
    assert {
        "etc/systemd/system/nanotally@.service",
        "etc/systemd/system/nanotally-overlay@.service",
        "etc/systemd/system/nanotally-engine@.service",
        "etc/udev/rules.d/70-nanotally.rules",
        "etc/nanotally/example.toml",
        "usr/local/bin/nanotally",
    } <= machine.files()
    assert "nanotally:x:" in (machine.root / "etc/passwd").read_text()
    ours = machine.root / "etc/nanotally/sem1.toml"
    ours.write_text("ours")
    for unit in ("nanotally@sem1", "nanotally-engine@sem1"):
        enable = ["systemctl", f"--root={machine.root}", "enable", unit]
        subprocess.run(enable, capture_output=True, timeout=WAIT_S, check=True)
    first_of_all = "etc/systemd/system/nanotally@sem1.service.wants/nanotally-engine@sem1.service"
    assert first_of_all in machine.files()

    before = machine.files()
    said = done(machine.install(first))
    assert "installing" not in said
    assert machine.files() == before

    done(machine.install(second))
    assert machine.serves() == "1.1"
    done(machine.run("install.sh", "--roll-back"))
    assert machine.serves() == "1.0"
    done(machine.run("install.sh", "--roll-back"))
    assert machine.serves() == "1.1"
    assert ours.read_text() == "ours"

    data = machine.root / "var/lib/nanotally/sem1/journal"
    data.mkdir(parents=True)
    assert "kept" in done(machine.run("uninstall.sh"))
    assert not machine.home.exists()
    assert (ours.exists(), data.exists()) == (True, True)
    assert not any("systemd/system" in name or "udev" in name for name in machine.files())
    done(machine.run("uninstall.sh"))
    done(machine.run("uninstall.sh", "--purge"))
    assert not ours.exists()
    assert not data.exists()
    assert not any("nanotally" in name for name in machine.files())
    done(machine.run("uninstall.sh", "--purge"))


def test_what_breaks_off_leaves_the_old_version_serving(machine: Machine, tmp_path: Path) -> None:
    done(machine.install(make_wheel(tmp_path / "a", "1.0")))
    second, reached = make_wheel(tmp_path / "b", "1.1"), tmp_path / "reached"

    faulty = machine.install(second, FAULT="1")
    assert faulty.returncode == 1
    assert "found a fault" in faulty.stderr
    assert machine.serves() == "1.0"

    command = machine.command("install.sh", "--wheels", second, "--python", machine.python)
    environment = {**os.environ, "HANG": str(reached)}
    killed = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, start_new_session=True)
    deadline = time.monotonic() + WAIT_S
    while not reached.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    locked = machine.install(second)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait(WAIT_S)
    assert reached.exists()
    assert (locked.returncode, "another installation" in locked.stderr) == (1, True)
    assert machine.serves() == "1.0"

    assert machine.run("install.sh", "--roll-back").returncode == 1
    done(machine.install(second))
    assert machine.serves() == "1.1"

    done(machine.install(make_wheel(tmp_path / "c", "1.2")))
    kept = sorted(path.name.partition("-")[0] for path in (machine.home / "versions").iterdir())
    assert kept == ["1.1", "1.2"]


def test_a_jetson_gets_its_own_and_serves_without_tensorrt(machine: Machine, tmp_path: Path) -> None:
    (machine.root / "etc/nv_tegra_release").write_text("# R36 (release), REVISION: 4.3\n")
    installed = machine.install(make_wheel(tmp_path / "a", "1.0"))
    assert "for a jetson machine" in done(installed)
    # What it needs for the GPU cannot be had in this test: it is said, and no reason not to serve.
    assert "THE TENSORRT ENGINE WAS NOT INSTALLED" in installed.stderr
    assert machine.serves() == "1.0"
    for unit in ("nanotally@", "nanotally-engine@"):
        assert f"etc/systemd/system/{unit}.service.d/10-jetson.conf" in machine.files()
    settings = (machine.home / "current/pyvenv.cfg").read_text()
    assert "include-system-site-packages = true" in settings


def test_a_pc_with_a_gpu_is_known_by_its_driver(machine: Machine, tmp_path: Path) -> None:
    version = machine.root / "proc/driver/nvidia/version"
    version.parent.mkdir(parents=True)
    version.write_text("NVRM version: NVIDIA UNIX x86_64 Kernel Module\n")
    installed = machine.install(make_wheel(tmp_path / "a", "1.0"))
    assert "for a gpu machine" in done(installed)
    assert "THE TENSORRT ENGINE WAS NOT INSTALLED" in installed.stderr
    assert not any("10-jetson.conf" in name for name in machine.files())
    assert "include-system-site-packages = false" in (machine.home / "current/pyvenv.cfg").read_text()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--wheels", "nowhere"], 1, "no such folder"),
        (["--wheels", "."], 1, "there is no nanotally-*.whl"),
        (["--roll-back"], 1, "there is no version before this one"),
        (["--python", "false"], 1, "false is not Python 3.10 or later"),
        (["--purge"], 2, "usage"),
        (["--wheels"], 2, "usage"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_does_not_make_sense_is_one_line(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = machine.run("install.sh", "--python", sys.executable, *arguments)
    assert (result.returncode, said in result.stderr) == (code, True), result.stderr
    assert not (machine.home / "current").exists()


@pytest.mark.parametrize("script", ["install.sh", "uninstall.sh"])
def test_the_scripts_are_clean(script: str) -> None:
    linter = shutil.which("shellcheck", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if linter is None:
        pytest.skip("shellcheck is not installed (the dev extra)")
    result = subprocess.run([linter, DEPLOY / script], capture_output=True, text=True, timeout=WAIT_S, check=False)
    assert result.stdout == ""
