"""The soft tissue around the joint: body outline, fat, muscles, vessels and the chest's corner.

What is large and smooth is drawn on the coarse grid as *distances*, so that its edges stay sharp on the fine one.
"""

from __future__ import annotations

import numpy as np

from radiologycnn.simulation.shapes import (
    ellipsoid,
    fraction,
    sheet_fraction,
    smooth_step,
    soft_maximum,
    soft_minimum,
    tube,
    tube_box,
)
from radiologycnn.simulation.shoulder_mr.anatomy import Humerus, Person, belly_tip
from radiologycnn.simulation.shoulder_mr.grid import WHOLE, Canvas, ShoulderGrid, Texture, Window
from radiologycnn.simulation.shoulder_mr.tears import Tear


def paint_soft_tissue(
    canvas: Canvas, person: Person, humerus: Humerus, tear: Tear, textures: dict[str, Texture]
) -> None:
    """Paint all that lies around the joint but the bones."""
    grid = canvas.grid
    u, v, w = grid.coarse
    wobble = textures["smooth"].coarse(grid)
    body = _body(u, v, w, person) + 0.7 * wobble
    fine_body = grid.to_fine(body)
    inside = fraction(fine_body, grid.fine_mm)
    lobules = grid.to_fine(textures["streaks"].coarse(grid))
    canvas.water += inside * canvas.palette.water["fat"]
    canvas.fat += inside * (canvas.palette.fat["fat"] * (1 + 0.05 * lobules))
    # Thin fibrous septa between the lobules of fat.
    canvas.paint(inside * np.clip(0.16 - np.abs(lobules), 0, 1), "skin")
    canvas.paint(sheet_fraction(fine_body - 0.8, 0.8, grid.fine_mm), "skin")

    muscles = _Muscles(u.shape)
    under_skin = (
        body
        - person.subcutaneous_mm * (1 + 0.15 * wobble)
        + 0.6 * (person.subcutaneous_mm - 3) * smooth_step(w, 25, 45)
    )
    _add_mantle(muscles, under_skin, u, v, w, person, humerus)
    _add_deep_muscles(muscles, grid, person, humerus, tear)
    share = fraction(muscles.fine_distance(grid, 0.5 * wobble, 0.9), grid.fine_mm)
    _paint_muscle(canvas, share, lobules, person)
    _paint_vessels(canvas, person)
    _paint_chest(canvas, person)
    if tear.infiltration:
        _infiltrate(canvas, person, tear, textures)


class _Muscles:
    """Union of muscles in two groups, so that the fat plane between one of each can be drawn on the fine grid."""

    def __init__(self, shape: tuple[int, int, int]) -> None:
        self.groups = (np.full(shape, -50, np.float32), np.full(shape, -50, np.float32))

    def add(self, distance: np.ndarray, group: int, window: Window = WHOLE) -> None:
        part = self.groups[group][window]
        np.maximum(part, distance, out=part)

    def fine_distance(self, grid: ShoulderGrid, wobble: np.ndarray, plane_mm: float) -> np.ndarray:
        """Signed distance on the fine grid; muscles of different groups keep ``plane_mm`` between them."""
        first, second = (grid.to_fine(group + wobble) for group in self.groups)
        between = np.abs(first - second)
        between -= plane_mm
        return np.minimum(np.maximum(first, second, out=first), between, out=first)


def _body(u: np.ndarray, v: np.ndarray, w: np.ndarray, p: Person) -> np.ndarray:
    s = p.scale
    lateral = 29 * s + 4 + p.deltoid_mm + p.subcutaneous_mm - 0.0016 * np.minimum(w + 5, 0) ** 2
    depth = 30 * s + 5 + 0.8 * p.deltoid_mm + p.subcutaneous_mm
    chest = depth + 12 * smooth_step(-u, 0, 60)
    out = np.sqrt((np.maximum(u + 5, 0) / (lateral + 5)) ** 2 + (v / chest) ** 2)
    sides = (1 - out) * (lateral + 5)
    top = p.head_radius_mm + p.acromiohumeral_mm + p.acromion_mm + 9 + 0.35 * p.subcutaneous_mm
    above = (top + 0.32 * np.maximum(-u - 8, 0) - w) * 0.95
    return soft_minimum(sides, above, 46.0)


