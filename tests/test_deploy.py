"""What lies in deploy/, each file judged by the tool that it is written for."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from nanotally.daemon.config import MetricsConfig
from nanotally.opencv import PACKAGES

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"
CONTAINER_FILES = ("Containerfile", "Containerfile.jetson")
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


@pytest.mark.parametrize("name", CONTAINER_FILES)
def test_container_holds_the_package_and_what_opencv_needs(name: str) -> None:
    lines = (DEPLOY / name).read_text().splitlines()
    copied = {name for line in lines if re.match("COPY (?!--from)", line) for name in line.split()[1:-1]}
    links = {link.name for link in (ROOT / "nanotally").iterdir() if link.is_symlink()}
    assert all((ROOT / name).exists() for name in copied)
    assert {"pyproject.toml", "constraints.txt", "LICENSE", "NOTICE", "nanotally", *links} <= copied
    assert set(PACKAGES.values()) <= {word for line in lines for word in line.split()}


@pytest.mark.parametrize("name", [*CONTAINER_FILES, "install.sh"])
def test_what_is_installed_is_on_offer(name: str) -> None:
    offered = (ROOT / "pyproject.toml").read_text()
    wanted = re.findall(r"(?:\.|\$1)\[([\w,]+)\]", (DEPLOY / name).read_text())
    assert wanted
    assert all(re.search(rf"^{extra} = \[", offered, re.M) for extras in wanted for extra in extras.split(","))


def test_prometheus_looks_where_the_metrics_are() -> None:
    metrics = MetricsConfig()
    assert f'"{metrics.address}:{metrics.port}"' in (DEPLOY / "prometheus.yml").read_text()
