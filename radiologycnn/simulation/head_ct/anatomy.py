"""The normal head: skull, brain with folded cortex, ventricles, dura, skull base and face, as signed distances.

:func:`build_head` draws one person (shape, age, folding) on the coarse grid; :func:`render_head` turns it into HU on
the fine grid. What lies inside the cavity is drawn at *rest* coordinates, so that a bleed's mass effect is a
displacement of those coordinates. Anatomical positions: textbook values, mm in the head frame; sources in ``config``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from radiologycnn.simulation.head_ct.config import AnatomyConfig, ConfounderConfig
from radiologycnn.simulation.head_ct.fields import (
    HeadGrid,
    blend,
    ellipsoid,
    fraction,
    sheet_fraction,
    smooth_step,
    soft_minimum,
    tube,
    unit_distance,
)


@dataclass
class Person:
    """The numbers that make one head, drawn before anything is rendered."""

    age_years: float
    half_width_mm: float
    half_length_mm: float
    height_mm: float
    exponent: float
    skull_mm: float
    table_mm: float
    scalp_mm: float
    sulcus_mm: float  # half width of a sulcus at the brain's surface
    gap_mm: float  # subarachnoid space over the convexity
    ventricle_scale: float
    hu: dict[str, float]


@dataclass
class Cavity:
    """The skull's shape on the coarse grid, before any bleed."""

    inside: np.ndarray  # signed distance to the inner table, positive in the cavity, mm
    skull_mm: np.ndarray  # local thickness of bone
    head: np.ndarray  # signed distance to the skin
    base: np.ndarray  # 1 at the skull base, 0 at the vault


@dataclass
class Brain:
    """What fills the cavity, on the coarse grid, displaced by the bleeds' mass effect."""

    surface: np.ndarray  # depth below the brain's surface (positive in the brain), mm
    sulcus: np.ndarray  # signed distance to the nearest sulcus' middle sheet
    sulcus_half_mm: np.ndarray  # half width of the cleft there, 0 or less where it has ended
    ventricles: np.ndarray
    cisterns: np.ndarray
    midline: np.ndarray  # signed distance to the mid-sagittal sheet
    tentorium: np.ndarray  # signed distance to the tent's surface, positive above
    falx: np.ndarray  # positive where the falx exists
    nuclei: np.ndarray
    stem: np.ndarray
    sinus: np.ndarray  # dural venous sinuses
    arteries: np.ndarray
    supratentorial: np.ndarray  # 1 above the tent
    tent_exists: np.ndarray  # positive where the tentorium is


def draw_person(rng: np.random.Generator, config: AnatomyConfig) -> Person:
    """Draw one person's numbers; atrophy (sulci, gap, ventricles) follows age."""
    age = rng.uniform(*config.age_years)
    atrophy = np.clip((age - 35) / 50 + rng.normal(0, 0.2), 0, 1.3)
    hu = {
        name: rng.uniform(*getattr(config, f"{name}_hu"))
        for name in ("table", "diploe", "petrous", "grey", "white", "nuclei", "csf", "dura")
    }
    hu["grey"] = max(hu["grey"], hu["white"] + 6.5)
    return Person(
        age_years=float(age),
        half_width_mm=rng.uniform(*config.half_width_mm),
        half_length_mm=rng.uniform(*config.half_length_mm),
        height_mm=rng.uniform(*config.height_mm),
        exponent=rng.uniform(*config.superellipsoid_exponent),
        skull_mm=rng.uniform(*config.skull_mm),
        table_mm=rng.uniform(*config.table_mm),
        scalp_mm=rng.uniform(*config.scalp_mm),
        sulcus_mm=float(0.5 + 1.1 * atrophy),
        gap_mm=float(0.8 + 2.2 * atrophy * rng.uniform(0.5, 1.2)),
        ventricle_scale=float(0.75 + 0.55 * atrophy * rng.uniform(0.6, 1.4)),
        hu=hu,
    )


