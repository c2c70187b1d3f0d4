"""What the dashboard and the alerts ask Prometheus for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

DEPLOY = Path(__file__).parent.parent / "deploy"
DASHBOARD = DEPLOY / "grafana" / "dashboards" / "nanotally.json"
VARIABLES = {"$microscope": ".*", "$source": ".*", "$__rate_interval": "10s"}
"""What stands for the dashboard's variables in a test."""


def panels() -> list[dict[str, Any]]:
    """The panels of the dashboard, rows left out."""
    return [panel for panel in json.loads(DASHBOARD.read_text())["panels"] if panel["type"] != "row"]


def dashboard_queries() -> list[str]:
    """Every query of the dashboard, its variables filled in."""
    asked = [target["expr"] for panel in panels() for target in panel["targets"]]
    asked += [note["expr"] for note in json.loads(DASHBOARD.read_text())["annotations"]["list"]]
    return [re.sub("|".join(map(re.escape, VARIABLES)), lambda name: VARIABLES[name[0]], query) for query in asked]


def alert_queries() -> list[str]:
    """The condition of every alert."""
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed (the dev extra)")
    groups = yaml.safe_load((DEPLOY / "alerts.yml").read_text())["groups"]
    return [rule["expr"] for group in groups for rule in group["rules"]]


def selectors(query: str) -> Iterator[Any]:
    """The vector selectors of a query: each has a name and matchers. ValueError where the query cannot be parsed."""
    parser = pytest.importorskip("promql_parser", reason="promql-parser is not installed (the dev extra)")
    rest = [parser.parse(query)]
    while rest:
        part = rest.pop()
        if isinstance(part, parser.VectorSelector):
            yield part
        parts = (getattr(part, name, None) for name in ("lhs", "rhs", "expr", "vector_selector"))
        rest += [*(below for below in parts if below is not None), *getattr(part, "args", ())]
