"""The bones: signed distances on the coarse grid, and their painting as cortex around marrow."""

from __future__ import annotations

import numpy as np

from radiologycnn.simulation.shapes import fraction, soft_maximum, soft_minimum, tube
from radiologycnn.simulation.shoulder_mr.anatomy import (
    GLENOID_CARTILAGE_MM,
    GLENOID_GAP_MM,
    Humerus,
    Person,
    ac_joint,
)
from radiologycnn.simulation.shoulder_mr.confounders import Confounders
from radiologycnn.simulation.shoulder_mr.grid import Canvas, ShoulderGrid, Texture, Window


def scapula_distance(grid: ShoulderGrid, p: Person, confounders: Confounders) -> np.ndarray:
    """Glenoid, neck, blade, spine, acromion, coracoid and clavicle, coarse signed distance."""
    s = p.scale
    u, v, w = grid.coarse
    bone = np.full(u.shape, -50, np.float32)

    def add(low: tuple, high: tuple, shape) -> None:
        window = grid.coarse_box(low, high)
        part = tuple(c[window] for c in (u, v, w))
        if part[0].size:
            np.maximum(bone[window], shape(*part), out=bone[window])

    cup = p.head_radius_mm + p.cartilage_mm + GLENOID_GAP_MM + GLENOID_CARTILAGE_MM
    r = p.head_radius_mm

    def glenoid(u, v, w):
        squeezed = v * (17.0 / 12.5)
        path = [(-0.85 * r, 0, -0.5 * s, 17.5 * s), (-r - 8 * s, 0, 0, 14.5 * s),
                (-r - 24 * s, -4 * s, 2 * s, 7 * s), (-r - 50 * s, -5 * s, 2 * s, 4 * s)]  # fmt: skip
        neck = tube(u, squeezed, w, path)
        return np.minimum(neck, np.sqrt(u * u + v * v + w * w) - cup)

    add((-r - 60 * s, -22 * s, -26 * s), (0, 22 * s, 26 * s), glenoid)

    def blade(u, v, w):
        bend = -4 * s - 0.06 * np.maximum(-u - 30 * s, 0)
        thin = 2.4 * s - np.abs(v - bend)
        edge = np.minimum(-r - 9 * s - u + 0.75 * np.minimum(w + 12 * s, 0), 9 * s - w - 0.02 * u)
        rim = 4.5 * s - np.hypot(np.abs(edge - 3.5) * 0.8, v - bend)
        return np.maximum(np.minimum(thin, edge), rim)

    add((-115 * s, -22 * s, -115 * s), (-25 * s, 14 * s, 16 * s), blade)

    ceiling = r + p.acromiohumeral_mm
    arm = p.acromion_mm / 2

    def acromion(u, v, w):
        return _acromion(u, v, w, p, ceiling)

    add((-26 * s, -52 * s, ceiling - 16), (40 * s, 32 * s, ceiling + 22), acromion)
    middle = ceiling + arm

    def spine(u, v, w):
        path = [(10 * s, -33 * s, middle - 1, 5.0 * s), (-14 * s, -38 * s, middle - 5 * s, 5.5 * s),
                (-50 * s, -32 * s, middle - 14 * s, 5 * s), (-115 * s, -24 * s, middle - 20 * s, 4.5 * s)]  # fmt: skip
        ridge = tube(u, v, w, path)
        lean = np.clip((-4 * s - v) / (28 * s), 0, 1)
        sheet = 2.0 * s - np.abs(w - (9 * s + lean * (middle - 24 * s)))
        sheet = np.minimum(sheet, np.minimum(np.minimum(-4 * s - v, v + 32 * s), -r - 20 * s - u))
        return np.maximum(ridge, sheet)

    add((-125 * s, -50 * s, -5 * s), (20 * s, 0, middle + 16), spine)

    def coracoid(u, v, w):
        path = [(-r - 11 * s, 6 * s, 12 * s, 8 * s), (-r - 9 * s, 18 * s, 24 * s, 6.5 * s),
                (-r + 2 * s, 30 * s, 18 * s, 6 * s), (-r + 9 * s, 38 * s, 9 * s, 4.5 * s)]  # fmt: skip
        return tube(u, v, w, path)

    add((-r - 24 * s, -6 * s, 0), (-r + 20 * s, 50 * s, 36 * s), coracoid)
    swollen = 1.5 * confounders.numbers["ac_arthrosis"][0] if "ac_arthrosis" in confounders else 0.0

    def clavicle(u, v, w):
        x, y, z = ac_joint(p)
        path = [(x - 6.5, y * 0.85, z, 5.5 * s + swollen), (x - 22 * s, y * 0.85, z + 2.5, 5.0 * s),
                (-62 * s, 9 * s, z + 8 * s, 5.2 * s), (-120 * s, 26 * s, z + 12 * s, 5.5 * s)]  # fmt: skip
        return tube(u, v * 0.85, w, path)

    add((-125 * s, -16 * s, middle - 18), (0, 42 * s, middle + 34), clavicle)
    return bone


