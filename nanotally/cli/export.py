"""`nanotally export`: a model bundle of a checkpoint, or of another bundle with other thresholds or in fewer bits."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Literal

import typer
from rich.console import Console

from nanotally.bundle import SHIPPED, Bundle, Precision, load_bundle
from nanotally.cli import app
from nanotally.errors import UsageError

SERVED = """{model}: a model for a server; for example
    tritonserver --model-repository {folder} --http-address 127.0.0.1
and for each daemon, with the bundle that it was made of: engine = "v2:http://127.0.0.1:8000/{model.name}\""""


@app.command()
def export(
    model: Annotated[str, typer.Argument(help="Checkpoint (train/weights/best.pt), bundle folder, or `default`.")],
    *,
    out: Annotated[Path, typer.Option(help="Bundle folder to write, or model repository.")],
    to: Annotated[
        Literal["onnx", "triton"], typer.Option(help="A bundle, or a repository for Triton or OpenVINO Model Server.")
    ] = "onnx",
    precision: Annotated[Precision, typer.Option(help="Of the network's numbers.")] = "fp32",
    name: Annotated[str, typer.Option(help="Name of a checkpoint's bundle, published on the wire.")] = "custom",
    tile: Annotated[int, typer.Option(help="Side of a checkpoint's input, pixels.")] = 416,
    validation: Annotated[
        Path | None, typer.Option(help="Labelled set: thresholds are chosen on it, and fewer bits are judged.")
    ] = None,
    calibrate: Annotated[
        Path | None, typer.Option(help="Labelled set that INT8 is calibrated on; left out: the validation set.")
    ] = None,
    trained_on: Annotated[str, typer.Option(help="What a checkpoint saw, in one line, for the manifest.")] = "",
    force: Annotated[bool, typer.Option("--force", help="Write fewer bits even where they are not worth it.")] = False,
) -> None:
    """Write the model bundle of a checkpoint, or of a bundle with other thresholds or in fewer bits.

    Without a validation set the thresholds of a checkpoint are 0.25, and those of a bundle stay what they are. INT8 is
    written only where it is faster on this machine and as good: AP50 within 0.5 points, count within 1 %.
    """
    from nanotally.detect.engines.repository import write_repository
    from nanotally.trainer import export as trainer
    from nanotally.trainer.precision.figures import told as compared

    if calibrate is not None and precision != "int8":
        raise UsageError("--calibrate goes with --precision int8")
    with TemporaryDirectory() as scratch, Console(stderr=True).status(f"exporting {model} in {precision}"):
        if model in SHIPPED or Path(model).is_dir():
            source = load_bundle(model)
        else:
            whole = Path(scratch) / "bundle"
            source = trainer.export(Path(model), whole, name=name, side_px=tile, trained_on=trained_on)
        folder = out if to == "onnx" else Path(scratch) / "converted"
        done = trainer.convert(
            source, folder, precision=precision, validation=validation, calibration=calibrate, force=force
        )
        repository = write_repository(done.bundle, out) if to == "triton" else None
    if done.figures is not None:
        print(compared(*done.figures))
    print(told(done.bundle) if repository is None else SERVED.format(folder=out, model=repository))


def told(bundle: Bundle) -> str:
    """What a bundle is, in one line."""
    chosen = ", ".join(f"{name} {score:g}" for name, score in bundle.manifest.thresholds.items())
    size = bundle.onnx.stat().st_size / 1e6
    own = bundle.manifest
    return f"{bundle.path}: {own.name}, {own.precision}, {size:.1f} MB, thresholds: {chosen}"