def build_cavity(
    grid: HeadGrid,
    person: Person,
    rng: np.random.Generator,
    orbital_roof_mm: float = 0.0,
    temporalis_mm: float = 0.0,
) -> Cavity:
    """The cavity (vault cut by the stepped skull base), the bone around it, and the head's outside.

    Args:
        orbital_roof_mm: bone over the orbits, which bulge into the anterior fossa; 0: a flat and thick floor there.
        temporalis_mm: thickness of the muscle at the temples, which the scalp is wider by in part.
    """
    x, y, z = grid.coarse
    wobble = grid.noise(rng, 24.0)
    a, b, c = person.half_width_mm, person.half_length_mm, person.height_mm
    # Broader behind than in front, as skulls are.
    width = a * (1 - 0.10 * smooth_step(-y, 0, b))
    p = person.exponent
    radius = (np.abs(x / width) ** p + np.abs(y / b) ** p + np.abs(z / np.where(z > 0, c, 88.0)) ** p) ** (1 / p)
    vault = unit_distance(1 - radius, grid.coarse_mm, 1e-3) + 1.0 * wobble
    middle = np.where(z > 0, c, 88.0)
    vault = np.where(radius < 0.3, (1 - radius) * np.minimum(a, middle), vault)  # the gradient vanishes at the centre

    side = np.abs(x)
    middle_floor = -28 - 16 * smooth_step(side, 8, 24)
    anterior_floor, wing = -20.0, 0.0
    if orbital_roof_mm:
        # Roofs over the orbits, the cribriform plate between them; the sphenoid wing runs out- and forwards.
        bulge = np.exp(-(((side - 29) / 15) ** 2) - (((y + 58) / 26) ** 2))
        anterior_floor = -26.0 + 11 * bulge - 5 * smooth_step(-side, -12, -4)
        wing = 0.26 * np.clip(side - 12, 0, 46) - 4
    behind = smooth_step(y + wing, -36, -24)
    floor = anterior_floor + behind * (middle_floor - anterior_floor)
    floor = floor + smooth_step(y, 6, 26) * (-68.0 - middle_floor)
    petrous_line = y - (2 + (side - 12) * 0.5)
    ridge = smooth_step(side, 8, 18) * (1 - smooth_step(side, 58, 70))
    floor = floor + 17 * ridge * np.exp(-((petrous_line / 8) ** 2))
    foramen = np.hypot(x, (y - 30) * 0.9)
    floor = floor + 1.2 * wobble
    gy, gx = np.gradient(floor, grid.coarse_mm, axis=(1, 2))
    slope = np.sqrt(1 + gx * gx + gy * gy)
    base = (z - floor) / (1 + (slope - 1) * np.exp(-(((z - floor) / 15) ** 2)))
    base = np.maximum(base, np.where(z < -40, 15 - foramen, -99))  # foramen magnum
    inside = soft_minimum(vault, base, 6.0)
    at_base = smooth_step(vault - base, -4, 6) * smooth_step(-z, 5, 25)
    skull = person.skull_mm * (1 + 0.12 * grid.noise(rng, 15.0)) + 1.5 * smooth_step(y, 40, 80) + 8 * at_base
    if orbital_roof_mm:
        skull = skull + (1 - behind) * at_base * (orbital_roof_mm - skull)
    skull = np.clip(skull, orbital_roof_mm or 3.5, None).astype(np.float32)

    scalp = person.scalp_mm * (1 + 0.1 * wobble) + 5 * smooth_step(-z, 10, 60) * smooth_step(side, 40, 70)
    scalp = scalp + 0.6 * temporalis_mm * _temple(side, y, z)
    neck = (1 - np.hypot(x / 64, (y + 8) / np.where(y < -8, 92, 86))) * 70 - np.maximum(z + 22, 0) * 1.3
    neck = neck - np.maximum(-z - 72, 0) * 0.35
    head = np.maximum(np.minimum(inside, vault) + skull + scalp, neck)
    head = np.maximum(head, vault + person.skull_mm + scalp - np.maximum(-z - 30, 0) * 0.6)
    return Cavity(inside.astype(np.float32), skull, head.astype(np.float32), at_base.astype(np.float32))


