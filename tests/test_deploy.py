"""What lies in deploy/, each file judged by the tool that it is written for."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import typer

from nanotally.daemon.config import MetricsConfig
from nanotally.opencv import PACKAGES

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"
CONTAINER_FILES = ("Containerfile", "Containerfile.jetson")
RUN = ("ENTRYPOINT", "CMD")
YAML_RULES = "{extends: default, rules: {line-length: {max: 140}, document-start: disable}}"


def judge(tool: str, origin: str, *arguments: str | Path) -> None:
    """Run a tool, of this environment or of the system; it must find no fault."""
    found = shutil.which(tool, path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if found is None:
        pytest.skip(f"{tool} is not installed ({origin})")
    result = subprocess.run([found, *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "config", DEPLOY / "prometheus.yml"),
        ("check", "rules", DEPLOY / "alerts.yml"),
        ("test", "rules", ROOT / "tests" / "alerts.test.yml"),
    ],
    ids=lambda arguments: " ".join(arguments[:2]),
)
def test_prometheus_understands(arguments: tuple[str | Path, ...]) -> None:
    judge("promtool", "Debian package prometheus", *arguments)


def test_every_alert_is_tried() -> None:
    alerts = set(re.findall(r"- alert: (\w+)", (DEPLOY / "alerts.yml").read_text()))
    tried = set(re.findall(r"alertname: (\w+)", (ROOT / "tests" / "alerts.test.yml").read_text()))
    assert alerts == tried


@pytest.mark.parametrize("path", sorted(DEPLOY.rglob("*.yml")), ids=lambda path: path.name)
def test_yaml_is_clean(path: Path) -> None:
    judge("yamllint", "the dev extra", "--strict", "-d", YAML_RULES, path)


def test_compose_understands() -> None:
    schema = ("--builtin-schema", "vendor.compose-spec")
    judge("check-jsonschema", "the dev extra", *schema, DEPLOY / "compose.yml")


@pytest.mark.parametrize("name", CONTAINER_FILES)
def test_container_file_is_clean(name: str) -> None:
    judge("hadolint", "the dev extra", DEPLOY / name)


def copied_by(name: str) -> set[str]:
    """What a container file takes from the project."""
    lines = (DEPLOY / name).read_text().splitlines()
    return {word for line in lines if re.match("COPY (?!--from)", line) for word in line.split()[1:-1]}


@pytest.mark.parametrize("name", CONTAINER_FILES)
def test_container_holds_the_package_and_what_opencv_needs(name: str) -> None:
    lines, copied = (DEPLOY / name).read_text().splitlines(), copied_by(name)
    links = {link.name for link in (ROOT / "nanotally").iterdir() if link.is_symlink()}
    assert all((ROOT / name).exists() for name in copied)
    assert {"pyproject.toml", "constraints.txt", "LICENSE", "NOTICE", "nanotally", *links} <= copied
    assert set(PACKAGES.values()) <= {word for line in lines for word in line.split()}


def test_what_a_container_copies_makes_the_whole_package(tmp_path: Path) -> None:
    first, second = map(copied_by, CONTAINER_FILES)
    assert first == second
    source = tmp_path / "src"
    source.mkdir()
    for path in (ROOT / name for name in first):
        if path.is_dir():
            shutil.copytree(path, source / path.name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(path, source)
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(build, cwd=source, check=True, capture_output=True, timeout=60)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        packed = set(wheel.namelist())
    here = {
        path for pattern in ("*", "*/**/*") for path in source.joinpath("nanotally").glob(pattern) if path.is_file()
    }
    assert len(here) > 200
    assert {str(path.relative_to(source)) for path in here} - packed == set()


def understood(words: list[str]) -> None:
    """Raises if our command line does not take these words; nothing is run."""
    verb, *rest = words
    command = typer.main.get_command(import_module(f"nanotally.cli.{verb}").app).commands[verb]  # type: ignore[attr-defined]
    command.make_context(verb, rest)


def test_a_command_that_does_not_exist_would_be_seen() -> None:
    with pytest.raises(Exception, match="No such option"):
        understood(["run", "--sorce", "sim:"])


@pytest.mark.parametrize("name", CONTAINER_FILES)
def test_a_container_runs_a_command_that_exists(name: str) -> None:
    text = (DEPLOY / name).read_text()
    ((program,),), (words,) = ([json.loads(it) for it in re.findall(f"^{key} (.*)$", text, re.M)] for key in RUN)
    assert re.search(rf"-m venv (--\S+ )?{Path(program).parent.parent} ", text)
    understood(words)


@pytest.fixture
def services() -> dict[str, Any]:
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed (the dev extra)")
    read: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yml").read_text())["services"]
    return read


def test_compose_runs_commands_that_exist(services: dict[str, Any]) -> None:
    ours = [service["command"] for service in services.values() if service["image"] == "nanotally"]
    assert len(ours) == 2
    for words in ours:
        understood(words)


def test_compose_finds_its_files(services: dict[str, Any]) -> None:
    build = services["daemon"]["build"]
    assert (DEPLOY / build["context"] / build["dockerfile"]).samefile(DEPLOY / "Containerfile")
    mounts = [mount.split(":") for service in services.values() for mount in service.get("volumes", [])]
    files = [source for source, *_ in mounts if source.startswith(".")]
    assert len(files) == 4
    assert [source for source in files if not (DEPLOY / source).exists()] == []


@pytest.mark.parametrize("name", [*CONTAINER_FILES, "install.sh"])
def test_what_is_installed_is_on_offer(name: str) -> None:
    offered = (ROOT / "pyproject.toml").read_text()
    wanted = re.findall(r"(?:\.|\$1)\[([\w,]+)\]", (DEPLOY / name).read_text())
    assert wanted
    assert all(re.search(rf"^{extra} = \[", offered, re.M) for extras in wanted for extra in extras.split(","))


def test_prometheus_looks_where_the_metrics_are() -> None:
    metrics = MetricsConfig()
    assert f'"{metrics.address}:{metrics.port}"' in (DEPLOY / "prometheus.yml").read_text()
