from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from darknet_files import ARCHITECTURES, NETWORKS, cfg_text, write_cfg
from hypothesis import given
from hypothesis import strategies as st

from nanotally.errors import ConfigError
from nanotally.trainer.darknet.cfg import read_cfg
from nanotally.trainer.darknet.network import Convolution, MaxPool, Route, Upsample, Yolo

V3 = """conv16 max conv32 max conv64 max conv128 max conv256 max conv512 max/1 conv1024 conv256k1 conv512 head yolo345
 route13 conv128k1 up route19,8 conv256 head yolo012"""
V4 = """conv32/2 conv64/2
 conv64 half2 conv32 conv32 route5,4 conv64k1 route2,7 max
 conv128 half10 conv64 conv64 route13,12 conv128k1 route10,15 max
 conv256 half18 conv128 conv128 route21,20 conv256k1 route18,23 max
 conv512 conv256k1 conv512 head yolo345 route27 conv128k1 up route33,23 conv256 head yolo012"""
LAYERS = {"yolov3-tiny": V3.split(), "yolov4-tiny": V4.split()}
SHAPES = {  # channels and side at an input of 416
    "yolov3-tiny": (
        "16x416 16x208 32x208 32x104 64x104 64x52 128x52 128x26 256x26 256x13 512x13 512x13 1024x13 256x13 512x13 "
        "21x13 21x13 256x13 128x13 128x26 384x26 256x26 21x26 21x26"
    ),
    "yolov4-tiny": (
        "32x208 64x104 64x104 32x104 32x104 32x104 64x104 64x104 128x104 128x52 128x52 64x52 64x52 64x52 128x52 128x52 "
        "256x52 256x26 256x26 128x26 128x26 128x26 256x26 256x26 512x26 512x13 512x13 256x13 512x13 21x13 21x13 256x13 "
        "128x13 128x26 384x26 256x26 21x26 21x26"
    ),
}
ANCHORS = ((10, 14), (23, 27), (37, 58), (81, 82), (135, 169), (344, 319))


def told(layer: object) -> str:
    """A layer in the words of `LAYERS`."""
    if isinstance(layer, Convolution):
        size = layer.kernel[2]
        assert layer.kernel[3] == size
        assert layer.padding == size // 2
        assert layer.leaky == layer.normalised
        if not layer.leaky:
            return "head" if (size, layer.stride) == (1, 1) else "linear?"
        return f"conv{layer.kernel[0]}" + (f"k{size}" if size != 3 else "") + (f"/{layer.stride}" * (layer.stride != 1))
    if isinstance(layer, MaxPool):
        assert (layer.size, layer.padding) == (2, 1)
        return "max" + (f"/{layer.stride}" * (layer.stride != 2))
    if isinstance(layer, Route):
        indices = ",".join(map(str, layer.layers))
        return f"route{indices}" if layer.groups == 1 else f"half{indices}" * ((layer.groups, layer.group) == (2, 1))
    if isinstance(layer, Upsample):
        return "up" * (layer.factor == 2)
    assert isinstance(layer, Yolo)
    return "yolo" + "".join(str(ANCHORS.index(anchor)) for anchor in layer.anchors)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_shipped_networks_are_the_standard_ones_layer_by_layer(name: str) -> None:
    network = read_cfg(ARCHITECTURES / f"{name}.cfg")
    assert (network.channels, network.side_px, network.classes) == (1, 416, 2)
    assert [told(layer) for layer in network.layers] == LAYERS[name]
    shapes = [layer.shape for layer in network.layers]
    assert " ".join(f"{channels}x{height}" for channels, height, _ in shapes) == SHAPES[name]
    assert all(height == width for _, height, width in shapes)
    heads = [layer for layer in network.layers if isinstance(layer, Yolo)]
    assert {head.scale_xy for head in heads} == {1.05 if name == "yolov4-tiny" else 1.0}


def test_a_cfg_says_itself_which_anchors_a_head_has(tmp_path: Path) -> None:
    network = write_cfg(tmp_path, cfg_text("yolov4-tiny").replace("mask=0,1,2", "mask = 1,2,3"))
    assert told(network.layers[-1]) == "yolo123"


def test_blanks_comments_line_ends_and_other_names_do_not_matter(tmp_path: Path) -> None:
    text = cfg_text("yolov4-tiny")
    plain = write_cfg(tmp_path, text)
    text = text.replace("[net]", "[network]").replace("[maxpool]", " [max]  # 2 x 2").replace("=", " = ")
    text = (
        text.replace("[convolutional]", "[conv]").replace("\nfilters", "\n; a remark\n\tfilters").replace("\n", "\r\n")
    )
    assert write_cfg(tmp_path, "\ufeff" + text).layers == plain.layers


def test_of_a_key_that_stands_there_twice_the_first_counts(tmp_path: Path) -> None:
    network = write_cfg(tmp_path, cfg_text("yolov3-tiny").replace("filters=16\n", "filters=16\nfilters=17\n"))
    assert network.layers[0].shape[0] == 16


