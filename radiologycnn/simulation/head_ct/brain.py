"""What fills the cavity, as signed distances on the coarse grid: folded cortex, ventricles, cisterns, dura, vessels.

All is drawn at *rest* coordinates, so that a bleed's mass effect is a displacement of those coordinates. Anatomical
positions: textbook values, mm in the head frame; sources in ``config``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from radiologycnn.simulation.head_ct.cavity import Cavity
from radiologycnn.simulation.head_ct.cerebellum import Cerebellum, build_cerebellum
from radiologycnn.simulation.head_ct.config import AnatomyConfig
from radiologycnn.simulation.head_ct.fields import HeadGrid, ellipsoid, everywhere, smooth_step, tube, unit_distance
from radiologycnn.simulation.head_ct.person import Person


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
    cerebellum: Cerebellum


@dataclass(frozen=True)
class _Place:
    """Where each coarse voxel's tissue lies at rest, in the head frame of a head of usual size, mm."""

    x: np.ndarray
    y: np.ndarray
    z: np.ndarray
    bend: np.ndarray  # by how much the mid-sagittal sheet is bent there
    rest_depth: np.ndarray  # depth in the cavity, not scaled to the usual size

    @property
    def side(self) -> np.ndarray:
        """Distance from the middle."""
        return np.abs(self.x)

    @property
    def midline(self) -> np.ndarray:
        """Signed distance to the bent mid-sagittal sheet."""
        return self.x + self.bend

    @property
    def callosum(self) -> np.ndarray:
        """1 on the corpus callosum, whose arc is an ellipse round (4, 4), more outside it."""
        return np.hypot((self.y - 4) / 40.0, (self.z - 4) / 30.0)

    @property
    def tent_height(self) -> np.ndarray:
        """The z of the tentorium before it is made uneven."""
        return 4 - 0.36 * self.side - 0.28 * (self.y - 22)


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
    scale = person.half_length_mm / 87.0
    at_rest = [c - d for c, d in zip(grid.coarse, displacement)]
    rest_depth = grid.look_up(cavity.inside, *at_rest)
    place = _Place(*(c / scale for c in at_rest), 1.5 * grid.noise(rng, 25.0), rest_depth)
    # Streams of their own, so that what they draw does not change the other draws.
    of_cisterns, of_cerebellum, of_folds, of_dura = rng.spawn(4)

    surface, sulcus, sulcus_half_mm = _fold_cortex(grid, place, person, rng, of_folds, config)
    ventricle_size = person.ventricle_scale * (1 + 0.1 * rng.standard_normal())
    ventricles = _draw_ventricles(grid, place, ventricle_size, rng)
    tentorium = (place.z - place.tent_height) * 0.88 + 0.8 * grid.noise(rng, 15.0)
    tentorium += 1.3 * grid.noise(of_dura, 8.0)  # its planes are not flat: no straight V in a slice
    notch = np.hypot(place.x / 1.0, (place.y - 14) * 0.75)
    tent_exists = np.minimum(notch - 20, place.y - 4 - place.side * 0.25)
    supratentorial = np.where(tent_exists > -14, tentorium > 0, place.z > -34 + (place.y > 10) * 20)
    stem = _draw_stem(place) + 1.2 * grid.noise(of_dura, 6.0)
    cisterns = _draw_cisterns(grid, place, stem, person, rng, of_cisterns)
    nuclei = _draw_nuclei(grid, place, ventricle_size, rng)
    falx = np.minimum((place.callosum - 1.25) * 32, tentorium - 0.5)
    falx = np.minimum(falx, place.z + 18 + 0.2 * place.y)
    fields = {
        "surface": surface,
        "sulcus": sulcus,
        "sulcus_half_mm": sulcus_half_mm,
        "ventricles": ventricles,
        "cisterns": cisterns,
        "midline": place.midline,
        "tentorium": tentorium,
        "falx": falx,
        "nuclei": nuclei,
        "stem": stem,
        "sinus": _draw_sinuses(place, cavity.inside, tentorium),
        "arteries": _draw_arteries(place),
        "supratentorial": supratentorial,
        "tent_exists": tent_exists,
    }
    rest = (place.x, place.y, place.z)
    cerebellum = build_cerebellum(
        grid, rest, surface, rest_depth, tentorium, supratentorial, stem, person, of_cerebellum, config
    )
    return Brain(**{name: values.astype(np.float32) for name, values in fields.items()}, cerebellum=cerebellum)


