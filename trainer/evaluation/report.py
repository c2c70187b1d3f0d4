"""The report: one HTML file that needs nothing else, neither network nor script."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files
from math import isnan
from pathlib import Path

from nanotally.errors import DatasetError
from nanotally.measure.judged import of_one_class, published
from nanotally.measure.ledger import Ledger, ledger
from nanotally.trainer.evaluation.checkpoints import Trial, curves, models_of
from nanotally.trainer.evaluation.classes import thresholds_of
from nanotally.trainer.evaluation.gallery import LEGEND, Exhibit, worst
from nanotally.trainer.evaluation.score import Evaluation
from nanotally.trainer.evaluation.svg import PALETTE, Axis, Line, plot
from nanotally.trainer.evaluation.text import (
    COUNT_HEADS,
    counted,
    headline_rows,
    interval_head,
    lost,
    part_cells,
    percent,
    share,
    voc_name,
)

NAME = "index.html"
OFFLINE = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""What a browser may load: nothing that is not in the page."""


def write_report(folder: Path, trials: Sequence[Trial], *, dataset: str) -> Path:
    """Write the report of one bundle, or of several with curves over them; the details are those of the last one.

    Args:
        folder: where `index.html` is written.
        trials: at least one, all on the same set.
        dataset: what they were asked about, for the heading.

    Raises:
        DatasetError: if the file cannot be written.
        MicrographError: if a picture of the gallery cannot be read any more.
    """
    page = html(trials, dataset=dataset)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / NAME).write_text(page, encoding="utf-8")
    except OSError as error:
        raise DatasetError(f"{folder / NAME}: cannot be written ({error.strerror})") from error
    return folder / NAME


def html(trials: Sequence[Trial], *, dataset: str) -> str:
    """The whole page."""
    last = trials[-1]
    style = files(__package__).joinpath("report.css").read_text(encoding="utf-8")
    title = f"{last.title} on {dataset}"
    sections = [
        *(_checkpoints(trials) if len(trials) > 1 else []),
        *_figures(last.evaluation),
        *_plots(last),
        *_confusion(last.evaluation),
        *_parts(last.evaluation),
        *_gallery(worst(published(last.judged, thresholds_of(last.bundle)))),
    ]
    return "\n".join([
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{OFFLINE}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title><style>\n{style}</style></head><body><main>",
        f"<h1>{escape(title)}</h1>",
        f"<p>{_said(last)}</p>",
        *sections,
        "</main></body></html>\n",
    ])  # fmt: skip


def _said(trial: Trial) -> str:
    own, manifest = trial.evaluation, trial.bundle.manifest
    left_out = f", {own.unlabelled} without a label file left out" if own.unlabelled else ""
    known = {name: score.threshold for name, score in own.classes.items() if not isnan(score.threshold)}
    thresholds = ", ".join(f"{name} {threshold:g}" for name, threshold in known.items())
    return escape(
        f"{own.images} images{left_out}; {own.total.labelled} labels, and {own.difficult} difficult ones that are "
        f"neither to be found nor to be missed. Counts hold at the bundle's thresholds ({thresholds}) and for an "
        f"overlap of one half. Network {manifest.sha256[:12]}, trained on: {manifest.trained_on or 'not said'}."
        + "".join(f" {lost(name)}." for name in own.unknown)
    )


def table(heads: Iterable[str], rows: Iterable[Sequence[object]]) -> str:
    """A table; the first cell of a row is its name. Every text is escaped."""
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    body = "".join(
        f"<tr><th>{escape(str(first))}</th>{''.join(f'<td>{escape(str(cell))}</td>' for cell in rest)}</tr>\n"
        for first, *rest in rows
    )
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>\n{body}</tbody></table></div>'


def _checkpoints(trials: Sequence[Trial]) -> list[str]:
    rows = [
        (
            trial.title, step, share(own.map50), share(own.voc.mean), share(own.mean_iou_tp), percent(own.total.recall),
            own.correct_unlabelled, share(own.total.precision), share(own.total.f1),
        )
        for checkpoints in models_of(trials).values()
        for step, trial in checkpoints
        for own in [trial.evaluation]
    ]  # fmt: skip
    heads = ("bundle", "checkpoint", "mAP50", voc_name(trials[0].evaluation), "mean IoU", "correct", "and difficult",
             "precision", "F1")  # fmt: skip
    return [
        "<h2>Checkpoints</h2>",
        "<p>To choose one, look at validation data: the best on a test set is no longer tested.</p>",
        _grid(curves(trials)),
        table(heads, rows),
        f"<p>Below: {escape(trials[-1].title)}.</p>",
    ]


