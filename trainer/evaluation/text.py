"""The figures as a page of text for people, and as plain values for JSON."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from math import isnan

from nanotally.measure.bootstrap import RESAMPLES, SHARE, Estimate
from nanotally.measure.precision import AveragePrecisions
from nanotally.trainer.evaluation.counts import Counts, Part
from nanotally.trainer.evaluation.headline import FAIR_PRECISION, SCATTERED_BELOW, Headline
from nanotally.trainer.evaluation.score import Evaluation


def share(value: float) -> str:
    """Three decimals; a dash for nan."""
    return "-" if isnan(value) else f"{value:.3f}"


def percent(value: float) -> str:
    """One decimal and a sign: 12.3 %; a dash for nan."""
    return "-" if isnan(value) else f"{round(100 * value, 1) + 0:.1f} %"


COUNT_HEADS = ("labelled", "found", "missed", "false", "recall", "precision", "F1")


def counted(counts: Counts) -> list[str]:
    """Cells under `COUNT_HEADS`."""
    whole = (counts.labelled, counts.found, counts.missed, counts.false)
    return [*map(str, whole), *map(share, (counts.recall, counts.precision, counts.f1))]


def text(evaluation: Evaluation) -> str:
    """Some forty lines of text."""
    own = evaluation
    lines = _quotable(own)
    classes = {name: [*counted(score), share(score.ap50)] for name, score in own.classes.items()}
    lines += _table("class", [*COUNT_HEADS, "AP50"], classes | {"all": [*counted(own.total), share(own.map50)]})
    lines += _sentences(own)
    heads = ["images", *COUNT_HEADS, "mAP50", "IoU"]
    for way, parts in own.parts.items():
        lines += ["", *_table(way, heads, {part.name: part_cells(part) for part in parts})]
    return "\n".join(f"  {line}".rstrip() for line in lines)


def headline_rows(evaluation: Evaluation) -> list[tuple[str, str, str]]:
    """The figures to quote: name, value and interval, the latter empty where there is none."""
    own, counts = evaluation.headline, evaluation.counts
    score = "" if isnan(own.score_at_precision.value) else f" (score {own.score_at_precision.value:.3f})"
    shares = {
        "mAP50": own.map50,
        **{f"  AP50 of {name}": ap50 for name, ap50 in own.ap50.items()},
        "AP50 whatever the class": own.ap50_any_class,
        "correctly detected": own.correct,
        f"  scattered, contact below {SCATTERED_BELOW:g}": own.correct_scattered,
        "  touching and packed": own.correct_touching,
        f"  at precision {100 * FAIR_PRECISION:g} %{score}": own.correct_at_precision,
        "precision": own.precision,
        "mean error of the count": own.count_error,
    }
    others = f"found an image without particles ({counts.found_on_empty} in {counts.empty_images})"
    return [
        *((name, percent(it.value), _span(it, lambda value: f"{100 * value:.1f}")) for name, it in shares.items()),
        (others, _each(own.found_per_empty_image.value), _span(own.found_per_empty_image, _each)),
    ]


def _each(value: float) -> str:
    return "-" if isnan(value) else f"{value:.1f}"


def interval_head(evaluation: Evaluation) -> str:
    """What the intervals are, for the head of their column."""
    groups = evaluation.headline.groups
    return f"{100 * SHARE:g} % interval over {groups} groups" if groups > 1 else "no interval, groups unknown"


def _span(estimate: Estimate, written: Callable[[float], str]) -> str:
    return "" if isnan(estimate.low) else f"{written(estimate.low)} to {written(estimate.high)}"


def _quotable(own: Evaluation) -> list[str]:
    lines = [f"{'to quote':<48}{'value':>9}   {interval_head(own)}"]
    lines += [f"{name:<48}{value:>9}   {span}" for name, value, span in headline_rows(own)]
    return [*lines, *map(lost, own.unknown), ""]


def lost(name: str) -> str:
    """A class that is labelled and cannot be found."""
    return f"{name} is labelled, but the bundle has no such class: all its labels count as missed"


def part_cells(part: Part) -> list[str]:
    """Images, counts, mean average precision and mean overlap of a part."""
    return [str(part.images), *counted(part), share(part.map50), share(part.mean_iou_tp)]


def _table(first: str, heads: list[str], rows: dict[str, list[str]]) -> list[str]:
    widths = [max(len(head) + 2, 7) for head in heads]
    return [
        f"{name:<20}" + "".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))
        for name, cells in [(first, heads), *rows.items()]
    ]


def _sentences(own: Evaluation) -> list[str]:
    figures = [
        f"% correctly detected {percent(own.total.recall)} ({own.total.found} of {own.total.labelled}), ",
        f"and {own.correct_unlabelled} of {own.difficult} difficult ones\n",
        f"mAP50 {share(own.map50)}, mAP50-95 {share(own.map50_95)}, ",
        f"whatever the class: AP50 {share(own.ap50_any_class)}, found {share(own.found_any_class)}\n",
        f"{voc_name(own)} {share(own.voc.mean)}, darknet's map {share(own.darknet.area.mean)}, ",
        f"at 11 points {share(own.darknet.eleven.mean)}, average IoU {share(own.darknet.average_iou)}\n",
        f"mean IoU of the found {share(own.mean_iou_tp)}, sides of boxes off by {percent(own.size_error)}, ",
        f"bias {percent(own.size_bias)}\n",
        f"mean error of the count {percent(own.counts.error)}, bias of the sum {percent(own.counts.bias)}, ",
        f"{own.counts.found_on_empty} detections in {own.counts.empty_images} images without particles\n",
        f"calibration error of the scores {share(own.reliability.error)}",
    ]
    return "".join(figures).splitlines()


def voc_name(evaluation: Evaluation) -> str:
    """What `Evaluation.voc` is called."""
    return "mAP of Cartucho's script" if evaluation.strict_cartucho else "mAP as area (VOC 2012)"


def figures(evaluation: Evaluation) -> dict[str, object]:
    """The evaluation as plain values for JSON; null where a figure has no meaning."""
    own, names = evaluation, list(evaluation.classes)
    return {
        "images": own.images,
        "headline": _headline(own.headline),
        "unknown_classes": list(own.unknown),
        "unlabelled": own.unlabelled,
        "difficult": own.difficult,
        "map50": plain(own.map50),
        "map50_95": plain(own.map50_95),
        "ap50_any_class": plain(own.ap50_any_class),
        "mean_iou_tp": plain(own.mean_iou_tp),
        "found_any_class": plain(own.found_any_class),
        "pct_correct": plain(own.pct_correct),
        "correct_unlabelled": own.correct_unlabelled,
        "count_error": plain(own.counts.error),
        "count_bias": plain(own.counts.bias),
        "empty_images": own.counts.empty_images,
        "found_on_empty": own.counts.found_on_empty,
        "size_error": plain(own.size_error),
        "size_bias": plain(own.size_bias),
        "voc": {"strict_cartucho": own.strict_cartucho, **_average_precisions(own.voc, names)},
        "darknet": {
            **_average_precisions(own.darknet.area, names),
            "map_11_points": plain(own.darknet.eleven.mean),
            "average_iou": plain(own.darknet.average_iou),
        },
        "total": _counts(own.total),
        "classes": {
            name: {**_counts(score), "ap50": plain(score.ap50), "threshold": plain(score.threshold)}
            for name, score in own.classes.items()
        },
        "confusion": own.confusion.tolist(),
        "reliability": {
            "error": plain(own.reliability.error),
            "count": own.reliability.count.tolist(),
            "score": [plain(value) for value in own.reliability.score],
            "right": [plain(value) for value in own.reliability.right],
        },
        "parts": {
            way: [
                {
                    "name": part.name, "images": part.images, **_counts(part), "map50": plain(part.map50),
                    "mean_iou_tp": plain(part.mean_iou_tp),
                }
                for part in parts
            ]
            for way, parts in own.parts.items()
        },
    }  # fmt: skip


def _headline(own: Headline) -> dict[str, object]:
    told: dict[str, object] = {"groups": own.groups, "resamples": RESAMPLES, "share": SHARE}
    for column in fields(own):
        figure = getattr(own, column.name)
        if isinstance(figure, Estimate):
            told[column.name] = _estimate(figure)
    return told | {"ap50": {name: _estimate(figure) for name, figure in own.ap50.items()}}


def _estimate(own: Estimate) -> dict[str, float | None]:
    return {"value": plain(own.value), "low": plain(own.low), "high": plain(own.high)}


def plain(value: float) -> float | None:
    """Four decimals; None for nan, which JSON does not know."""
    return None if isnan(value) else round(float(value), 4)


def _counts(counts: Counts) -> dict[str, object]:
    return {
        "labelled": counts.labelled, "found": counts.found, "missed": counts.missed, "false": counts.false,
        "recall": plain(counts.recall), "precision": plain(counts.precision), "f1": plain(counts.f1),
    }  # fmt: skip


def _average_precisions(precisions: AveragePrecisions, names: list[str]) -> dict[str, object]:
    rows = zip(names, precisions.ap, precisions.right, precisions.false, strict=True)
    return {
        "map": plain(precisions.mean),
        "classes": {name: {"ap": plain(ap), "right": int(r), "false": int(f)} for name, ap, r, f in rows},
    }
