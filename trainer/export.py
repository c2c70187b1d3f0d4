"""Making model bundles: of a checkpoint, and of another bundle in a precision with fewer bits."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from msgspec.structs import replace

from nanotally.bundle import MODEL, SCHEMA, Bundle, Manifest, Precision, save_manifest, sha256
from nanotally.detections import CLASSES
from nanotally.errors import BundleError, DatasetError, NanotallyError
from nanotally.labels import read_dataset
from nanotally.trainer.checkpoint import write_onnx
from nanotally.trainer.evaluate import Judged, best_thresholds, classes_of, judge, pictures_of
from nanotally.trainer.evaluation.classes import places_of
from nanotally.trainer.precision.figures import Figures, faults, figures_of, race, told

UNTUNED = 0.25
"""Threshold of every class where there is no validation set to choose better ones on: YOLO's usual one."""


@dataclass(frozen=True)
class Converted:
    """A bundle that was made of another one.

    Attributes:
        bundle: the new one.
        figures: of the old and of the new network on the validation set; None without such a set, and where the
            network is the same.
    """

    bundle: Bundle
    figures: tuple[Figures, Figures] | None = None


def export(
    checkpoint: Path,
    folder: Path,
    *,
    name: str,
    side_px: int,
    trained_on: str,
    validation: Path | None = None,
) -> Bundle:
    """Export `checkpoint` into a bundle in FP32 in `folder`.

    Args:
        checkpoint: written by `train`.
        folder: the bundle; files of an older one are replaced.
        name: published on the wire.
        side_px: side of the squares that the network was trained on.
        trained_on: what the network saw, in one line.
        validation: labelled set on which the thresholds are chosen; None: they are `UNTUNED`.

    Raises:
        BundleError: if the network is not one that our decoding reads, or the folder cannot be written.
        DatasetError: if the checkpoint is not there or is none.
        NanotallyError: if the train extra is not installed.
    """
    with TemporaryDirectory() as scratch:
        path = Path(scratch)
        stride = write_onnx(checkpoint, path / MODEL, side_px=side_px)
        manifest = Manifest(
            schema=SCHEMA,
            name=name,
            sha256=sha256(path / MODEL),
            classes=CLASSES,
            input_size_px=side_px,
            stride=stride,
            thresholds=dict.fromkeys(CLASSES, UNTUNED),
            trained_on=trained_on,
        )
        return convert(Bundle(path, manifest), folder, precision="fp32", validation=validation).bundle


def convert(
    source: Bundle,
    folder: Path,
    *,
    precision: Precision,
    validation: Path | None = None,
    calibration: Path | None = None,
    force: bool = False,
) -> Converted:
    """Write the bundle of `source` in another precision, or with other thresholds, into `folder`; needs no torch.

    Args:
        source: in FP32, or already in `precision`; it is left as it is.
        folder: the new bundle; files of an older one are replaced, once all is done and found good.
        precision: of the new network.
        validation: labelled set on which the thresholds are chosen, with the network in FP32, and on which a network in
            fewer bits must pass the gate of `nanotally.trainer.precision.figures`. None: thresholds stay what they are.
        calibration: pictures on which INT8 is calibrated; None: those of the validation set.
        force: write a network in fewer bits even if it does not pass the gate.

    Raises:
        BundleError: if `source` is in a third precision, the new network does not pass the gate (`folder` is then as it
            was), or `folder` is that of `source` or cannot be written.
        DatasetError: if there is no validation set for INT8.
        NanotallyError: if the train extra is not installed.
    """
    if source.path.resolve() == folder.resolve():
        raise BundleError(f"{folder}: is the bundle that is read; name another folder to write to")
    now = source.manifest.precision
    if now not in ("fp32", precision):
        raise BundleError(f"{source.path}: is in {now}; {precision} is made of the same network in fp32")
    if precision == "int8" and validation is None:
        raise DatasetError("int8 must show on labelled pictures that it is good enough: name a set with --validation")
    questions = list(pictures_of(read_dataset(validation))) if validation else []
    judged = judge(source, questions) if questions else []
    whole = tuned(source, judged) if judged else source
    if precision == now:
        return Converted(place(whole, folder))
    with TemporaryDirectory() as scratch:
        fewer = written(whole, Path(scratch), precision, calibration or validation)
        if not judged:
            return Converted(place(fewer, folder))
        slow, fast = race([whole, fewer])
        figures = figures_of(whole, judged, slow), figures_of(fewer, judge(fewer, questions), fast)
        if (bad := faults(*figures)) and not force:
            why = " and ".join(bad)
            raise BundleError(f"{folder}: not written: {why} ({told(*figures)}); --force writes it")
        return Converted(place(fewer, folder), figures)


def tuned(bundle: Bundle, judged: list[Judged]) -> Bundle:
    """`bundle` with the thresholds that serve it best on what it judged; a class without a label keeps its own."""
    names = classes_of(bundle)
    best = best_thresholds(judged, names)
    labelled = {class_id for image in judged for class_id in image.truth.class_id.tolist()}
    thresholds = dict(bundle.manifest.thresholds)
    for name, place in zip(bundle.manifest.classes, places_of(bundle).tolist(), strict=True):
        if place in labelled:
            thresholds[name] = best[names[place]]
    return Bundle(bundle.path, replace(bundle.manifest, thresholds=thresholds))


def written(whole: Bundle, folder: Path, precision: Precision, calibration: Path | None) -> Bundle:
    """The bundle of `whole`, in FP32, with its network in `precision`; the network is in `folder`, the manifest not.

    Args:
        whole: the network to convert.
        folder: where to write it.
        precision: `fp16` or `int8`.
        calibration: pictures for INT8.
    """
    try:
        import onnx

        from nanotally.trainer.precision.calibration import measure_ranges, tiles_of
        from nanotally.trainer.precision.half import to_half
        from nanotally.trainer.precision.integers import quantisable, to_int8
    except ImportError as error:
        raise NanotallyError(f"this needs the train extra ({error}): pip install 'nanotally[train]'") from error
    model = onnx.load(whole.onnx)
    if precision == "fp16" or calibration is None:
        model = to_half(model)
    else:
        inputs = sorted({node.input[0] for node in quantisable(model)})
        tiles = tiles_of(read_dataset(calibration), whole)
        model = to_int8(model, measure_ranges(model, inputs, tiles))
    onnx.save(model, folder / MODEL)
    return Bundle(folder, replace(whole.manifest, precision=precision, sha256=sha256(folder / MODEL)))


def place(bundle: Bundle, folder: Path) -> Bundle:
    """Copy `bundle` to `folder`. A kill leaves what was there before, or a bundle that is refused."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        part = folder / f"{MODEL}.part"
        shutil.copyfile(bundle.onnx, part)
        part.replace(folder / MODEL)
        save_manifest(folder, bundle.manifest)
    except OSError as error:
        raise BundleError(f"{folder}: cannot be written ({error.strerror}); name another folder") from error
    return Bundle(folder, bundle.manifest)