def _envelope(u: np.ndarray, v: np.ndarray, w: np.ndarray, p: Person, humerus: Humerus) -> np.ndarray:
    """The room that the deltoid and acromion leave for humerus, cuff and bursa; positive inside."""
    w = w - humerus.lift_mm * 0.5
    s = p.scale
    head = p.head_radius_mm + 1.6 + p.tendon_mm + 3.0 - np.sqrt(u * u + v * v + w * w)
    near = humerus.proximal(u, v, w) + 4.6
    shaft = humerus.distal(u, v, w) + 5.0 * s
    return soft_maximum(soft_maximum(head, near, 4.0), shaft, 8.0)


def _add_mantle(muscles: _Muscles, under_skin, u, v, w, p: Person, humerus: Humerus) -> None:
    s = p.scale
    outside = -_envelope(u, v, w, p, humerus)
    ceiling = p.head_radius_mm + p.acromiohumeral_mm + 3.5
    medial = np.where(v > 0, -8 * s, -22 * s) + 0.35 * np.maximum(-w - 15, 0)
    deltoid = np.minimum(under_skin, outside)
    muscles.add(soft_minimum(soft_minimum(deltoid, u - medial, 14.0), ceiling - w, 6.0), 0)
    trapezius = np.minimum(under_skin, 9 * s - under_skin)
    muscles.add(soft_minimum(soft_minimum(trapezius, -7 * s - u, 8.0), w - 32 * s, 8.0), 0)
    pectoral = np.minimum(under_skin, 17 * s - under_skin)
    muscles.add(soft_minimum(soft_minimum(pectoral, np.minimum(-7 * s - u, v - 12 * s), 10.0), 26 * s - w, 8.0), 0)


def _add_deep_muscles(muscles: _Muscles, grid: ShoulderGrid, p: Person, humerus: Humerus, tear: Tear) -> None:
    s, b = p.scale, p.muscle_bulk
    lift = humerus.lift_mm
    tip = belly_tip(p, tear)
    high = p.head_radius_mm + 5
    start = (high * np.sin(tip), 3.0, high * np.cos(tip) + lift * 0.6)
    shrink = b * tear.atrophy
    supra = [
        (*start, 2.5),
        (min(start[0] - 9, -12 * s), 1.5, 26.5 * s, 8.0 * s * shrink),
        (min(start[0] - 22, -38 * s), -2, 25 * s, 11.5 * s * shrink),
        (-105 * s, -10, 27 * s, 11 * s * shrink),
    ]
    wasted = b * (1 - 0.5 * (1 - tear.atrophy))
    plan = [
        (supra, 1.25, 1),
        ([(-4 * s, -27 * s, 10 * s + lift * 0.6, 5), (-26 * s, -25 * s, 0 * s, 15 * s * wasted),
          (-60 * s, -22 * s, -22 * s, 28 * s * wasted), (-110 * s, -20 * s, -40 * s, 36 * s * wasted)], 0.62, 1),
        ([(9 * s, -24 * s, -12 * s + lift, 3.0), (-14 * s, -27 * s, -22 * s, 8 * s * b),
          (-55 * s, -22 * s, -48 * s, 9 * s * b), (-90 * s, -18 * s, -75 * s, 9 * s * b)], 1.0, 0),
        ([(4 * s, 27 * s, 2 * s + lift, 4.0), (-18 * s, 24 * s, -3 * s, 13 * s * b),
          (-45 * s, 15 * s, -16 * s, 24 * s * b), (-110 * s, 14 * s, -35 * s, 36 * s * b)], 0.58, 0),
        ([(2 * s, 6 * s, -78 * s, 5 * s), (-35 * s, -6 * s, -70 * s, 13 * s * b),
          (-95 * s, -14 * s, -75 * s, 19 * s * b)], 1.0, 1),
        ([(-27 * s, -8 * s, -22 * s, 2.5), (-14 * s, -17 * s, -48 * s, 7 * s * b),
          (0, -24 * s, -110 * s, 13 * s * b)], 1.0, 1),
        ([(-14 * s, 38 * s, 4 * s, 3.5), (-4 * s, 29 * s, -40 * s, 7 * s * b),
          (2 * s, 22 * s, -110 * s, 11 * s * b)], 1.0, 0),
    ]  # fmt: skip
    for points, flat, group in plan:
        window = grid.coarse_box(*tube_box(points))
        u, v, w = (c[window] for c in grid.coarse)
        if not u.size:
            continue
        # Flat: broader from front to back than high.
        squeezed = [(a, c / flat, d, r) for a, c, d, r in points]
        muscles.add(tube(u, v / flat, w, squeezed) * min(flat, 1.0), group, window)