def build_brain(
    grid: HeadGrid,
    person: Person,
    cavity: Cavity,
    displacement: np.ndarray,
    rng: np.random.Generator,
    config: AnatomyConfig,
) -> Brain:
    """Draw the contents of the cavity.

    Args:
        displacement: shape (3, K, J, I), x, y, z in mm: how far the bleeds pushed the tissue that now is at a voxel.
    """
    x, y, z = (c - d for c, d in zip(grid.coarse, displacement))
    scale = person.half_length_mm / 87.0
    x, y, z = x / scale, y / scale, z / scale
    side = np.abs(x)
    inside = cavity.inside
    rest_depth = grid.look_up(inside, *(c - d for c, d in zip(grid.coarse, displacement)))
    bend = 1.5 * grid.noise(rng, 25.0)

    # The folding noise is stretched along the radius, so that its zero sheets stand on the surface like sulci.
    radius = np.sqrt(x * x + y * y + z * z) + 1e-3
    stretch = (75.0 / np.maximum(radius, 8.0)) ** 0.75
    folding = grid.noise(rng, rng.uniform(*config.gyrus_mm) * 0.62)
    folding = grid.look_up(folding, x * stretch, y * stretch, z * stretch)
    sulcus = unit_distance(folding, grid.coarse_mm, 0.06)
    depth_mm = rng.uniform(*config.sulcus_depth_mm) * (1 + 0.25 * grid.noise(rng, 12.0))
    surface = rest_depth - person.gap_mm * (1 + 0.4 * grid.noise(rng, 14.0))
    half = person.sulcus_mm * (1.25 - surface / depth_mm) * (1 + 0.35 * grid.noise(rng, 12.0))

    midline = x + bend
    # Interhemispheric fissure: above and before the corpus callosum, whose arc is an ellipse round (4, 4).
    callosum = np.hypot((y - 4) / 40.0, (z - 4) / 30.0)
    fissure = smooth_step(callosum, 0.95, 1.1) * (z > -22)
    # Depth measures from the medial surface too, so that its cortex and its sulci exist.
    medial = np.abs(midline) - 0.4 - 0.5 * person.sulcus_mm + 40 * (1 - fissure)
    surface = np.minimum(surface, medial)
    half = np.minimum(half, person.sulcus_mm * 1.4) * (1 + 0.4 * smooth_step(z, 15, 60))

    v = person.ventricle_scale * (1 + 0.1 * rng.standard_normal())
    asymmetry = 1 + 0.12 * rng.standard_normal()
    ventricles = np.full(x.shape, -1e3, np.float32)
    for sign, size in ((1, v * asymmetry), (-1, v / asymmetry)):
        across = sign * midline
        body = [
            (7, -32, 6, 2.5 * size),
            (8 + 2 * v, -22, 10, 4.5 * size),
            (7 + 2 * v, -5, 18, 4 * size),
            (11 + 2 * v, 18, 19, 4.5 * size),
            (21 + 2 * v, 34, 11, 6 * size),
            (22 + v, 50, 6, 3.0 * size),
            (19, 62, 3, 1.2 * size),
        ]
        horn = [
            (21 + 2 * v, 34, 10, 5 * size),
            (29, 22, -6, 2.6 * size),
            (30, 2, -17, 2.0 * size),
            (27, -8, -19, 1.6 * size),
        ]
        for path in (body, horn):
            np.maximum(ventricles, tube(across, y, z, path), out=ventricles)
    third = np.minimum(1.4 * v + 0.6 * v * v - np.abs(midline), 14 - np.hypot(y - 2, (z + 1) * 1.15))
    aqueduct = tube(
        midline,
        y,
        z,
        [(0, 16, -8, 0.7), (0, 26, -22, 0.9), (0, 33, -30, 2.2), (0, 37, -35, 5.0 * np.sqrt(v)), (0, 38, -42, 2.0)],
    )
    ventricles = np.maximum(np.maximum(ventricles, third), aqueduct)
    septum = np.abs(midline) - 0.6
    ventricles = np.minimum(ventricles, np.where(z > 2, septum, 50)) + 0.5 * grid.noise(rng, 5.0)

    tent_height = 4 - 0.36 * side - 0.28 * (y - 22)
    tentorium = (z - tent_height) * 0.88 + 0.8 * grid.noise(rng, 15.0)
    notch = np.hypot(x / 1.0, (y - 14) * 0.75)
    tent_exists = np.minimum(notch - 20, y - 4 - side * 0.25)
    supratentorial = np.where(tent_exists > -14, tentorium > 0, z > -34 + (y > 10) * 20)

    stem = tube(
        x,
        y,
        z,
        [
            (0, 8, -6, 12.0),
            (0, 10, -18, 13.0),
            (0, 13, -30, 14.5),
            (0, 20, -48, 9.5),
            (0, 30, -66, 7.5),
            (0, 32, -110, 6.0),
        ],
    )
    around_stem = np.minimum(stem + 1.8 + 1.5 * person.sulcus_mm, -stem)
    around_stem = around_stem - 6 * smooth_step(z, -12, -4) - 6 * smooth_step(y, 16, 24) * smooth_step(-z, 18, 26)
    suprasellar = np.minimum(ellipsoid(x, y, z, (0, -8, -22), (14, 11, 7)), 30)
    quadrigeminal = ellipsoid(x, y, z, (0, 27, -6), (11, 5, 6))
    pontine = ellipsoid(x, y, z, (0, -2, -38), (14, 5, 14))
    magna = ellipsoid(x, y, z, (0, 52, -62), (13, 9, 8))
    sylvian_z = -6 + 0.22 * (side - 30) + 0.30 * (y + 5) + bend
    sylvian = np.minimum(0.9 + 1.6 * person.sulcus_mm - np.abs(z - sylvian_z) * 0.9, side - 31)
    sylvian = np.minimum(sylvian, np.minimum(y + 32, 26 - y))
    insula_x = 37 - 0.006 * (y + 2) ** 2 + 2.0 * grid.noise(rng, 6.0)
    insula = np.minimum(0.3 + 0.8 * person.sulcus_mm - np.abs(side - insula_x), 19 - np.hypot(y + 2, (z - 4) * 1.2))
    cisterns = np.full(x.shape, -1e3, np.float32)
    for part in (around_stem, suprasellar, quadrigeminal, pontine, magna, sylvian, insula):
        np.maximum(cisterns, part, out=cisterns)
    cisterns = cisterns + 0.4 * grid.noise(rng, 5.0)

    nuclei = np.full(x.shape, -1e3, np.float32)
    for centre, radii in (((13 + 2.5 * v, -20, 10), (5, 9, 8)), ((26, -5, 3), (6, 17, 10)), ((12, 12, 6), (8, 14, 9))):
        np.maximum(nuclei, ellipsoid(side, y, z, centre, radii), out=nuclei)
    nuclei = nuclei + 0.7 * grid.noise(rng, 6.0)

    falx = np.minimum((callosum - 1.25) * 32, tentorium - 0.5)
    falx = np.minimum(falx, z + 18 + 0.2 * y)
    inner = inside - 0.3
    sagittal = np.minimum(6.5 - inner - np.abs(midline) * 1.5, np.maximum(z - 5, y - 40))
    transverse = np.minimum(6.0 - inner - np.abs(z - tent_height) * 0.9, y - 28 - side * 0.25)
    straight = np.minimum(3.0 - np.hypot(midline, tentorium), y - 30)
    sinus = np.maximum(np.maximum(sagittal, transverse), straight)
    arteries = np.maximum(
        tube(
            side,
            y,
            z,
            [(5, -8, -24, 2.0), (10, -8, -20, 1.7), (22, -8, -16, 1.5), (32, -8, -11, 1.3), (38, 2, -5, 1.0)],
        ),
        tube(x, y, z, [(0, -1, -22, 1.8), (0.8, -2.5, -34, 1.8), (-1, 2, -46, 1.6)]),
    )
    fields = (
        surface,
        sulcus,
        half,
        ventricles,
        cisterns,
        midline,
        tentorium,
        falx,
        nuclei,
        stem,
        sinus,
        arteries,
        tent_exists,
    )
    named = (
        "surface",
        "sulcus",
        "sulcus_half_mm",
        "ventricles",
        "cisterns",
        "midline",
        "tentorium",
        "falx",
        "nuclei",
        "stem",
        "sinus",
        "arteries",
        "tent_exists",
    )
    brain = Brain(
        **{n: f.astype(np.float32) for n, f in zip(named, fields)}, supratentorial=supratentorial.astype(np.float32)
    )
    return brain


