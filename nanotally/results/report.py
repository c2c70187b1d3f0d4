"""`report.html`: one page to read, print and send, that needs nothing else, neither network nor script."""

from __future__ import annotations

import shlex
from base64 import b64encode
from collections import Counter
from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from shutil import copyfileobj
from tempfile import TemporaryFile

import numpy as np

from nanotally.draw import class_colour
from nanotally.measure.quantities import quantity_of
from nanotally.measure.statistics import SizeDistribution
from nanotally.opencv import cv2
from nanotally.results.histogram import NAMES, histogram
from nanotally.results.manifest import versions
from nanotally.results.overlays import drawn
from nanotally.results.result import Result, Run
from nanotally.results.sizes import SizeLedger

NAME = "report.html"
OFFLINE = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""What a browser may load: nothing that is not in the page."""
MOST_PICTURES = 24
"""Of the report, evenly spread over the images: it stays a file that can be sent."""
PICTURE_PX = 720
"""Width of one."""
FEWEST = 6
"""Particles of a class whose sizes are drawn; of fewer the median has no interval either."""

LEGEND = (
    "By number, each particle counts the same. Grey band: interval that holds the median of the whole population in 95 "
    "of 100 samples. Dashed: lognormal distribution of the same geometric mean and σ<sub>g</sub>. A particle that is "
    "cut, hidden or too faint is counted and not measured; a cube is measured where it is seen as a square. "
    "The last row: how many bring the geometric mean to within 5 %."
)


class Report:
    """Size distributions, a row an image, pictures with what was found, and how it was done."""

    def __init__(self, out: Path, run: Run) -> None:
        self._path, self._run = out / NAME, run
        self._sizes = SizeLedger(run.classes)
        self._counts: Counter[str] = Counter()
        self._images = self._truncated = self._uncalibrated = 0
        self._rows = TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - open as long as the writer
        self._pictures: list[str] = []

    def add(self, result: Result) -> None:
        """Take down an image: its row, its sizes and, of some, its picture."""
        run = self._run
        if self._images % -(-run.images // MOST_PICTURES) == 0:
            self._pictures.append(_figure(result, run.classes))
        self._images += 1
        self._truncated += result.found.truncated
        self._uncalibrated += result.micrograph.nm_per_px is None
        self._counts.update(result.found.detections.counts(run.classes))
        self._sizes.add(result)
        self._rows.write(_row(result, run.classes))

    def close(self, faults: Sequence[str]) -> None:
        """Write the page."""
        style = files(__package__).joinpath("report.css").read_text(encoding="utf-8")
        title = f"{sum(self._counts.values())} particles in {self._images} images"
        with self._rows, self._path.open("w", encoding="utf-8") as page:
            page.write(
                '<!doctype html><html lang="en"><head><meta charset="utf-8">'
                f'<meta http-equiv="Content-Security-Policy" content="{OFFLINE}">'
                '<meta name="viewport" content="width=device-width, initial-scale=1">'
                f"<title>{escape(title)}</title><style>\n{style}</style></head><body><main>\n"
                f"<h1>{escape(title)}</h1>\n"
            )
            page.write("".join([*self._summary(), *self._remarks(faults), *self._distributions(), *self._head()]))
            self._rows.seek(0)
            copyfileobj(self._rows, page)
            page.write("</tbody></table></div>\n")
            page.write("".join([*self._gallery(), *self._provenance(), "</main></body></html>\n"]))

    def _summary(self) -> list[str]:
        run = self._run
        tiles = {"images": self._images, **{name: self._counts[name] for name in run.classes}}
        shown = "".join(f"<div><b>{count}</b>{escape(name)}</div>" for name, count in tiles.items())
        said = f"Found by {run.model['name']} and measured by nanotally, {run.started:%d %B %Y, %H:%M} UTC."
        return [f"<p>{escape(said)}</p>\n", f'<div class="tiles">{shown}</div>\n']

    def _remarks(self, faults: Sequence[str]) -> list[str]:
        """What a reader must know before the figures."""
        told = [f"Not read: {fault}" for fault in faults]
        if self._truncated:
            told.append(f"{self._truncated} images hold more particles than the model may report: counts are too low.")
        if self._uncalibrated:
            told.append(
                f"The pixel size of {self._uncalibrated} of {self._images} images is not known: they have no density, "
                "and their particles are not in the size distribution. The tables have their sizes in pixels."
            )
        return [f'<p class="warn">{escape(line)}</p>\n' for line in told]

    def _distributions(self) -> list[str]:
        if not self._sizes.calibrated:
            return []
        classes = self._run.classes
        drawings, columns = [], []
        for name in classes:
            own, size_nm = self._sizes.distribution(name), self._sizes.sizes_nm(name)
            if own.n >= FEWEST:
                drawing = histogram(name, size_nm, own, class_colour(name, classes))
                drawings.append(f"<figure><figcaption><b>{escape(name)}</b></figcaption>{drawing}</figure>")
            columns.append(_statistics(own, self._counts[name]))
        rows = zip(STATISTICS, *columns, strict=True)
        return [
            "<h2>Size distribution</h2>\n",
            f'<div class="grid2">{"".join(drawings)}</div>\n',
            _table(("", *classes), rows),
            f"<p>{LEGEND}</p>\n",
        ]

    def _head(self) -> list[str]:
        classes = [head for name in self._run.classes for head in (name, f"median {quantity_of(name)}, nm")]
        heads = ["image", "particles", *classes, "density, µm⁻²", "covered", "nm/px"]
        cells = "".join(f"<th>{escape(head)}</th>" for head in heads)
        cells += '<th class="text">from</th><th class="text">remarks</th>'
        return ["<h2>Images</h2>\n", f'<div class="wide"><table><thead><tr>{cells}</tr></thead><tbody>\n']

    def _gallery(self) -> list[str]:
        shown = len(self._pictures)
        few = f"<p>{shown} of {self._images}, evenly spread.</p>\n" if shown < self._images else ""
        return ["<h2>Pictures</h2>\n", few, '<div class="grid2">\n', *self._pictures, "</div>\n"]

    def _provenance(self) -> list[str]:
        run = self._run
        rows = [
            ("model", run.model["name"]),
            ("sha256 of its network", run.model["sha256"]),
            ("engine", run.engine),
            ("thresholds", ", ".join(f"{name} {score:g}" for name, score in run.thresholds.items())),
            *((name, str(value)) for name, value in run.settings.items() if value),
            ("versions", ", ".join(f"{name} {number}" for name, number in versions().items())),
            ("command", shlex.join(run.command)),
            ("in", str(run.folder)),
        ]
        body = "".join(
            f'<tr><th>{escape(name)}</th><td class="remarks"><code>{escape(value)}</code></td></tr>\n'
            for name, value in rows
        )
        return [
            "<h2>How it was done</h2>\n",
            "<p>To do it again, with the hash of every image: <code>manifest.json</code> beside this page.</p>\n",
            f'<div class="wide"><table><tbody>{body}</tbody></table></div>\n',
        ]


STATISTICS = (
    "size", "particles measured", "D10, nm", "D50 (median), nm", "its 95 % interval, nm", "D90, nm",
    "span, (D90 − D10) / D50", "mean, nm", "coefficient of variation", "geometric mean, nm",
    "geometric standard deviation σg", "particles needed for ±5 %",
)  # fmt: skip


def _statistics(own: SizeDistribution, counted: int) -> list[str]:
    """Cells under the name of a class, one for each of `STATISTICS`."""
    low, high = own.median_95_nm or (None, None)
    enough = "" if own.needed is None or own.n < own.needed else ": enough"
    return [
        NAMES[own.quantity], f"{own.n} of {counted}", _nm(own.d10_nm), _nm(own.d50_nm),
        "–" if low is None else f"{_nm(low)} to {_nm(high)}", _nm(own.d90_nm), _plain(own.span), _nm(own.mean_nm),
        _plain(own.cv), _nm(own.geometric_mean_nm), _plain(own.sigma_g), f"{own.needed or '–'}{enough}",
    ]  # fmt: skip


def _row(result: Result, classes: tuple[str, ...]) -> str:
    micrograph, measured = result.micrograph, result.measured
    counts = result.found.detections.counts(classes)
    cells = [str(sum(counts.values()))]
    for number, name in enumerate(classes):
        cells += [str(counts[name]), _median(result, number)]
    cells += [_plain(measured.density_per_um2), f"{100 * measured.covered_share:.1f} %"]
    pixel = micrograph.nm_per_px
    told = "unknown" if pixel is None else " × ".join(f"{side:.4g}" for side in dict.fromkeys(pixel))
    remarks = [*micrograph.warnings, *(["more particles than the model may report"] if result.found.truncated else [])]
    return (
        f"<tr><th>{escape(result.name)}</th>{''.join(f'<td>{cell}</td>' for cell in cells)}<td>{told}</td>"
        f'<td class="text">{escape(micrograph.pixel_size_from or "–")}</td>'
        f'<td class="remarks">{escape("; ".join(remarks))}</td></tr>\n'
    )


def _median(result: Result, class_id: int) -> str:
    size_nm = result.measured.size_nm
    if size_nm is None:
        return "–"
    mine = size_nm[(result.found.detections.class_id == class_id) & ~np.isnan(size_nm)]
    return _nm(float(np.median(mine))) if len(mine) else "–"


def _figure(result: Result, classes: tuple[str, ...]) -> str:
    picture = drawn(result, classes, width_px=PICTURE_PX)
    jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 80])[1].tobytes()
    return (
        f'<figure><img alt="" src="data:image/jpeg;base64,{b64encode(jpeg).decode()}">'
        f"<figcaption>{escape(result.name)}</figcaption></figure>\n"
    )


def _table(heads: Iterable[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    body = "".join(
        f"<tr><th>{escape(first)}</th>{''.join(f'<td>{escape(cell)}</td>' for cell in rest)}</tr>\n"
        for first, *rest in rows
    )
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>\n{body}</tbody></table></div>\n'


def _nm(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"


def _plain(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"
