"""`nanotally templates`: particles cut from a labelled micrograph, for `nanotally generate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nanotally.cli import app


@app.command()
def templates(
    image: Annotated[Path, typer.Argument(help="Micrograph.")],
    labels: Annotated[Path, typer.Argument(help="Its labels: YOLO .txt, VOC .xml, or an instance mask.")],
    *,
    out: Annotated[Path, typer.Option(help="Folder to write into; it must be new or empty.")],
    mask: Annotated[Path | None, typer.Option(help="Instance mask beside YOLO or VOC labels.")] = None,
    class_name: Annotated[
        str | None, typer.Option("--class", help="cube or quasi_sphere, where LABELS is an instance mask.")
    ] = None,
) -> None:
    """Cut templates from a labelled micrograph and write their pattern file."""
    from nanotally.generator.labelled import read_labelled
    from nanotally.generator.templates import FATES, write_templates

    counts = write_templates(read_labelled(image, labels, mask=mask, class_name=class_name), out)
    made, *left_out = (counts[fate] for fate in FATES)
    told = ", ".join(f"{n} {fate}" for n, fate in zip(left_out, FATES[1:], strict=True))
    print(f"{out / 'pattern.txt'}: {made} templates of {sum(counts.values())} labels; left out: {told}")