@pytest.mark.parametrize(("name", "side"), [("yolov3-tiny", 608), ("yolov4-tiny", 320)])
def test_heads_follow_the_size(name: str, side: int, tmp_path: Path) -> None:
    network = write_cfg(tmp_path, cfg_text(name, side=side))
    heads = [layer.shape[1:] for layer in network.layers if isinstance(layer, Yolo)]
    assert heads == [(side // 32, side // 32), (side // 16, side // 16)]


FAULTS = {
    "nothing": ("", "", "does not begin with [net]"),
    "a key before any section": ("[net]\n", "", "does not begin with [net]"),
    "no net": ("[net]", "[yolo]", "does not begin with [net]"),
    "not square": ("height=416", "height=320", "416 x 320 pixels; only square inputs"),
    "no width": ("width=416\n", "", "[net] has no width="),
    "a slip in width": ("width=416", "width=4160000", "expected a whole number from 1 to 10,000"),
    "four channels": ("channels=1", "channels=4", "channels=4: micrographs are grey"),
    "unknown layer": ("[upsample]", "[shortcut]", "[shortcut] is no layer that is understood here"),
    "unknown activation": ("activation=leaky", "activation=mish", "activation=mish is not understood"),
    "no activation": ("activation=leaky\n", "", "[convolutional] has no activation="),
    "groups": ("filters=64\n", "filters=64\ngroups=2\n", "groups=2 is not understood"),
    "new coordinates": ("num=6\n", "num=6\nnew_coords=1\n", "new_coords=1 is not understood"),
    "word for a number": ("filters=64", "filters=many", "filters=many: expected numbers"),
    "half a filter": ("filters=64", "filters=64.5", "filters=64.5: expected a whole number"),
    "not a number": ("filters=64", "filters=nan", "filters=nan: expected numbers"),
    "two numbers": ("filters=64", "filters=64,65", "filters=64,65: expected one number"),
    "no stride": ("stride=2", "stride=0", "stride=0: expected a whole number from 1"),
    "route forwards": ("layers=-6,-1", "layers=-6,99", "layers=-6,99: not layers before this one (number 8)"),
    "route to a head": ("layers=-1,23", "layers=-1,30", "or a head"),
    "half a layer": ("layers=-1,23", "layers=-1,2.5", "layers=-1,2.5: expected whole numbers"),
    "route joins sizes": ("layers=-1,23", "layers=-1,9", "joins layers of 26 x 26 and 52 x 52 pixels"),
    "no such group": ("group_id=1", "group_id=2", "groups=2, group_id=2: no such part of 64 channels"),
    "other classes": ("classes=2", "classes=3", "3 anchors and classes=3 needs filters=24"),
    "no such anchor": ("mask=3,4,5", "mask=4,5,6", "mask=4,5,6: there are 6 anchors"),
    "no anchors": ("anchors=", "ankers=", "[yolo] has no anchors="),
    "no equals sign": ("pad=1", "pad 1", "'pad 1' is neither [section] nor key=value"),
    "no value": ("pad=1", "pad=", "'pad=' is neither [section] nor key=value"),
    "layer after a head": ("[route]\nlayers=-4", "[upsample]\nstride=2", "[upsample] follows a head"),
    "kernel larger than the picture": ("size=3\nstride=1\npad=1", "size=999\nstride=1", "answers nothing"),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "says"), FAULTS.values(), ids=FAULTS.keys())
def test_what_cannot_be_followed_is_one_clear_line(old: str, new: str, says: str, tmp_path: Path) -> None:
    text = cfg_text("yolov4-tiny")
    assert old in text
    with pytest.raises(ConfigError) as caught:
        write_cfg(tmp_path, text.replace(old, new) if old else "")
    assert says in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / "net.cfg"))
    assert "\n" not in str(caught.value)


def test_a_network_has_a_head_and_all_heads_have_the_same_classes(tmp_path: Path) -> None:
    text = cfg_text("yolov3-tiny")
    without = text[: text.index("# 16")]
    with pytest.raises(ConfigError, match=r"no \[yolo\] layer, so no boxes"):
        write_cfg(tmp_path, without)
    first, second = text[: text.index("# 17")], text[text.index("# 17") :]
    with pytest.raises(ConfigError, match="heads differ in classes="):
        write_cfg(tmp_path, first + second.replace("classes=2", "classes=1").replace("filters=21", "filters=18"))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no\.cfg: cannot be read \(No such file"):
        read_cfg(tmp_path / "no.cfg")


@given(data=st.data())
def test_a_damaged_cfg_is_read_or_refused_but_never_anything_else(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    lines = cfg_text(data.draw(st.sampled_from(NETWORKS))).splitlines()
    for _ in range(data.draw(st.integers(1, 4))):
        row = data.draw(st.integers(0, len(lines) - 1))
        key, equals, _ = lines[row].partition("=")
        value = data.draw(
            st.integers(-3, 99).map(str) | st.sampled_from(["1e9", "inf", "1,2", "leaky", ""]) | st.text()
        )
        lines[row] = data.draw(st.sampled_from([key + equals + value, value, "", "[route]", lines[row - 1]]))
    with contextlib.suppress(ConfigError):  # every other error fails the test
        network = write_cfg(tmp_path_factory.mktemp("cfg"), "\n".join(lines))
        assert all(min(layer.shape) > 0 for layer in network.layers)
