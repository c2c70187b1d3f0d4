"""Make the pictures of every control's two ends again: `python docs/make_control_pictures.py`.

The ends are those of the range that the shipped recipe `sem` draws from, all else being equal.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanotally.generator.imaging import Imaging
from nanotally.generator.micrograph import make_micrograph
from nanotally.generator.ranges import Choice, Constant, LogUniform, Range, Sometimes, Uniform
from nanotally.generator.recipe import SECTIONS, read_recipe
from nanotally.generator.specimen import Specimen
from nanotally.opencv import cv2

IMAGES = Path(__file__).parent / "images"
HEIGHT, WIDTH, TEXT_PX, COLUMNS = 150, 200, 18, 6
SHEETS = {
    "specimen": ("specimen",), "crowd": ("crowd",), "habit": ("habit",), "material": ("material",),
    "substrate": ("substrate", "flaws"), "imaging": ("beam", "scan", "detector"),
    "display": ("display", "publication", "lettering"),
}  # fmt: skip
CHAIN = ("beam", "scan", "detector", "display", "publication")
USUAL: dict[str, dict[str, Any]] = {
    "specimen": {"d_g_nm": 90.0, "nm_per_px": 3.0, "count": 18.0, "shadow": 0.2, "cube_share": 0.5},
    "crowd": {"max_overlap": 0.05, "inside": False, "gap_px": 0},
    "material": {"edge_gain": 0.4, "roughness": 0.04},
    "flaws": {"size_px": 9.0},
}
CUBES, SPHERES = {"specimen.cube_share": 1.0}, {"specimen.cube_share": 0.0}
FLAWED = {"flaws.debris": 500.0, "flaws.pores": 300.0, "flaws.scratches": 100.0}
SMALL = {"specimen.count": 40.0, "specimen.d_g_nm": 45.0, "specimen.sigma_g": 1.05}
BESIDE: dict[str, dict[str, Any]] = {
    "specimen.other": {"specimen.other_share": 1.0},
    "specimen.other_share": {"specimen.other": "rod"},
    "specimen.coverage": {"specimen.d_g_nm": 36.0, "crowd.max_overlap": 0.4},
    "specimen.shadow": {"crowd.arrangement": "clustered", "substrate.level": 0.6},
    "specimen.sunk": {"specimen.count": 40.0, "crowd.arrangement": "piled"},
    "crowd.arrangement": {**SMALL, **CUBES, "crowd.max_overlap": 0.4, "crowd.cluster_size": 14.0},
    "crowd.cluster_size": {**SMALL, "crowd.arrangement": "clustered"},
    "crowd.disorder_rad": {**SMALL, **CUBES, "crowd.arrangement": "square"},
    "crowd.slip": {**SMALL, **CUBES, "crowd.arrangement": "clustered", "crowd.disorder_rad": 0.02},
    "crowd.warp": {**SMALL, **SPHERES, "crowd.arrangement": "hexagonal", "specimen.count": 99.0},
    "crowd.filled": {**SMALL, **SPHERES, "crowd.arrangement": "hexagonal", "specimen.count": 99.0},
    "crowd.max_overlap": {"specimen.count": 40.0},
    "crowd.gap_px": {"specimen.count": 99.0, "crowd.max_overlap": 0.0},
    "habit.roundness": CUBES,
    "habit.truncation": CUBES | {"habit.tilt_rad": 1.0},
    "habit.concavity": CUBES,
    "habit.oblong": CUBES,
    "habit.tilt_rad": CUBES,
    "habit.irregularity": SPHERES,
    "habit.elongation": SPHERES,
    "habit.facets": SPHERES,
    "habit.shell": SPHERES,
    "material.shell_level": SPHERES | {"habit.shell": 0.3},
    "material.side_rad": {"material.side_gain": 0.4},
    "material.edge_width": {"material.edge_gain": 1.0},
    "material.grain": {"material.roughness": 0.2},
    "material.relief": {"material.roughness": 0.15, "material.side_gain": 0.3},
    "substrate.gradient_rad": {"substrate.gradient": 0.5},
    "substrate.grain_px": {"substrate.grain": 0.15},
    "substrate.relief": {"substrate.grain_px": 6.0},
    "substrate.rolled": {"substrate.grain": 0.15, "substrate.grain_px": 1.5},
    "flaws.size_px": FLAWED,
    "flaws.contrast": FLAWED,
    "flaws.debris": {"specimen.count": 3.0},
    "flaws.stains": {"specimen.count": 3.0},
    "flaws.scratches": {"specimen.count": 3.0},
    "flaws.pores": {"specimen.count": 3.0},
    "beam.astigmatism": {"beam.sigma_px": 2.0},
    "beam.angle_rad": {"beam.sigma_px": 2.0, "beam.astigmatism": 3.0},
    "scan.frames": {"scan.dwell_us": 0.2},
    "scan.charging": {"specimen.count": 6.0, "scan.charging_px": 40.0},
    "scan.charging_px": {"specimen.count": 6.0, "scan.charging": 0.8},
    "scan.halo": {"specimen.count": 6.0, "scan.charging_px": 20.0, "substrate.level": 0.5},
    "detector.electrons_per_us": {"scan.dwell_us": 0.5},
    "detector.response_us": {"scan.dwell_us": 0.05},
    "publication.jpeg_quality": {"scan.dwell_us": 0.5},
}
"""What else must be set for a control to show."""
SECTION: dict[str, dict[str, Any]] = {"substrate": {"substrate.level": 0.6}}
"""What else must be set for all controls of a section to show."""
SHOWN = {"debris": 400.0, "scratches": 120.0, "pores": 400.0}
"""Numbers a megapixel are raised for pictures as small as these."""


def ends(control: Range) -> list[Any]:
    """The two ends of what is drawn; all values of a choice of words."""
    if isinstance(control, (Uniform, LogUniform)):
        return [control.low, control.high]
    if isinstance(control, Choice):
        return list(control.values) if isinstance(control.values[0], str) else [control.values[0], control.values[-1]]
    if isinstance(control, Sometimes):
        return list(dict.fromkeys([control.otherwise, *ends(control.of)]))
    return [control.value] if isinstance(control, Constant) and control.value is True else []


def specimen(settings: dict[str, Any]) -> Specimen:
    """The usual specimen with these settings."""
    tables = {section: {} | USUAL.get(section, {}) for section in SECTIONS}
    for name, value in settings.items():
        section, key = name.split(".")
        tables[section][key] = value
    own = tables.pop("specimen")
    if "d_g_px" in own:
        own["d_g_nm"] = own.pop("d_g_px") * own["nm_per_px"]
    if "coverage" in own:
        own.pop("count")
    parts = {name: SECTIONS[name](**table) for name, table in tables.items()}
    chain = {name: parts.pop(name) for name in CHAIN}
    return Specimen(**own, **parts, imaging=Imaging(**chain))


def cell(section: str, key: str, value: Any) -> NDArray[np.uint8]:
    """A small micrograph with the control's name and value over it."""
    name = f"{section}.{key}"
    settings = {**SECTION.get(section, {}), **BESIDE.get(name, {}), name: value}
    made = make_micrograph(specimen(settings), height=HEIGHT, width=WIDTH, max_particles=500, seed=7)
    strip = np.full((TEXT_PX, WIDTH), 255, np.uint8)
    told = f"{value:.3g}" if isinstance(value, float) else str(value)
    cv2.putText(strip, f"{key} {told}", (3, 13), cv2.FONT_HERSHEY_SIMPLEX, 0.42, 0, 1, cv2.LINE_AA)
    return np.pad(np.vstack([strip, made.image]), 3, constant_values=255)


def main() -> None:
    """Write a sheet for every group of sections."""
    ranges = read_recipe("sem").ranges
    for name, sections in SHEETS.items():
        cells: list[NDArray[np.uint8]] = []
        for (section, key), control in ranges.items():
            if section in sections and key not in ("cube_share", "d_g_nm"):
                values = ends(control)
                if key in SHOWN:
                    values = [0.0, SHOWN[key]]
                if key.endswith("_rad") and section not in ("habit", "crowd"):
                    values[-1] /= 4  # both ends of a full turn look alike
                cells += [cell(section, key, value) for value in values]
        cells += [np.full_like(cells[0], 255)] * (-len(cells) % COLUMNS)
        sheet = np.vstack([np.hstack(cells[k : k + COLUMNS]) for k in range(0, len(cells), COLUMNS)])
        cv2.imwrite(str(IMAGES / f"controls-{name}.jpg"), sheet, [cv2.IMWRITE_JPEG_QUALITY, 72])


if __name__ == "__main__":
    main()