def _figures(own: Evaluation) -> list[str]:
    tiles = {
        "correctly detected": percent(own.total.recall),
        "precision": percent(own.total.precision),
        "mAP50": percent(own.map50),
        "AP50 whatever the class": percent(own.ap50_any_class),
        "mean IoU of the found": percent(own.mean_iou_tp),
        "error of the count": percent(own.counts.error),
    }
    rows = [
        ("mAP50-95", share(own.map50_95)),
        (voc_name(own), share(own.voc.mean)),
        ("darknet map, area / 11 points", f"{share(own.darknet.area.mean)} / {share(own.darknet.eleven.mean)}"),
        ("darknet average IoU", share(own.darknet.average_iou)),
        ("found whatever the class", percent(own.found_any_class)),
        ("difficult ones found in their class", f"{own.correct_unlabelled} of {own.difficult}"),
        ("bias of the sum of counts", percent(own.counts.bias)),
        ("sides of boxes off by / bias", f"{percent(own.size_error)} / {percent(own.size_bias)}"),
        ("detections in images without particles", f"{own.counts.found_on_empty} in {own.counts.empty_images} images"),
    ]
    classes = [(name, *counted(score), share(score.ap50)) for name, score in own.classes.items()]
    return [
        '<div class="tiles">' + "".join(f"<div><b>{v}</b>{escape(k)}</div>" for k, v in tiles.items()) + "</div>",
        table(("to quote", "value", interval_head(own)), headline_rows(own)),
        table(("class", *COUNT_HEADS, "AP50"), [*classes, ("all", *counted(own.total), share(own.map50))]),
        table(("figure", "value"), rows),
    ]


def _plots(trial: Trial) -> list[str]:
    names = list(trial.evaluation.classes)
    own = trial.evaluation.reliability
    drawn = ledger(trial.judged, len(names))
    lines = [line for i, name in enumerate(names) for line in _curve(drawn, i, name, PALETTE[i % len(PALETTE)])]
    lines += _curve(ledger(of_one_class(trial.judged), 1), 0, "whatever the class", "#888888")
    for i, score in enumerate(trial.evaluation.classes.values()):
        note = f"threshold {score.threshold:g}: recall {share(score.recall)}, precision {share(score.precision)}"
        lines.append(Line("", [score.recall], [score.precision], PALETTE[i % len(PALETTE)], dots=True, notes=[note]))
    notes = [f"{n} detections, {share(right)} right" for n, right in zip(own.count.tolist(), own.right, strict=True)]
    scores = [
        Line("as right as it says", [0, 1], [0, 1], "#888888", dashed=True),
        Line("detections, all classes", own.score.tolist(), own.right.tolist(), PALETTE[1], dots=True, notes=notes),
    ]
    return [
        "<h2>Precision and recall, reliability of the scores</h2>",
        _grid([
            ("Precision over recall; dots: the bundle's thresholds.",
             plot("precision over recall", lines, Axis("recall"), Axis("precision"))),
            (f"Share of detections that are right over their score. Mean distance {share(own.error)}.",
             plot("reliability", scores, Axis("score"), Axis("share that is right"))),
        ]),
    ]  # fmt: skip


def _curve(drawn: Ledger, class_id: int, name: str, colour: str) -> list[Line]:
    own = drawn.curve(class_id)
    return [Line(name, own.recall.tolist(), own.precision.tolist(), colour)] if own.labelled else []


def _confusion(own: Evaluation) -> list[str]:
    names = list(own.classes)
    rows = []
    for name, row in zip([*names, "nothing labelled"], own.confusion.tolist(), strict=True):
        cells = "".join(
            f'<td style="background:rgb(0 114 178/{n / max(sum(row), 1):.2f})">{n}</td>' if n else "<td>0</td>"
            for n in row
        )
        rows.append(f"<tr><th>{escape(name)}</th>{cells}</tr>")
    head = "".join(f"<th>{escape(text)}</th>" for text in ["labelled \\ found as", *names, "missed"])
    return [
        "<h2>Confusion</h2>",
        f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>',
    ]


def _parts(own: Evaluation) -> list[str]:
    told = ["<h2>Breakdown</h2>"]
    for way, parts in own.parts.items():
        heads = (way, "images", *COUNT_HEADS, "mAP50", "mean IoU")
        told.append(table(heads, [(part.name, *part_cells(part)) for part in parts]))
    return told


def _gallery(exhibits: list[Exhibit]) -> list[str]:
    if not exhibits:
        return []
    keys = "".join(
        f'<span><i style="background:rgb({r} {g} {b})"></i>{escape(name)}</span>' for name, (b, g, r) in LEGEND.items()
    )
    figures = "".join(
        f'<figure><img alt="" src="{shown.data_uri}"><figcaption>{escape(shown.name)}: {shown.counts.found} of '
        f"{shown.counts.labelled} found, {shown.counts.false} false</figcaption></figure>\n"
        for shown in exhibits
    )
    return ["<h2>The worst pictures</h2>", f'<p class="key">{keys}</p>', f'<div class="grid2">{figures}</div>']


def _grid(plots: Iterable[tuple[str, str]]) -> str:
    shown = "".join(f"<figure>{drawn}<figcaption>{escape(said)}</figcaption></figure>" for said, drawn in plots)
    return f'<div class="grid2">{shown}</div>'
