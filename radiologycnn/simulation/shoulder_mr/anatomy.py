"""The shoulder without its cuff: body outline, muscles, scapula, clavicle and humerus as signed distances.

Positions are textbook values in mm for a head of 24 mm radius, in the shoulder frame (see :mod:`.grid`), scaled to the
person. What is large and smooth is drawn on the coarse grid as *distances*, so that its edges stay sharp.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from radiologycnn.simulation.shapes import (
    ellipsoid,
    fraction,
    sheet_fraction,
    smooth_step,
    soft_maximum,
    soft_minimum,
    tube,
)
from radiologycnn.simulation.shoulder_mr.config import AnatomyConfig
from radiologycnn.simulation.shoulder_mr.confounders import Confounders
from radiologycnn.simulation.shoulder_mr.grid import WHOLE, Canvas, Coordinates, ShoulderGrid, Texture, Window
from radiologycnn.simulation.shoulder_mr.tears import Tear

REFERENCE_RADIUS_MM = 24.0
# Between the two cartilages, and the glenoid's own cartilage.
GLENOID_GAP_MM = 0.3
GLENOID_CARTILAGE_MM = 1.8


@dataclass(frozen=True)
class Person:
    """The numbers that make one shoulder, drawn before anything is rendered; mm unless said."""

    head_radius_mm: float
    acromiohumeral_mm: float
    acromion_type: str
    acromion_mm: float
    acromion_slope: float
    footprint_ml_mm: float
    footprint_ap_mm: float
    tendon_mm: float
    tendon_length_mm: float
    biceps_radius_mm: float
    biceps_arc_mm: float
    cartilage_mm: float
    cortex_mm: float
    deltoid_mm: float
    subcutaneous_mm: float
    muscle_bulk: float
    fatty_streaks: float
    joint_fluid_mm: float
    bursa_mm: float
    scapular_angle_deg: float
    facet_slope_deg: float
    left: bool

    @property
    def scale(self) -> float:
        return self.head_radius_mm / REFERENCE_RADIUS_MM


def draw_person(rng: np.random.Generator, config: AnatomyConfig) -> Person:
    types, weights = zip(*config.acromion_types.items())
    weights = np.asarray(weights) / sum(weights)
    ranges = ("head_radius_mm", "acromiohumeral_mm", "acromion_mm", "footprint_ml_mm", "tendon_mm", "tendon_length_mm",
              "biceps_radius_mm", "cartilage_mm", "cortex_mm", "deltoid_mm", "subcutaneous_mm", "muscle_bulk",
              "fatty_streaks", "joint_fluid_mm", "bursa_mm", "scapular_angle_deg")  # fmt: skip
    drawn = {name: float(rng.uniform(*getattr(config, name))) for name in ranges}
    return Person(
        **drawn,
        biceps_arc_mm=float(rng.uniform(*config.biceps_ahead_mm)),
        footprint_ap_mm=config.footprint_ap_mm,
        acromion_type=str(rng.choice(types, p=weights)),
        acromion_slope=float(rng.uniform(-0.05, 0.3)),
        facet_slope_deg=float(rng.uniform(30.0, 36.0)),
        left=bool(rng.random() < config.left_share),
    )


@dataclass(frozen=True)
class Humerus:
    """The humerus' geometry: head sphere, the tuberosities' facet turned about the u axis, funnel and shaft.

    Attributes:
        lift_mm: how far the head has moved up.
        margin_deg: where the articular surface ends, as angle from the top towards lateral.
    """

    person: Person
    lift_mm: float
    margin_deg: float = 38.0

    @property
    def margin(self) -> tuple[float, float]:
        """u and distance from the u axis of the articular margin."""
        angle = np.deg2rad(self.margin_deg)
        return self.person.head_radius_mm * float(np.sin(angle)), self.person.head_radius_mm * float(np.cos(angle))

    @property
    def lateral_mm(self) -> float:
        """u of the greater tuberosity's lateral rim."""
        return self.margin[0] + self.person.footprint_ml_mm * float(np.cos(np.deg2rad(self.person.facet_slope_deg)))

    @property
    def axis_drop_mm(self) -> float:
        """The tuberosities (and the ``arc`` coordinate) turn about an axis this far below the head's centre."""
        return 6.0 * self.person.scale

    @property
    def arc_radius_mm(self) -> float:
        """Radius at which ``arc`` is true to scale: the middle of the tendon at the articular margin."""
        return self.margin[1] + self.axis_drop_mm + self.person.tendon_mm / 2

    def arc(self, v: np.ndarray, w: np.ndarray) -> np.ndarray:
        """Place along the cuff's breadth, mm from the top, positive forwards (``w`` from the head's centre)."""
        return self.arc_radius_mm * np.arctan2(v, w + self.axis_drop_mm)

    def _facet(self, u: np.ndarray, v: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Distance below the facet's plane, distance along it from the margin, and radius about the axis."""
        slope = np.deg2rad(self.person.facet_slope_deg)
        cosine, sine = np.float32(np.cos(slope)), np.float32(np.sin(slope))
        down = w + np.float32(self.axis_drop_mm)
        down += np.minimum(down, 0)  # the tuberosities end below the axis
        radius = np.sqrt(v * v + down * down) - np.float32(self.axis_drop_mm)
        u0, r0 = self.margin
        return -((u - u0) * sine + (radius - r0) * cosine), (u - u0) * cosine - (radius - r0) * sine, radius

    def proximal(self, u: np.ndarray, v: np.ndarray, w: np.ndarray) -> np.ndarray:
        """Signed distance to head and tuberosities (positive inside); ``w`` already counted from the head's centre."""
        sphere = self.person.head_radius_mm - np.sqrt(u * u + v * v + w * w)
        facet, begun, _ = self._facet(u, v, w)
        rim = self.lateral_mm
        lean = (rim - 19.5 * self.person.scale) / 45.0
        side = (rim + lean * np.minimum(w, 0) - u) / np.float32(np.hypot(1, lean))
        # The facet begins at the margin; further in, the sphere is the surface.
        return np.maximum(sphere, np.minimum(soft_minimum(facet, side, 2.0), begun + 1.5))

    def distal(self, u: np.ndarray, v: np.ndarray, w: np.ndarray) -> np.ndarray:
        s = self.person.scale
        return tube(u, v, w, [(7 * s, 0, -4 * s, 18.5 * s), (7 * s, 0, -25 * s, 16 * s), (7 * s, 0, -50 * s, 12 * s),
                              (7.5 * s, 0, -130 * s, 11 * s)])  # fmt: skip

    def along(self, u: np.ndarray, v: np.ndarray, w: np.ndarray) -> np.ndarray:
        """Distance along the cuff from the footprint's lateral rim towards the muscle, mm."""
        _, on_facet, radius = self._facet(u, v, w)
        length = self.person.footprint_ml_mm
        turned = np.float32(np.deg2rad(self.margin_deg)) - np.arctan2(u, np.maximum(radius, 1.0))
        return np.where(on_facet > 0, length - on_facet, length + (self.person.head_radius_mm + 3) * turned)

    def groove_path(self) -> list[tuple[float, float, float, float]]:
        """Points (u, v, w, radius) of the long biceps tendon from the glenoid's top down the groove."""
        p, s = self.person, self.person.scale
        angle = p.biceps_arc_mm / self.arc_radius_mm
        drop = self.axis_drop_mm
        top = p.head_radius_mm + p.cartilage_mm + 1.6
        r = p.biceps_radius_mm
        return [
            (-0.96 * top, 0.03 * top, 0.62 * top - self.lift_mm * 0.6, r * 0.9),
            (-0.62 * top, 0.12 * top, 0.80 * top, r),
            (-0.10 * top, 0.38 * top, 0.93 * top, r),
            (0.33 * top, 0.57 * top, 0.77 * top, r),
            (14 * s, 28 * s * np.sin(angle), 28 * s * np.cos(angle) - drop, r),
            (15.5 * s, 24.0 * s, 2 * s, r),
            (14.5 * s, 18.8 * s, -18 * s, r * 0.95),
            (13 * s, 15.0 * s, -50 * s, r * 0.9),
            (12 * s, 14.0 * s, -120 * s, r * 0.9),
        ]

    def groove_carving(self) -> list[tuple[float, float, float, float]]:
        """The groove itself, a little wider and deeper than its tendon."""
        return [(u - 0.4, v - 0.7, w, r + 1.0) for u, v, w, r in self.groove_path()[4:]]


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


def belly_tip(person: Person, tear: Tear) -> float:
    """Where the supraspinatus' muscle begins, as angle (rad) from the top of the head towards lateral."""
    along = person.tendon_length_mm + tear.retraction_mm
    return float(np.deg2rad(38.0) - (along - person.footprint_ml_mm) / (person.head_radius_mm + 4))


def paint_shoulder(
    canvas: Canvas, person: Person, humerus: Humerus, tear: Tear, confounders: Confounders, textures: dict[str, Texture]
) -> dict[str, np.ndarray]:
    """Paint everything that lies around the joint, bones last.

    Returns:
        ``"scapula"``, ``"humerus"``: coarse signed distances; ``"body"``: share of body per fine voxel.
    """
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
    _paint_muscle(canvas, share, lobules, person, tear)
    _paint_vessels(canvas, person, textures)
    _paint_chest(canvas, person)

    scapula = _scapula(grid, person, confounders)
    humeral = _humerus(grid, humerus)
    return {"scapula": scapula, "humerus": humeral, "body": inside}


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
        window = grid.coarse_box(*reach(points))
        u, v, w = (c[window] for c in grid.coarse)
        if not u.size:
            continue
        # Flat: broader from front to back than high.
        squeezed = [(a, c / flat, d, r) for a, c, d, r in points]
        muscles.add(tube(u, v / flat, w, squeezed) * min(flat, 1.0), group, window)


def reach(points: list, margin: float = 8.0) -> tuple[tuple, tuple]:
    places = np.array([p[:3] for p in points])
    radius = max(p[3] for p in points) * 1.3 + margin
    return tuple(places.min(axis=0) - radius), tuple(places.max(axis=0) + radius)


def _paint_muscle(canvas: Canvas, share, streaks, p: Person, tear: Tear) -> None:
    palette = canvas.palette
    fat = p.fatty_streaks
    # Streaks are where the noise is high; their mean share over the muscle is about ``fat``.
    streak = np.clip((streaks - (1.6 - 4 * fat)) * 0.8, 0, 0.85).astype(np.float32)
    water = palette.water["muscle"] * (1 + 0.05 * streaks) * (1 - streak) + palette.water["fat"] * streak
    canvas.paint(share, (water, palette.fat["fat"] * streak))


def infiltrate(canvas: Canvas, p: Person, humerus: Humerus, tear: Tear, textures: dict[str, Texture]) -> None:
    """Fatty streaks in the torn muscles' bellies, beyond what every muscle of the person has."""
    if not tear.infiltration:
        return
    s = p.scale
    window, (u, v, w) = canvas.grid.box((-100 * s, -24 * s, 10 * s), (0.0, 22 * s, 44 * s))
    if not u.size:
        return
    tip = (p.head_radius_mm + 5) * np.sin(belly_tip(p, tear))
    belly = 11.5 * s * p.muscle_bulk * tear.atrophy
    inside = smooth_step(belly - np.hypot((v + 2) / 1.25, w - 25 * s), 0, 2) * smooth_step(tip - u, 0, 8)
    streak = np.clip((textures["streaks"](u, v, w) + 0.6 - 1.6 * (1 - tear.infiltration)) * 0.9, 0, 0.9)
    canvas.paint((inside * streak).astype(np.float32), "fat", window)


def _paint_vessels(canvas: Canvas, p: Person, textures: dict[str, Texture]) -> None:
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
        window, (u, v, w) = canvas.grid.box(*reach(points, 3.0))
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


def _scapula(grid: ShoulderGrid, p: Person, confounders: Confounders) -> np.ndarray:
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


def ac_joint(p: Person) -> tuple[float, float, float]:
    """Middle of the acromioclavicular joint."""
    s = p.scale
    return (-5.5 * s, 4 * s, p.head_radius_mm + p.acromiohumeral_mm + p.acromion_mm / 2 + 2.0)


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


def _humerus(grid: ShoulderGrid, humerus: Humerus) -> np.ndarray:
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


__all__ = [
    "Coordinates",
    "Humerus",
    "Person",
    "ac_joint",
    "draw_person",
    "infiltrate",
    "paint_bone",
    "paint_shoulder",
    "reach",
]
