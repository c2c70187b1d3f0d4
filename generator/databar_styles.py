"""What each maker's software writes below a micrograph, as data.

Wording and arrangement follow pictures of the instruments; sites, badges and emblems are invented.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from functools import partial
from typing import Literal

from nanotally.generator.scale import LengthText, Mark, length_text
from nanotally.generator.typesetting import PLOTTER, SANS, SANS_BOLD, SANS_NARROW, TYPEWRITER, Face


class Sign(Enum):
    """What stands in a databar beside text and the mark of the scale."""

    INSIDE = "the mark of the scale, broken by its value"
    BESIDE = "the mark of the scale, its value to the right of it"
    BADGE = "a maker's name in a filled box"
    ORBITS = "a maker's emblem"


Row = str | Mark | Sign


@dataclass(frozen=True, kw_only=True)
class Style:
    """How one maker's software fills its databar.

    Attributes:
        columns: from the left, each of rows from the top: text with the names of facts in braces, a mark, a sign.
            A single row stands in the middle.
        rows: heights of the rows' middles, as shares of the databar's.
        face: the typeface of all of it.
        capital: height of a capital as a share of the databar's.
        widest: height of a capital as a share of the picture's width, at most.
        gap: between columns, in capitals.
        slack: what gets the width that is left: the gaps, a margin or the column of the scale.
        align: of the rows in a column; 0: left, 1: right.
        scale_align: the same, in the column of the scale.
        ruled: where lines part the columns: after each, after the scale, or nowhere.
        framed: True for a line around all.
        grounds: grey levels of paper and ink, one pair of which is taken.
        display_mm: widths of the display that the magnification refers to, one of which is taken.
        bar: shortest and longest scale as shares of the width.
        firsts: first digits of its length.
        line: thickness of its lines, in capitals.
        length: how lengths are written.
        magnification: how the magnification is written.
        detectors: names of detectors.
        instruments: names of instruments.
    """

    columns: tuple[tuple[Row, ...], ...]
    rows: tuple[float, ...] = (0.28, 0.72)
    face: Face = SANS
    capital: float = 0.22
    widest: float = 0.0125
    gap: float = 1.6
    slack: Literal["gaps", "left", "right", "scale"] = "gaps"
    align: float = 0.0
    scale_align: float = 0.5
    ruled: Literal["each", "scale", ""] = ""
    framed: bool = False
    grounds: tuple[tuple[int, int], ...] = ((0, 255),)
    display_mm: tuple[float, ...] = (127.0,)
    bar: tuple[float, float] = (0.08, 0.3)
    firsts: tuple[int, ...] = (1, 2, 5)
    line: float = 0.12
    length: LengthText = length_text
    magnification: Callable[[float], str]
    detectors: tuple[str, ...]
    instruments: tuple[str, ...] = ("",)


def _thousands(magnification: float, *, small: str, large: str) -> str:
    return small.format(magnification) if magnification < 999.5 else large.format(magnification / 1000)


def _parted(magnification: float, *, by: str) -> str:
    return f"{magnification:,.0f}".replace(",", by)


def _on_a_dial(magnification: float) -> str:
    return _parted(float(f"{magnification:.2g}"), by=",")


DATE, CLOCK = "{when.month}/{when.day}/{when.year}", "{when:%H:%M:%S}"

THERMO_FISHER = Style(
    columns=(
        (Sign.ORBITS,), ("HV", "{kv:.2f} kV"), ("spot", "{spot:.1f}"), ("det", "{det}"), ("WD", "{wd:.1f} mm"),
        ("mag", "{mag} x"), ("HFW", "{field}"), (DATE, CLOCK), (Sign.INSIDE, "{site}"),
    ),
    gap=1.9, slack="scale", align=0.5, ruled="each", framed=True, grounds=((0, 255), (45, 240)),
    display_mm=(127, 207, 298, 414), bar=(0.12, 0.34), firsts=(1, 2, 3, 4, 5), line=0.1,
    magnification=partial(_parted, by=" "), detectors=("ETD", "TLD", "CBS", "T1", "ICD"),
)  # fmt: skip
FEI = replace(
    THERMO_FISHER,
    columns=(
        ("HV", "{kv:.1f} kV"), ("WD", "{wd:.1f} mm"), ("mag", "{mag} x"), ("det", "{det}"), ("spot", "{spot:.1f}"),
        ("HFW", "{field}"), ("{value}", Mark.ENDS), ("{site}",),
    ),
    grounds=((0, 255),),
)  # fmt: skip
PHILIPS = replace(
    THERMO_FISHER,
    columns=(
        ("Acc.V", "{kv:.1f} kV"), ("Spot", "{spot:.1f}"), ("Magn", "{mag}x"), ("Det", "{det}"), ("WD", "{wd:.1f}"),
        (Sign.BESIDE, "{site}"),
    ),
    gap=1.2, widest=0.014, slack="right", align=0, scale_align=0, ruled="", framed=False, face=SANS_NARROW,
    grounds=((0, 255),), display_mm=(122,), firsts=(1, 2, 5), magnification="{:.0f}".format,
    detectors=("SE", "BSE", "TLD"),
)  # fmt: skip
ZEISS = Style(
    columns=(
        ("{value}", Mark.ENDS), ("EHT = {kv:5.2f} kV", "WD = {wd:.1f} mm"), ("Signal A = {det}", "Mag = {mag}"),
        ("Date :{when.day} {when:%b %Y}", "Time :{when:%H:%M:%S}"), (Sign.BADGE,),
    ),
    capital=0.2, widest=0.011, face=SANS_BOLD, grounds=((255, 0), (255, 0), (0, 255)), display_mm=(114, 304, 380),
    bar=(0.08, 0.21), firsts=(1, 2, 3), magnification=partial(_thousands, small="{:.0f} X", large="{:.2f} K X"),
    detectors=("InLens", "SE2", "SE1", "AsB", "ESB", "HE-SE2"),
)  # fmt: skip
ZEISS_BOXED = replace(ZEISS, face=SANS, ruled="scale", framed=True)
ZEISS_LINE = replace(
    ZEISS,
    columns=(
        ("{value}", Mark.ENDS), ("Mag = {mag}",), ("Signal A = {det}",), ("EHT = {kv:5.2f} kV",), ("WD = {wd:.1f} mm",),
    ),
    grounds=((0, 255),),
)  # fmt: skip
JEOL = Style(
    columns=(("", "{det}"), ("", "{kv:.1f}kV"), ("", "X{mag}"), (Mark.SOLID, "{value}"), ("", "WD {wd:.1f}mm")),
    rows=(0.17, 0.62), capital=0.36, widest=0.017, gap=2.2, slack="left", align=0.5, display_mm=(115, 120, 128),
    bar=(0.08, 0.22), line=0.2, length=partial(length_text, space=""), magnification=_on_a_dial,
    detectors=("SEI", "LEI", "SEM", "COMPO"),
)  # fmt: skip
JEOL_TWO_LINES = replace(
    JEOL,
    columns=(
        ("", "x{mag}"), (Mark.SOLID, "{kv:.1f}kV {det}"), ("{value}", "SEM"), ("{site}", "WD {wd:.1f}mm"),
        (DATE, CLOCK),
    ),
    rows=(0.27, 0.74), capital=0.22, widest=0.0105, gap=1.8, align=1, scale_align=1, face=TYPEWRITER, line=0.8,
    detectors=("SEI", "LED", "LEI", "UED"),
)  # fmt: skip
HITACHI = Style(
    columns=(("", "{instrument} {kv:.1f}kV {wd:.1f}mm x{mag} {det}"), (Mark.RULE, "{value}")),
    rows=(0.14, 0.62), capital=0.42, widest=0.02, scale_align=1, bar=(0.14, 0.35), firsts=(1, 2, 3, 4, 5), line=0.15,
    length=partial(length_text, digits="#.3g", space="", micro="u"),
    magnification=partial(_thousands, small="{:.0f}", large="{:.3g}k"),
    detectors=("SE(M)", "SE(U)", "SE(L)", "SE", "LA0(U)", "LM(L)"),
    instruments=("S-4800", "SU8010", "SU8100", "S-5200", "SU-70", "S-3400N"),
)  # fmt: skip
HITACHI_DATED = replace(
    HITACHI,
    columns=(
        ("", "{instrument} {kv:.1f}kV {wd:.1f}mm x{mag} {det} {when:%m/%d/%Y}"), (Mark.COMB, "{value}"),
    ),
    length=partial(length_text, digits="#.3g", space=""),
)  # fmt: skip
TESCAN = Style(
    columns=(
        ("SEM HV: {kv:.1f} kV", "View field: {field}", "SEM MAG: {mag}"),
        ("WD: {wd:.2f} mm", "Det: {det}", "Date(m/d/y): {when:%m/%d/%y}"), ("", Mark.ENDS, "{value}"),
        ("{instrument}", "", "{site}"),
    ),
    rows=(0.2, 0.5, 0.8), capital=0.16, widest=0.0115, slack="scale", ruled="each", framed=True, display_mm=(208, 277),
    bar=(0.1, 0.26), magnification=partial(_thousands, small="{:.0f} x", large="{:.1f} kx"),
    detectors=("SE", "InBeam", "BSE", "In-Beam SE"), instruments=("KAPPA3 LUMEN", "OPTEK 3 XMU", "NORDIC FE"),
)  # fmt: skip
PLOTTED = replace(
    JEOL,
    columns=(("", "x{mag}"), (Mark.SOLID, "{value}"), ("", "WD:{wd:.1f}mm"), ("", "{kv:.0f}kV")),
    face=PLOTTER, line=0.1, widest=0.02, gap=1.2,
)  # fmt: skip

STYLES = (
    THERMO_FISHER, FEI, PHILIPS, ZEISS, ZEISS_BOXED, ZEISS_LINE, JEOL, JEOL_TWO_LINES, HITACHI, HITACHI_DATED, TESCAN,
    PLOTTED,
)  # fmt: skip
OVERPRINTS = (ZEISS_LINE, JEOL, HITACHI, HITACHI_DATED, PHILIPS, PLOTTED)
"""Styles that are also written onto the specimen, without a ground of their own."""
