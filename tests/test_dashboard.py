"""The Grafana dashboard as a file: is it whole, and does it find its data. Its queries meet a real Prometheus in
test_prometheus.py; a Grafana server is not to be had here."""

from __future__ import annotations

import json
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import pytest
from queries import DASHBOARD, DEPLOY, alert_queries, dashboard_queries, panels, selectors

PROVISIONING = DEPLOY / "grafana" / "provisioning"


@pytest.fixture(scope="module")
def dashboard() -> dict[str, Any]:
    read: dict[str, Any] = json.loads(DASHBOARD.read_text())
    return read


def overlapping(one: dict[str, int], other: dict[str, int]) -> bool:
    apart_across = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
    apart_down = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
    return not (apart_across or apart_down)


def test_panels_are_numbered_explained_and_do_not_overlap(dashboard: dict[str, Any]) -> None:
    everything = dashboard["panels"]
    assert len({panel["id"] for panel in everything}) == len(everything)
    assert [panel["title"] for panel in panels() if not panel["description"]] == []
    for one, other in combinations(everything, 2):
        assert not overlapping(one["gridPos"], other["gridPos"]), (one["title"], other["title"])
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in everything)
    tops = [panel["gridPos"]["y"] for panel in everything]
    assert all(above <= below for above, below in pairwise(tops))


def test_queries_can_be_parsed_and_follow_the_choice_of_microscope() -> None:
    for query in dashboard_queries():
        for selector in selectors(query):
            assert "microscope" in {matcher.name for matcher in selector.matchers.matchers}, query


def test_alerts_can_be_parsed() -> None:
    assert all(list(selectors(query)) for query in alert_queries())


def test_a_query_that_is_wrong_would_be_seen() -> None:
    with pytest.raises(ValueError, match="parenthesis"):
        list(selectors("rate(nanotally_source_up[5m]"))


def test_variables_are_those_that_are_used(dashboard: dict[str, Any]) -> None:
    named = [variable["name"] for variable in dashboard["templating"]["list"]]
    assert named == ["datasource", "microscope", "source"]
    text = DASHBOARD.read_text()
    assert all(f"${name}" in text or f"${{{name}}}" in text for name in named)


def test_grafana_is_given_its_data_and_its_dashboards() -> None:
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed (the dev extra)")
    read = {path.name: yaml.safe_load(path.read_text()) for path in PROVISIONING.rglob("*.yml")}
    (source,), (provider,) = read["prometheus.yml"]["datasources"], read["nanotally.yml"]["providers"]
    services = yaml.safe_load((DEPLOY / "compose.yml").read_text())["services"]
    listens = next(word for word in services["prometheus"]["command"] if word.startswith("--web.listen-address="))
    assert source["url"] == f"http://{listens.partition('=')[2]}"
    folder = provider["options"]["path"]
    assert f"./grafana/dashboards:{folder}:ro" in services["grafana"]["volumes"]
    home = Path(services["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert home == Path(folder, DASHBOARD.name)
