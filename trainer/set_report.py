"""The report of a training set: one HTML file that needs nothing else, and the contact sheet beside it."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from nanotally.detections import CLASSES
from nanotally.opencv import cv2
from nanotally.trainer.census import PERCENTILES, Tally
from nanotally.trainer.contact_sheet import LEGEND, contact_sheet
from nanotally.trainer.evaluation.report import OFFLINE, table
from nanotally.trainer.evaluation.svg import PALETTE, Axis, Line, plot

NAME, SHEET = "report.html", "contact-sheet.png"
Figures = Mapping[str, Mapping[str, Any]]


def write_set_report(
    folder: Path, tallies: Mapping[str, Tally], *, notes: Sequence[str], left_out: Sequence[str]
) -> None:
    """Write `report.html` and `contact-sheet.png` of a set into `folder`.

    Args:
        folder: of the set.
        tallies: of its parts.
        notes: what there is to say of where it came from, a sentence each.
        left_out: what was wrong with the pictures that are not in it, a line each.
    """
    sheet = contact_sheet(tallies)
    (folder / SHEET).write_bytes(cv2.imencode(".png", sheet)[1].tobytes())
    figures = {part: tally.figures() for part, tally in tallies.items()}
    style = files("nanotally.trainer.evaluation").joinpath("report.css").read_text(encoding="utf-8")
    title = f"Training set {folder.name}"
    page = "\n".join([
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{OFFLINE}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title><style>\n{style}</style></head><body><main>",
        f"<h1>{escape(title)}</h1>",
        _listed(notes),
        *_counts(figures),
        *_plots(tallies),
        *_steps(figures),
        *([f"<h2>Left out: {len(left_out)}</h2>", _listed(left_out)] if left_out else []),
        *_sheet(cv2.imencode(".jpg", sheet, [cv2.IMWRITE_JPEG_QUALITY, 88])[1].tobytes()),
        "</main></body></html>\n",
    ])  # fmt: skip
    (folder / NAME).write_text(page, encoding="utf-8")


def _listed(lines: Sequence[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(line)}</li>\n" for line in lines) + "</ul>"


def _counts(figures: Figures) -> list[str]:
    heads = (
        "part", "pictures", *CLASSES, "difficult", "particles a picture", "a megapixel", "share covered",
        *(f"{name}, px" for name in CLASSES),
    )  # fmt: skip
    rows = [
        (
            part, own["pictures"], *own["particles"].values(), own["difficult"], _range(own["particles_a_picture"]),
            _range(own["particles_a_megapixel"]), _range(own["covered"], 2),
            *(_range(own["size_px"][name]) for name in CLASSES),
        )
        for part, own in figures.items()
    ]  # fmt: skip
    told = ", ".join(str(p) for p in PERCENTILES)
    return [
        "<h2>Counts, density and sizes</h2>",
        f"<p>Three numbers are the {told} % points. Sizes are longer sides of boxes; covered twice counts twice.</p>",
        table(heads, rows),
    ]


def _range(points: Sequence[float] | None, decimals: int = 0) -> str:
    return "-" if points is None else " · ".join(f"{point:.{decimals}f}" for point in points)


def _plots(tallies: Mapping[str, Tally]) -> list[str]:
    sizes = {part: tally.sizes_px for part, tally in tallies.items()}
    particles = {part: tally.particles.astype(float) for part, tally in tallies.items()}
    shown = [
        ("Share of particles that are smaller.", "longer side of the box, px", sizes),
        ("Share of pictures with fewer particles.", "particles a picture", particles),
    ]
    figures = "".join(
        f"<figure>{_cumulative(said, name, values)}<figcaption>{escape(said)}</figcaption></figure>"
        for said, name, values in shown
        if any(own.size for own in values.values())
    )
    return [f'<div class="grid2">{figures}</div>']


def _cumulative(title: str, name: str, values: Mapping[str, np.ndarray]) -> str:
    lines = [
        Line(part, np.sort(own).tolist(), ((np.arange(own.size) + 1) / own.size).tolist(), PALETTE[i % len(PALETTE)])
        for i, (part, own) in enumerate(values.items())
        if own.size
    ]
    far = max(float(np.percentile(own, 99)) for own in values.values() if own.size)
    inside = [_until(line, far) for line in lines]
    return plot(title, inside, Axis(name, 0, max(far, 1)), Axis("share"))


def _until(line: Line, far: float) -> Line:
    """The line without its last per cent, which would squeeze the rest."""
    count = sum(x <= far for x in line.x)
    return Line(line.name, line.x[:count], line.y[:count], line.colour)


def _steps(figures: Figures) -> list[str]:
    told = []
    for title, key in (
        ("Particles by size of the box, px", "particles_by_size_px"),
        ("Pictures by number of particles", "pictures_by_particles"),
        ("Pictures by share of particles that touch another one, judged by their boxes", "pictures_by_contact"),
    ):
        heads = next(iter(figures.values()))[key]
        rows = [(part, *own[key].values()) for part, own in figures.items()]
        told += [f"<h2>{title}</h2>", table(("part", *heads), rows)]
    return told


def _sheet(jpeg: bytes) -> list[str]:
    keys = "".join(
        f'<span><i style="background:rgb({r} {g} {b})"></i>{escape(name)}</span>' for name, (b, g, r) in LEGEND.items()
    )
    image = f'<img alt="pictures with their labels" src="data:image/jpeg;base64,{b64encode(jpeg).decode()}">'
    return ["<h2>Contact sheet</h2>", f'<p class="key">{keys}</p>', image]