def _paint_muscle(canvas: Canvas, share, streaks, p: Person) -> None:
    palette = canvas.palette
    fat = p.fatty_streaks
    # Streaks are where the noise is high; their mean share over the muscle is about ``fat``.
    streak = np.clip((streaks - (1.6 - 4 * fat)) * 0.8, 0, 0.85).astype(np.float32)
    water = palette.water["muscle"] * (1 + 0.05 * streaks) * (1 - streak) + palette.water["fat"] * streak
    canvas.paint(share, (water, palette.fat["fat"] * streak))


def _infiltrate(canvas: Canvas, p: Person, tear: Tear, textures: dict[str, Texture]) -> None:
    """Fatty streaks in the torn muscles' bellies, beyond what every muscle of the person has."""
    s = p.scale
    window, (u, v, w) = canvas.grid.box((-100 * s, -24 * s, 10 * s), (0.0, 22 * s, 44 * s))
    if not u.size:
        return
    tip = (p.head_radius_mm + 5) * np.sin(belly_tip(p, tear))
    belly = 11.5 * s * p.muscle_bulk * tear.atrophy
    inside = smooth_step(belly - np.hypot((v + 2) / 1.25, w - 25 * s), 0, 2) * smooth_step(tip - u, 0, 8)
    streak = np.clip((textures["streaks"](u, v, w) + 0.6 - 1.6 * (1 - tear.infiltration)) * 0.9, 0, 0.9)
    canvas.paint((inside * streak).astype(np.float32), "fat", window)


def _paint_vessels(canvas: Canvas, p: Person) -> None:
    """Axillary artery (flow void) and vein, in the fat below the coracoid."""
    s = p.scale
    for points, tissue in (
        ([(-95 * s, 22 * s, 8 * s, 3.2), (-45 * s, 30 * s, -22 * s, 3.0), (-22 * s, 22 * s, -60 * s, 2.6),
          (-12 * s, 15 * s, -110 * s, 2.4)], "cortex"),
        ([(-95 * s, 25 * s, 0 * s, 3.8), (-48 * s, 33 * s, -30 * s, 3.6), (-27 * s, 25 * s, -62 * s, 3.0),
          (-16 * s, 17 * s, -110 * s, 2.6)], "blood"),
        ([(-52 * s, -2 * s, 13 * s, 1.2), (-36 * s, -14 * s, 12 * s, 1.2), (-30 * s, -20 * s, -2 * s, 1.0)], "blood"),
        ([(-30 * s, -10 * s, -27 * s, 1.3), (-8 * s, -20 * s, -31 * s, 1.3), (8 * s, -24 * s, -30 * s, 1.0)], "blood"),
    ):  # fmt: skip
        window, (u, v, w) = canvas.grid.box(*tube_box(points, 3.0))
        if u.size:
            canvas.paint(fraction(tube(u, v, w, points), canvas.grid.fine_mm), tissue, window)


def _paint_chest(canvas: Canvas, p: Person) -> None:
    """Lung and ribs at the medial lower corner."""
    s = p.scale
    grid = canvas.grid
    window, (u, v, w) = grid.box((-115 * s, -60, -115 * s), (-35 * s, 70, 20 * s))
    if not u.size:
        return
    wall = ellipsoid(u, v, w, (-118 * s, 8, -75 * s), (56 * s, 62.0, 88 * s))
    canvas.paint(fraction(wall, grid.fine_mm), "muscle", window)
    canvas.paint(fraction(wall - 11, grid.fine_mm), "lung", window)
    # Ribs: bands along the wall, sloping forwards and down.
    phase = (w + 0.35 * v + 0.25 * u + 7) / (22 * s)
    along_wall = np.abs(phase - np.round(phase)) * 22 * s
    rib = (1 - np.hypot(along_wall / 6.5, (wall - 6) / 4.2)).astype(np.float32) * 5
    canvas.paint(fraction(rib, grid.fine_mm), "cortex", window)
    canvas.paint(fraction(rib - 1.3, grid.fine_mm), "marrow", window)
