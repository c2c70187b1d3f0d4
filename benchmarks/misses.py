"""Where the default model misses, by size and at the border: `python benchmarks/misses.py SET ...`."""

from __future__ import annotations

import sys
from itertools import pairwise

import numpy as np

from nanotally.bundle import load_bundle
from nanotally.labels import read_dataset
from nanotally.measure.matching import match
from nanotally.trainer.evaluate import at_thresholds, judge, pictures_of

SIZES_PX = (0, 16, 32, 64, 10_000)
TOUCH_PX = 2


def main() -> None:
    bundle = load_bundle()
    thresholds = np.array([bundle.manifest.thresholds[name] for name in bundle.manifest.classes], np.float32)
    found, size, cut = [], [], []
    for folder in sys.argv[1:]:
        for image in judge(bundle, pictures_of(read_dataset(folder))):
            told, truth = at_thresholds(image.found, thresholds), image.truth
            found.append(match(told, truth, any_class=True).found)
            size.append(truth.size.max(axis=1))
            far = np.array(image.size[::-1]) - TOUCH_PX
            cut.append(((truth.xyxy[:, :2] < TOUCH_PX) | (truth.xyxy[:, 2:] > far)).any(axis=1))
            if not len(truth):
                print(f"{folder}: {image.name} holds no particle; called one: {told.counts()}")
    hit, longer, border = (np.concatenate(column) for column in (found, size, cut))
    rows = {"cut by the border": border, "whole": ~border}
    rows |= {f"{a} to {b} px": (longer >= a) & (longer < b) for a, b in pairwise(SIZES_PX)}
    for name, chosen in rows.items():
        print(f"{name:<20}{hit[chosen].sum():>6} of {chosen.sum():>5}  {100 * hit[chosen].mean():.0f} %")


if __name__ == "__main__":
    main()