def render_head(
    grid: HeadGrid,
    person: Person,
    cavity: Cavity,
    brain: Brain,
    rng: np.random.Generator,
    config: AnatomyConfig,
    confounders: ConfounderConfig,
) -> dict[str, np.ndarray]:
    """HU on the fine grid.

    Returns:
        ``hu`` and the fields that bleeds and physics need again: ``inside`` (mm to the inner table), ``csf`` (share of
        each voxel), all (K, J, I) float32 on the fine grid.
    """
    h = grid.fine_mm
    hu_of = person.hu
    inside = grid.to_fine(cavity.inside)
    head = grid.to_fine(cavity.head)
    skull = grid.to_fine(cavity.skull_mm)
    base = grid.to_fine(cavity.base)
    x, y, z = grid.fine_axes

    hu = np.full(grid.fine_shape, -1000, np.float32)
    lump = grid.to_fine(grid.noise(rng, 5.0))
    muscle = _scalp_muscle(head, -(inside + skull), lump, (x, y, z), h, config)
    tissue = config.fat_hu + muscle * (rng.uniform(*config.muscle_hu) - config.fat_hu)
    tissue += fraction(config.skin_mm - head, h) * (config.skin_hu - tissue)
    blend(hu, fraction(head, h), tissue)
    _render_face(grid, hu, person, head, rng)
    _render_ears(grid, hu, head, rng.spawn(1)[0], config)

    # Bone: two tables with diploe between; the base is denser, and cellular at the mastoids.
    tables = fraction(
        person.table_mm
        - np.minimum(
            np.abs(inside + person.table_mm / 2) + person.table_mm / 2,
            np.abs(inside + skull - person.table_mm / 2) + person.table_mm / 2,
        ),
        h,
    )
    bone = hu_of["diploe"] + 120 * lump + tables * (hu_of["table"] - hu_of["diploe"])
    grain = grid.to_fine(grid.noise(rng, 3.0))
    bone_at_base = np.clip(650 + 420 * grain, -100, 1500)
    bone += base * (bone_at_base - bone)
    petrous = smooth_step(9 - np.hypot(y - (2 + (np.abs(x) - 12) * 0.5), (z + 36) * 0.9), -2, 3)
    petrous = petrous * ((np.abs(x) > 14) & (np.abs(x) < 62))
    bone += petrous * (hu_of["petrous"] + 250 * grain - bone)
    mastoid = ellipsoid(np.abs(x), y, z, (58, 32, -46), (11, 14, 15)) + 1.5 * lump
    cells = fraction(mastoid, 4.0) * (grain > -0.2)
    bone += cells * (-850 - bone)
    share = fraction(np.minimum(inside + skull, -inside), h)
    blend(hu, share, bone)
    air = np.maximum(ellipsoid(x, y, z, (3, -20, -40), (13, 10, 8)), ellipsoid(x, y, z, (0, -52, -38), (12, 20, 14)))
    air = np.where(np.abs(x - 1) < 0.7, -9, air)
    frontal = ellipsoid(np.abs(x - 2), y, z, (9, -(person.half_length_mm + 4), -8), (10, 4, 12))
    air = np.maximum(air, frontal) + 0.8 * lump
    blend(hu, fraction(air, h) * fraction(-inside - 1.2, h), -980)

    # Inside: CSF first, brain over it, then what stands in the brain.
    cavity_share = fraction(inside, h)
    blend(hu, cavity_share, hu_of["csf"] + 0 * lump)
    surface = grid.to_fine(brain.surface)
    ventricles = grid.to_fine(brain.ventricles)
    half = np.maximum(grid.to_fine(brain.sulcus_half_mm), 0)
    sulcus = grid.to_fine(brain.sulcus)
    above = grid.to_fine(brain.supratentorial)
    brain_share = fraction(surface, h)
    cleft = sheet_fraction(sulcus, half, h) * above
    cleft = np.where(surface < 45, cleft, 0)
    cisterns = grid.to_fine(brain.cisterns)
    csf = 1 - brain_share * (1 - cleft) * (1 - fraction(cisterns, h))
    csf = np.maximum(csf, fraction(ventricles, h)) * cavity_share
    cortex = rng.uniform(*config.cortex_mm)
    in_sulcus = np.where(half > 0.02, np.abs(sulcus) - half, 99)
    to_csf = np.minimum(surface, np.where(above > 0.5, in_sulcus, 99))
    to_csf = np.minimum(to_csf, np.where(np.abs(cisterns) < 10, -cisterns, 99))
    grey = fraction(cortex - to_csf + 0.4 * lump, max(h, 1.2))
    np.maximum(grey, fraction(grid.to_fine(brain.nuclei), 1.5), out=grey)
    stem = grid.to_fine(brain.stem)
    np.maximum(grey, 0.35 * fraction(stem, 3.0), out=grey)
    below = 1 - above
    np.maximum(grey, below * np.clip(0.68 + 0.22 * grain, 0, 1), out=grey)
    tissue = hu_of["white"] + grey * (hu_of["grey"] - hu_of["white"]) + 0.8 * lump
    near = np.clip(1 - np.abs(ventricles + 4) / 5, 0, 1) * max(person.age_years - 55, 0) / 35
    tissue -= 6 * near * (grey < 0.4)  # white-matter change round the ventricles in old age
    blend(hu, cavity_share * (1 - csf), tissue)

    dura = hu_of["dura"]
    midline = grid.to_fine(brain.midline)
    falx = fraction(grid.to_fine(brain.falx), 2.0)
    blend(hu, sheet_fraction(midline, rng.uniform(0.5, 0.9), h) * falx * cavity_share, dura)
    tent = sheet_fraction(grid.to_fine(brain.tentorium), rng.uniform(0.5, 0.9), h)
    blend(hu, tent * fraction(grid.to_fine(brain.tent_exists), 2.0) * cavity_share, dura)
    blend(hu, fraction(grid.to_fine(brain.sinus), h) * cavity_share, dura + rng.uniform(-4, 4))
    blend(hu, sheet_fraction(inside - 0.5, 0.5, h) * cavity_share, dura)
    blend(hu, fraction(grid.to_fine(brain.arteries), h) * cavity_share, rng.uniform(*confounders.artery_hu))
    return {
        "hu": hu,
        "inside": inside,
        "csf": csf.astype(np.float32),
        "brain": brain_share * cavity_share,
        "grey": grey.astype(np.float32),
    }


