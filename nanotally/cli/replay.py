"""`nanotally replay`: a recording through the daemon's path once more."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nanotally.cli import app
from nanotally.logs import set_up_logging

if TYPE_CHECKING:
    from nanotally.daemon.recording.playing import Comparison

DIFFERING_SHOWN = 10


@app.command()
def replay(
    recording: Annotated[Path, typer.Argument(help="Folder of the recording.")],
    *,
    config: Annotated[
        Path | None,
        typer.Option(help="TOML file whose model, settings and sockets stand instead of the recorded ones."),
    ] = None,
    model: Annotated[Path | None, typer.Option(help="Bundle folder; left out: the model of the recording.")] = None,
    engine: Annotated[str | None, typer.Option(help="auto, openvino or tensorrt.", metavar="ENGINE")] = None,
    real_time: Annotated[
        bool, typer.Option("--real-time", help="At the pace it had, as a live feed that drops what it must.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the comparison as JSON.")] = False,
) -> None:
    """Play a recording through the daemon, and say how its counts differ from those recorded.

    Model, settings, region and masks are those of the recording unless options say otherwise. It publishes as a daemon
    does, on a port of its own that the log names.
    """
    from nanotally.daemon.config_file import read_config
    from nanotally.daemon.recording.playing import Comparison, config_for
    from nanotally.daemon.service import Service

    bundle = None if model is None else str(model)
    otherwise = None if config is None else read_config(config, uri=f"recording:{recording}")
    settings = config_for(recording, real_time=real_time, otherwise=otherwise, bundle=bundle, engine=engine)
    set_up_logging()
    service, comparison = Service(settings), Comparison(recording)
    service.keepers.append(comparison)
    service.run()
    comparison.close()
    if as_json:
        print(json.dumps(comparison.figures()))
    else:
        _print(comparison)


def _print(comparison: Comparison) -> None:
    differing = comparison.differing
    print(f"{comparison.compared} frames compared, {comparison.compared - len(differing)} equal, {len(differing)} not")
    if differing:
        more = ", ..." if len(differing) > DIFFERING_SHOWN else ""
        print(f"not equal: frames {', '.join(map(str, differing[:DIFFERING_SHOWN]))}{more}")
    if comparison.left_out:
        print(f"{comparison.left_out} frames of the recording were not looked at")
    if comparison.same_settings is False:
        print("model or settings are not those of the recording")
    width = max(map(len, comparison.classes), default=0)
    print(f"{'':{width}}  recorded       now")
    for name in comparison.classes:
        print(f"{name:{width}}  {comparison.recorded[name]:8d}  {comparison.now[name]:8d}")
