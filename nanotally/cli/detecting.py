"""What `nanotally detect` does with one image after the other, and with parts of many."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import islice

from nanotally.bundle import Bundle
from nanotally.cli.progress import progress
from nanotally.errors import UsageError
from nanotally.results import Input, Output, check_formats
from nanotally.results.look import Look
from nanotally.results.parts import PARTS, Parts, check_parts
from nanotally.results.row import Tabulate
from nanotally.spread import Failure, Spread


def formats_of(to: str, out: str, *, overlay: bool) -> list[str]:
    """What is to be written, if it can be written there."""
    formats = to.split(",")
    if PARTS in formats:
        if overlay or len(formats) > 1:
            raise UsageError("--to parts: nothing else can be written beside parts")
        check_parts()
        return formats
    check_formats(formats)
    if "://" in out:
        raise UsageError(f"--out {out}: only --to parts can be written to a URL")
    return formats + (["overlay"] if overlay else [])


def told(bundle: Bundle) -> dict[str, str]:
    """What the results say of the model."""
    manifest = bundle.manifest
    return {
        "name": manifest.name, "sha256": manifest.sha256, "precision": manifest.precision, "path": str(bundle.path),
    }  # fmt: skip


def write_files(output: Output, spread: Spread, look: Look, inputs: Sequence[Input]) -> Output:
    """Look at one image after the other. What cannot be read goes to the faults of `output`."""
    with output:
        for result in progress(spread.map(look, inputs), "detecting", len(inputs)):
            if isinstance(result, Failure):
                output.faults.append(result.of(look.folder / result.item.path))
                continue
            for warning in result.micrograph.warnings:
                print(f"nanotally: {result.name}: {warning}", file=sys.stderr)
            output.add(result)
    return output


def write_parts(parts: Parts, spread: Spread, look: Look) -> Parts:
    """Look at the images of all parts that are not there yet."""
    inputs = [each for number in parts.left() for each in parts.inputs_of(number)]
    answers = iter(progress(spread.map(Tabulate(look), inputs), "detecting", len(inputs)))
    for number in parts.left():
        parts.write(number, list(islice(answers, len(parts.inputs_of(number)))))
    parts.close()
    return parts