def _scalp_muscle(
    head: np.ndarray,
    outside_bone: np.ndarray,
    lump: np.ndarray,
    axes: tuple[np.ndarray, np.ndarray, np.ndarray],
    voxel_mm: float,
    config: AnatomyConfig,
) -> np.ndarray:
    """Share of muscle in the soft tissue round the skull; the rest is fat.

    The galea is a thin sheet on the bone everywhere, temporalis a thick one at the temples, and the neck is muscle
    with planes of fat between.

    Args:
        head, outside_bone: depth under the skin and distance to the skull's outside, mm.
    """
    x, y, z = axes
    thickness = config.galea_mm + config.temporalis_mm * _temple(np.abs(x), y, z)
    muscle = fraction(thickness - outside_bone, voxel_mm)
    neck = smooth_step(-z, 28, 48) * smooth_step(head, 5, 8) * np.clip(0.9 + 1.6 * lump, 0, 1)
    return np.maximum(muscle, neck)


def _temple(side: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """1 where temporalis is thickest, 0 where it is not: from the orbit's edge to the ear, below the temporal line."""
    along = np.exp(-(((y + 22) / 26) ** 4))
    return along * smooth_step(-z, -32, 6) * smooth_step(side, 42, 60)


def _render_face(grid: HeadGrid, hu: np.ndarray, person: Person, head: np.ndarray, rng: np.random.Generator) -> None:
    """Orbits with globes, maxillary sinuses and the nasal passage, roughly; what matters is that they are no brain."""
    x, y, z = grid.fine_axes
    h = grid.fine_mm
    front = -person.half_length_mm
    deep = fraction(head - 2.5, h)
    side = np.abs(x)
    blend(hu, fraction(ellipsoid(side, y, z, (31, front + 16, -36), (19, 22, 17)), h) * deep, -80.0)
    blend(hu, fraction(ellipsoid(side, y, z, (31, front + 8, -36), (12, 12, 12)), h) * deep, 12.0)
    shell = np.abs(ellipsoid(side, y, z, (31, front + 16, -36), (21, 24, 19)) - 0.5)
    blend(hu, fraction(1.2 - shell, h) * fraction(head - 6, h) * (y > front + 2), 900.0)
    blend(hu, fraction(ellipsoid(side, y, z, (24, front + 20, -72), (14, 15, 17)), h) * deep, -1000.0)
    blend(hu, fraction(ellipsoid(x, y, z, (0, front + 24, -70), (8, 24, 30)), h) * deep, -1000.0)


def _render_ears(
    grid: HeadGrid, hu: np.ndarray, head: np.ndarray, rng: np.random.Generator, config: AnatomyConfig
) -> None:
    """The pinnae: plates of cartilage and skin that stand off the head backwards, more or less."""
    x, y, z = grid.fine_axes
    rows, heights = slice(*np.searchsorted(y[0, :, 0], (-4, 46))), slice(*np.searchsorted(z[:, 0, 0], (-64, 4)))
    for side in (-1, 1):
        width, slant = rng.uniform(*config.ear_mm), rng.uniform(*config.ear_slant)
        first = int(np.searchsorted(x[0, 0], 50)) if side > 0 else 0
        last = x.shape[2] if side > 0 else int(np.searchsorted(x[0, 0], -50))
        window = (heights, rows, slice(first, last))
        away = -head[window]
        reach = width * (1 - ((z[heights] + 30) / 30) ** 2) - away
        plate = 2.2 - np.abs(y[:, rows] - 4 - slant * away) / np.hypot(1, slant)
        share = fraction(np.minimum(plate, reach), grid.fine_mm) * fraction(away, grid.fine_mm)
        blend(hu[window], share, config.ear_hu)
