"""`nanotally doctor`: what this machine has for the daemon, and what it lacks."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from nanotally.cli import app

SIGNS = {"ok": "ok    ", "absent": "absent", "fault": "FAULT "}


@app.command()
def doctor(
    config: Annotated[Path | None, typer.Option(help="TOML file of the daemon; see docs/configuration.md.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Say what was found (processor, GPU, engine, cameras, ports, disk) and what is missing, each with its remedy.

    Exit code 1 if the daemon would not run.
    """
    from nanotally.daemon.checkup import check_up
    from nanotally.daemon.config_file import read_config

    settings = read_config(config) if config else read_config(uri="sim:")
    findings = []
    for finding in check_up(settings):
        findings.append(finding)
        if not as_json:
            remedy = f"; {finding.remedy}" if finding.remedy else ""
            print(f"{SIGNS[finding.verdict]}  {finding.what:<16}{finding.found}{remedy}", flush=True)
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2))
    if any(finding.verdict == "fault" for finding in findings):
        raise typer.Exit(1)
