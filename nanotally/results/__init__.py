"""Results of image files: tables, labels, regions for ImageJ, a report, and a manifest to do it all again."""

from nanotally.results.inputs import Input, check_stems, find_inputs
from nanotally.results.output import FILE_AN_IMAGE, FORMATS, Output, check_formats
from nanotally.results.result import COLUMNS, FIGURES, Result, Run

__all__ = [
    "COLUMNS", "FIGURES", "FILE_AN_IMAGE", "FORMATS", "Input", "Output", "Result", "Run", "check_formats",
    "check_stems", "find_inputs",
]  # fmt: skip
