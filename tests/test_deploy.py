import re
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
from prometheus_client import generate_latest

from nanotally.daemon.config import MetricsConfig, SourceConfig
from nanotally.daemon.feed import Feed
from nanotally.daemon.metrics import Metrics
from nanotally.daemon.preparation import Preparation
from nanotally.daemon.publish import Publisher
from nanotally.daemon.report import Setup
from nanotally.daemon.sources import open_source
from nanotally.opencv import PACKAGES
from nanotally.wire import Model

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"


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
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed (Debian package prometheus)")
    result = subprocess.run(["promtool", *arguments], capture_output=True, text=True, timeout=30, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.fixture
def metrics_page() -> str:
    """What a daemon at a simulated microscope shows before its first frame."""
    feed = Feed("main", lambda: open_source("sim:"), Preparation(SourceConfig(uri="sim:")))
    publisher = Publisher("tcp://127.0.0.1:*", instance="sem1")
    setup = Setup(
        model=Model("trial", "0" * 64, "openvino", "fp32"),
        classes=("cube", "quasi_sphere"),
        thresholds={"cube": 0.3, "quasi_sphere": 0.3},
        scale=1.0,
        tile=416,
        overlap=96,
        settings_sha256="0" * 64,
    )
    try:
        journal = SimpleNamespace(fault=lambda source: None)
        return generate_latest(Metrics([feed], publisher, journal, setup).registry).decode()
    finally:
        feed.stop()
        publisher.close()


def test_alerts_use_metrics_that_the_daemon_has(metrics_page: str) -> None:
    wanted = set(re.findall(r"\bnanotally_\w+", (DEPLOY / "alerts.yml").read_text()))
    families = set(re.findall(r"^# TYPE (nanotally_\w+)", metrics_page, re.M))
    assert len(wanted) >= 3
    assert {name.removesuffix("_bucket") for name in wanted} <= families


def test_prometheus_looks_where_the_metrics_are() -> None:
    metrics = MetricsConfig()
    assert f'"{metrics.address}:{metrics.port}"' in (DEPLOY / "prometheus.yml").read_text()


def test_container_holds_the_package_and_what_opencv_needs() -> None:
    lines = (DEPLOY / "Containerfile").read_text().splitlines()
    copied = {name for line in lines if re.match("COPY (?!--from)", line) for name in line.split()[1:-1]}
    links = {link.name for link in (ROOT / "nanotally").iterdir() if link.is_symlink()}
    assert all((ROOT / name).exists() for name in copied)
    assert {"pyproject.toml", "constraints.txt", "LICENSE", "NOTICE", "nanotally", *links} <= copied
    assert set(PACKAGES.values()) <= {word for line in lines for word in line.split()}
