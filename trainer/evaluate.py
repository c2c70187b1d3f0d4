"""Evaluating a bundle on a labelled set: the door to `nanotally.trainer.evaluation`."""

from nanotally.measure.coco import coco as average_precision
from nanotally.measure.judged import Judged, at_thresholds
from nanotally.trainer.evaluation.checkpoints import Trial
from nanotally.trainer.evaluation.classes import classes_of, thresholds_of
from nanotally.trainer.evaluation.counts import ClassScore, Counts, Part
from nanotally.trainer.evaluation.headline import Headline
from nanotally.trainer.evaluation.pooled import Fold, pooled
from nanotally.trainer.evaluation.questions import (
    LOWEST_SCORE,
    Question,
    judge,
    judge_with,
    judgeable,
    judged_of,
    pictures_of,
)
from nanotally.trainer.evaluation.report import write_report
from nanotally.trainer.evaluation.score import Evaluation, best_thresholds, evaluate
from nanotally.trainer.evaluation.text import figures, text

__all__ = [
    "LOWEST_SCORE",
    "ClassScore",
    "Counts",
    "Evaluation",
    "Fold",
    "Headline",
    "Judged",
    "Part",
    "Question",
    "Trial",
    "at_thresholds",
    "average_precision",
    "best_thresholds",
    "classes_of",
    "evaluate",
    "figures",
    "judge",
    "judge_with",
    "judgeable",
    "judged_of",
    "pictures_of",
    "pooled",
    "text",
    "thresholds_of",
    "write_report",
]