def _fold_cortex(
    grid: HeadGrid,
    place: _Place,
    person: Person,
    rng: np.random.Generator,
    own_rng: np.random.Generator,
    config: AnatomyConfig,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """``surface``, ``sulcus`` and ``sulcus_half_mm`` of :class:`Brain`."""
    # Read at places that are moved about, sheets wind: sulci are no rays.
    x, y, z = (c + config.winding_mm * grid.noise(own_rng, 5.0) for c in (place.x, place.y, place.z))
    # The folding noise is stretched along the radius, so that its zero sheets stand on the surface like sulci.
    radius = np.sqrt(x * x + y * y + z * z) + 1e-3
    stretch = everywhere(np.power, 75.0 / np.maximum(radius, 8.0), 0.75)
    smoothness_mm = rng.uniform(*config.gyrus_mm)
    folding = grid.noise(rng, smoothness_mm * 0.62)
    folding = grid.look_up(folding, x * stretch, y * stretch, z * stretch)
    # Axial slices touch the surface under the vertex, where zero sheets of noise are closed loops in them. Those of a
    # wave are not: it runs backwards, as the central sulcus and those beside it follow each other.
    wave_mm = 3.2 * smoothness_mm
    along = y + 0.45 * place.side + 6 * grid.noise(own_rng, 13.0) + 3.5 * grid.noise(own_rng, 6.0)
    wave = everywhere(np.sin, along * (2 * np.pi / wave_mm) + own_rng.uniform(0, 2 * np.pi))
    folding = folding + smooth_step(z, 25, 45) * (1.3 * wave - folding)
    sulcus = unit_distance(folding, grid.coarse_mm, 0.06)
    depth_mm = rng.uniform(*config.sulcus_depth_mm) * (1 + 0.25 * grid.noise(rng, 12.0))
    surface = place.rest_depth - person.gap_mm * (1 + 0.4 * grid.noise(rng, 14.0))
    half = person.sulcus_mm * (1.25 - surface / depth_mm) * (1 + 0.35 * grid.noise(rng, 12.0))
    # Banks touch in places, so that a slice shows a sulcus in pieces.
    half = half * np.clip(1 + 0.9 * grid.noise(own_rng, 5.0), 0, 1.6) - 0.15
    # Interhemispheric fissure: above and before the corpus callosum.
    fissure = smooth_step(place.callosum, 0.95, 1.1) * (z > -22)
    # Depth measures from the medial surface too, so that its cortex and its sulci exist.
    gap = (0.4 + 0.5 * person.sulcus_mm) * np.clip(1 + 0.5 * grid.noise(own_rng, 7.0), 0.4, 2)
    medial = np.abs(place.midline) - gap + 40 * (1 - fissure)
    half = np.minimum(half, person.sulcus_mm * 1.4) * (1 + 0.4 * smooth_step(z, 15, 60))
    return np.minimum(surface, medial), sulcus, half


def _draw_ventricles(grid: HeadGrid, place: _Place, size: float, rng: np.random.Generator) -> np.ndarray:
    """Both lateral ventricles with their horns, the third, the aqueduct and the fourth; ``size`` 1 is usual."""
    y, z, midline, v = place.y, place.z, place.midline, size
    asymmetry = 1 + 0.12 * rng.standard_normal()
    ventricles = np.full(y.shape, -1e3, np.float32)
    for sign, own in ((1, v * asymmetry), (-1, v / asymmetry)):
        across = sign * midline
        body = [
            (7, -32, 6, 2.5 * own),
            (8 + 2 * v, -22, 10, 4.5 * own),
            (7 + 2 * v, -5, 18, 4 * own),
            (11 + 2 * v, 18, 19, 4.5 * own),
            (21 + 2 * v, 34, 11, 6 * own),
            (22 + v, 50, 6, 3.0 * own),
            (19, 62, 3, 1.2 * own),
        ]
        horn = [
            (21 + 2 * v, 34, 10, 5 * own),
            (29, 22, -6, 2.6 * own),
            (30, 2, -17, 2.0 * own),
            (27, -8, -19, 1.6 * own),
        ]
        for path in (body, horn):
            np.maximum(ventricles, tube(across, y, z, path), out=ventricles)
    third = np.minimum(1.4 * v + 0.6 * v * v - np.abs(midline), 14 - np.hypot(y - 2, (z + 1) * 1.15))
    to_fourth = [
        (0, 16, -8, 0.7),
        (0, 26, -22, 0.9),
        (0, 33, -30, 2.2),
        (0, 37, -35, 5.0 * np.sqrt(v)),
        (0, 38, -42, 2),
    ]
    ventricles = np.maximum(np.maximum(ventricles, third), tube(midline, y, z, to_fourth))
    septum = np.abs(midline) - 0.6
    return np.minimum(ventricles, np.where(z > 2, septum, 50)) + 0.5 * grid.noise(rng, 5.0)


def _draw_stem(place: _Place) -> np.ndarray:
    x, y, z = place.x, place.y, place.z
    path = [
        (0, 8, -6, 12.0),
        (0, 10, -18, 13.0),
        (0, 13, -30, 14.5),
        (0, 20, -48, 9.5),
        (0, 30, -66, 7.5),
        (0, 32, -110, 6.0),
    ]
    # Between its peduncles the midbrain is notched.
    notched = (
        everywhere(np.exp, -((x / 4) ** 2))
        * smooth_step(10 - y, 0, 8)
        * smooth_step(-z, 2, 10)
        * smooth_step(z, -26, -18)
    )
    return tube(x, y, z, path) - 4 * notched


def _draw_cisterns(
    grid: HeadGrid,
    place: _Place,
    stem: np.ndarray,
    person: Person,
    rng: np.random.Generator,
    own_rng: np.random.Generator,
) -> np.ndarray:
    """The cisterns of the base, the sylvian fissures and the clefts over the insulae."""
    x, y, z, side = place.x, place.y, place.z, place.side
    # Round the brain stem they are wide in places, closed in others.
    width = (0.9 + 1.2 * person.sulcus_mm) * (0.8 + 0.9 * grid.noise(own_rng, 6.0))
    around_stem = np.minimum(stem + width, -stem)
    around_stem = around_stem - 6 * smooth_step(z, -12, -4) - 6 * smooth_step(y, 16, 24) * smooth_step(-z, 18, 26)
    suprasellar = np.minimum(ellipsoid(x, y, z, (0, -8, -22), (14, 11, 7)), 30)
    quadrigeminal = ellipsoid(x, y, z, (0, 27, -6), (11, 5, 6))
    pontine = ellipsoid(x, y, z, (0, -2, -38), (14, 5, 14))
    magna = ellipsoid(x, y, z, (0, 52, -62), (13, 9, 8))
    # Steep and buckled enough that an axial slice shows a cleft, not a broad band along the fissure.
    sylvian_z = -6 + 0.22 * (side - 30) + 0.45 * (y + 5) + place.bend + 2.5 * grid.noise(own_rng, 6.0)
    opening = (0.35 + 0.8 * person.sulcus_mm) * (1 + 0.4 * grid.noise(own_rng, 8.0))
    sylvian = np.minimum(opening - np.abs(z - sylvian_z) * 0.85, side - 31)
    sylvian = np.minimum(sylvian, np.minimum(y + 32, 26 - y))
    insula_x = 37 - 0.006 * (y + 2) ** 2 + 2.0 * grid.noise(rng, 6.0)
    insula = np.minimum(0.3 + 0.8 * person.sulcus_mm - np.abs(side - insula_x), 19 - np.hypot(y + 2, (z - 4) * 1.2))
    cisterns = np.full(x.shape, -1e3, np.float32)
    for part in (around_stem, suprasellar, quadrigeminal, pontine, magna, sylvian, insula):
        np.maximum(cisterns, part, out=cisterns)
    return cisterns + 0.4 * grid.noise(rng, 5.0)


def _draw_nuclei(grid: HeadGrid, place: _Place, ventricle_size: float, rng: np.random.Generator) -> np.ndarray:
    """Caudate and lentiform nuclei and thalami; wide ventricles push the caudate nuclei aside."""
    caudate = ((13 + 2.5 * ventricle_size, -20, 10), (5, 9, 8))
    nuclei = np.full(place.x.shape, -1e3, np.float32)
    for centre, radii in (caudate, ((26, -5, 3), (6, 17, 10)), ((12, 12, 6), (8, 14, 9))):
        np.maximum(nuclei, ellipsoid(place.side, place.y, place.z, centre, radii), out=nuclei)
    return nuclei + 0.7 * grid.noise(rng, 6.0)


def _draw_sinuses(place: _Place, inside: np.ndarray, tentorium: np.ndarray) -> np.ndarray:
    """The superior sagittal, the transverse and the straight sinus."""
    y, z, inner = place.y, place.z, inside - 0.3
    sagittal = np.minimum(6.5 - inner - np.abs(place.midline) * 1.5, np.maximum(z - 5, y - 40))
    transverse = np.minimum(6.0 - inner - np.abs(z - place.tent_height) * 0.9, y - 28 - place.side * 0.25)
    straight = np.minimum(3.0 - np.hypot(place.midline, tentorium), y - 30)
    return np.maximum(np.maximum(sagittal, transverse), straight)


def _draw_arteries(place: _Place) -> np.ndarray:
    """The middle cerebral arteries and the basilar artery."""
    middle = [(5, -8, -24, 2.0), (10, -8, -20, 1.7), (22, -8, -16, 1.5), (32, -8, -11, 1.3), (38, 2, -5, 1.0)]
    basilar = [(0, -1, -22, 1.8), (0.8, -2.5, -34, 1.8), (-1, 2, -46, 1.6)]
    return np.maximum(
        tube(place.side, place.y, place.z, middle),
        tube(place.x, place.y, place.z, basilar),
    )
