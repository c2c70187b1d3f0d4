"""Reading a darknet `.cfg`: from its sections to layers, with the shapes that follow."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from nanotally.errors import ConfigError
from nanotally.trainer.darknet.network import Convolution, Layer, MaxPool, Network, Route, Shape, Upsample, Yolo
from nanotally.trainer.darknet.sections import Section, read_sections

DEFAULTS: Mapping[str, Mapping[str, float]] = {
    "convolutional": {
        "groups": 1, "dilation": 1, "stride_x": -1, "stride_y": -1, "share_index": -1e9, "antialiasing": 0,
        "assisted_excitation": 0, "binary": 0, "xnor": 0, "bin_output": 0, "cbn": 0, "flipped": 0, "reverse": 0,
        "coordconv": 0, "sway": 0, "rotate": 0, "stretch": 0, "stretch_sway": 0,
    },
    "maxpool": {"stride_x": -1, "stride_y": -1, "maxpool_depth": 0, "antialiasing": 0, "maxpool_zero_nonmax": 0},
    "route": {},
    "upsample": {"scale": 1},
    "yolo": {"new_coords": 0},
}  # fmt: skip
"""Keys that change what a layer answers, of which only darknet's own default is understood here. Other unknown keys are
about training."""


def read_cfg(path: Path) -> Network:
    """Read a yolov3-tiny, a yolov4-tiny, or another network of convolutions, pools, routes, upsampling and YOLO heads.

    Meaning and defaults of the keys are those of AlexeyAB's darknet.

    Raises:
        ConfigError: if the file cannot be read, has another kind of layer or a key that changes a layer in a way
            that is not understood here, or the layers' shapes do not fit together.
    """
    sections = read_sections(path)
    if not sections or sections[0].name != "net":
        raise ConfigError(f"{path}: does not begin with [net]; is this the .cfg of a darknet network?")
    net, *parts = sections
    side_px, channels = net.whole("width", least=1), net.whole("channels", 3)
    if net.whole("height") != side_px:
        raise net.fault(f"is {side_px} x {net.whole('height')} pixels; only square inputs can be tiled: change the cfg")
    if channels not in (1, 3):
        raise net.fault(f"channels={channels}: micrographs are grey, so the network must take 1 channel or 3")
    layers: list[Layer] = []
    for section in parts:
        if section.name not in READERS:
            raise section.fault(f"is no layer that is understood here; there are {', '.join(READERS)}")
        _refuse_unknown_ways(section)
        if layers and isinstance(layers[-1], Yolo) and section.name != "route":
            raise section.fault("follows a head; only [route] can")
        layer = READERS[section.name](section, layers[-1].shape if layers else (channels, side_px, side_px), layers)
        if min(layer.shape) < 1:
            raise section.fault("answers nothing: what comes in is smaller than its kernel")
        layers.append(layer)
    classes = {layer.classes for layer in layers if isinstance(layer, Yolo)}
    if len(classes) != 1:
        raise ConfigError(f"{path}: " + ("heads differ in classes=" if classes else "no [yolo] layer, so no boxes"))
    return Network(path=path, channels=channels, side_px=side_px, layers=tuple(layers))


def _refuse_unknown_ways(section: Section) -> None:
    for key, default in DEFAULTS[section.name].items():
        if section.number(key, default) != default:
            raise section.fault(f"{key}={section.values[key]} is not understood here")


def _convolution(section: Section, before: Shape, _: Sequence[Layer]) -> Layer:
    filters, size, stride = (section.whole(key, 1, least=1) for key in ("filters", "size", "stride"))
    padding = size // 2 if section.whole("pad", 0) else section.whole("padding", 0)
    activation = section.text("activation")
    if activation not in ("leaky", "linear"):
        raise section.fault(f"activation={activation} is not understood here; there are leaky and linear")
    channels, height, width = before
    return Convolution(
        shape=(filters, (height + 2 * padding - size) // stride + 1, (width + 2 * padding - size) // stride + 1),
        kernel=(filters, channels, size, size),
        stride=stride,
        padding=padding,
        normalised=section.whole("batch_normalize", 0) > 0,
        leaky=activation == "leaky",
    )


def _max_pool(section: Section, before: Shape, _: Sequence[Layer]) -> Layer:
    stride = section.whole("stride", 1, least=1)
    size = section.whole("size", stride, least=1)
    padding = section.whole("padding", size - 1)
    channels, height, width = before
    shape = channels, (height + padding - size) // stride + 1, (width + padding - size) // stride + 1
    return MaxPool(shape=shape, size=size, stride=stride, padding=padding)


def _route(section: Section, _: Shape, layers: Sequence[Layer]) -> Layer:
    here = len(layers)
    sources = tuple(index if index >= 0 else here + index for index in section.wholes("layers"))
    if not all(0 <= index < here and not isinstance(layers[index], Yolo) for index in sources):
        raise section.fault(f"layers={section.values['layers']}: not layers before this one (number {here}), or a head")
    groups, group = section.whole("groups", 1, least=1), section.whole("group_id", 0)
    channels = [layers[index].shape[0] for index in sources]
    if group >= groups or any(n % groups for n in channels):
        raise section.fault(
            f"groups={groups}, group_id={group}: no such part of {' + '.join(map(str, channels))} channels"
        )
    sizes = [layers[index].shape[1:] for index in sources]
    if len(set(sizes)) > 1:
        told = " and ".join(f"{width} x {height}" for height, width in sizes)
        raise section.fault(f"joins layers of {told} pixels; change width= and height= to a multiple of 32")
    return Route(shape=(sum(channels) // groups, *sizes[0]), layers=sources, groups=groups, group=group)


def _upsample(section: Section, before: Shape, _: Sequence[Layer]) -> Layer:
    factor = section.whole("stride", 2, least=1)
    return Upsample(shape=(before[0], before[1] * factor, before[2] * factor), factor=factor)


def _yolo(section: Section, before: Shape, layers: Sequence[Layer]) -> Layer:
    flat = section.numbers("anchors")
    pairs = list(zip(flat[::2], flat[1::2], strict=False))
    mask = section.wholes("mask") if "mask" in section.values else range(len(pairs))
    if not all(0 <= index < len(pairs) for index in mask):
        raise section.fault(f"mask={section.values['mask']}: there are {len(pairs)} anchors, from 0")
    classes = section.whole("classes", 20, least=1)
    filters = len(mask) * (5 + classes)
    if not layers or before[0] != filters:
        told = f"{len(mask)} anchors and classes={classes}"
        raise section.fault(f"with {told} needs filters={filters} in the layer before, not {before[0]}")
    anchors = tuple(pairs[index] for index in mask)
    return Yolo(shape=before, anchors=anchors, classes=classes, scale_xy=section.number("scale_x_y", 1))


READERS: Mapping[str, Callable[[Section, Shape, Sequence[Layer]], Layer]] = {
    "convolutional": _convolution,
    "maxpool": _max_pool,
    "route": _route,
    "upsample": _upsample,
    "yolo": _yolo,
}