def _acromion(u, v, w, p: Person, ceiling: float) -> np.ndarray:
    s = p.scale
    half = p.acromion_mm / 2
    if p.acromion_type == "flat":
        drop = 0.0
    elif p.acromion_type == "curved":
        drop = ((v + 10 * s) / 24) ** 2 * 2.6
    else:
        drop = np.maximum(v + 2 * s, 0) ** 2 / (14 * s) ** 2 * 5.5
    level = ceiling + half - drop - p.acromion_slope * (u - 10 * s) * 0.6
    # Rounded plate from the spine forwards, its lateral rim beyond the head's middle.
    qu = np.abs(u - 10 * s) - 13 * s + 5
    qv = np.abs(v + 11 * s) - 25 * s + 5
    rim = 5 - np.sqrt(np.maximum(qu, 0) ** 2 + np.maximum(qv, 0) ** 2) - np.minimum(np.maximum(qu, qv), 0)
    return soft_minimum(rim, half - np.abs(w - level), 3.0)


def humerus_distance(grid: ShoulderGrid, humerus: Humerus) -> np.ndarray:
    """Head, tuberosities with the groove between them, and shaft, coarse signed distance."""
    s = humerus.person.scale
    bone = np.full(grid.coarse[0].shape, -50, np.float32)
    window = grid.coarse_box((-32 * s, -34 * s, -125 * s), (42 * s, 34 * s, 38 * s))
    u, v, w = (c[window] for c in grid.coarse)
    w = w - np.float32(humerus.lift_mm)
    near = humerus.proximal(u, v, w)
    bone[window] = soft_maximum(near, humerus.distal(u, v, w), 5.0)
    groove = tube(u, v, w, humerus.groove_carving())
    bone[window] = np.minimum(bone[window], -groove)
    return bone


def paint_bone(
    canvas: Canvas, distance: np.ndarray, p: Person, textures: dict[str, Texture]
) -> tuple[Window, np.ndarray]:
    """Cortex (no signal) around marrow, where the coarse ``distance`` says; returns the fine window and distance."""
    grid = canvas.grid
    window = grid.around(distance > -2.5 * grid.coarse_mm)
    fine = grid.to_fine(distance, window)
    canvas.paint(fraction(fine, grid.fine_mm), "cortex", window)
    palette = canvas.palette
    grain = grid.to_fine(textures["smooth"].coarse(grid), window)
    red = np.clip(0.12 + 0.10 * grain, 0, 0.5)  # islands of red marrow
    water = palette.water["marrow"] * (1 - red) + palette.water["muscle"] * 1.3 * red
    canvas.paint(fraction(fine - p.cortex_mm, grid.fine_mm), (water, palette.fat["marrow"] * (1 - red)), window)
    return window, fine
