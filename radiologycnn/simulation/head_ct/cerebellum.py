"""The cerebellum: folia, lobes, vermis, medullary core and the CSF round it, drawn finer than the coarse grid.

Its fissures are sheets that fan out from a bent axis, which runs from one middle peduncle round behind the fourth
ventricle to the other. On the coarse grid only their *count* round that axis is kept, a smooth field; its fractional
part, on the fine grid, is the place within a folium. Lengths and sources are in ``config``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from radiologycnn.simulation.head_ct.config import AnatomyConfig
from radiologycnn.simulation.head_ct.fields import HeadGrid, Slab, everywhere, fraction, sheet_fraction, smooth_step
from radiologycnn.simulation.head_ct.person import Person

#: Radius and place (y, z) of the axis, which is a ring round the brain stem; mm in the head frame.
AXIS_RADIUS_MM, AXIS_Y_MM, AXIS_Z_MM = 21.0, 15.0, -33.0


@dataclass(frozen=True)
class Cerebellum:
    """On the coarse grid, float32; distances in mm, positive inside."""

    where: np.ndarray  # 1 in the cerebellum
    depth: np.ndarray  # below its surface, the tent's side too
    count: np.ndarray  # folia passed on the way round the axis
    folium_mm: np.ndarray  # from one fissure to the next
    opening_mm: np.ndarray  # half width of a fissure at the surface; 0 or less in the core
    grey: np.ndarray  # share of grey matter between the fissures
    cisterns: np.ndarray  # CSF before, above and behind


def build_cerebellum(
    grid: HeadGrid,
    place_mm: tuple[np.ndarray, np.ndarray, np.ndarray],
    surface: np.ndarray,
    rest_depth: np.ndarray,
    tentorium: np.ndarray,
    supratentorial: np.ndarray,
    stem: np.ndarray,
    person: Person,
    rng: np.random.Generator,
    config: AnatomyConfig,
) -> Cerebellum:
    """Draw the fields that :func:`render_cerebellum` needs.

    Args:
        place_mm: x, y, z of the tissue at rest, on the coarse grid.
        surface: depth below the brain's surface; rest_depth: below the inner table. Others: as in ``brain.Brain``.
    """
    x, y, z = place_mm
    side = np.abs(x)
    from_stem = np.hypot(0.85 * x, y - AXIS_Y_MM)
    out, up = from_stem - AXIS_RADIUS_MM, z - AXIS_Z_MM
    reach = np.hypot(out, up) + 1e-3
    turns = everywhere(np.arctan2, up, np.maximum(out, 0.15 * reach))
    # Folia keep their width by branching; as one fan they would be too thin within and too wide without.
    folium = rng.uniform(*config.folium_mm)
    wander = 0.8 * grid.noise(rng, 10.0) + 0.45 * grid.noise(rng, 4.0)
    midline = x + 1.5 * grid.noise(rng, 9.0)
    vermis = (8.0 + 2.5 * smooth_step(z, -30, -5)) - np.abs(midline)
    # The lobes of the two sides and the vermis do not continue each other exactly.
    sides = rng.uniform(-0.8, 0.8) * everywhere(np.tanh, midline / 3) + rng.uniform(0.3, 0.7) * smooth_step(
        vermis, -1.5, 1.5
    )
    count = config.lobe_reach_mm / folium * turns + wander + sides

    gap = person.sulcus_mm
    depth = np.minimum(surface, -tentorium - 0.4 * gap)
    ragged = 2.0 * grid.noise(rng, 6.0)
    half_core = config.cerebellar_core_mm + 0.25 * np.abs(up)
    core = np.minimum(half_core - np.hypot(0.75 * out, 1.15 * up), depth - 5) + ragged
    core = np.minimum(core, side - 4 + 0.3 * ragged)  # the vermis has hardly any
    dentate = 3.0 - np.hypot(np.hypot((side - 15) / 1.6, (y - 45) / 2.2), (z + 35) / 1.5) + 0.2 * ragged
    grey = config.folial_grey + 0.12 * fraction(vermis, 3.0)
    grey = grey + fraction(core, 4.0) * (0.12 - grey)
    grey = np.maximum(grey, 0.7 * fraction(dentate, 3.0))
    opening = (
        config.folium_cleft_mm
        * (0.4 + 0.6 * gap)
        * np.maximum(1 + 0.5 * grid.noise(rng, 5.0), 0)
        * fraction(-core, 3.0)
    )

    uneven = 1 + 0.35 * grid.noise(rng, 7.0)
    # CSF before the pons and in the angles beside it lies on the clivus and the petrous bone; it is wider in atrophy.
    before = (config.prepontine_mm + 1.5 * gap) * uneven - rest_depth
    before = np.minimum(before, np.minimum(30 - side, np.minimum(26 - y + 0.2 * side, -20 - z)))
    # Over the vermis below the tent; the notch between the tonsils; the one behind, for the falx of the cerebellum.
    superior = np.minimum(1.0 * gap * uneven + 0.8 + tentorium, -tentorium)
    superior = np.minimum(superior, np.minimum(9 - np.abs(midline), y - 26))
    between = 0.2 + 0.6 * gap * uneven - np.abs(midline)
    vallecula = np.minimum(between + 0.6, np.minimum(-46 - z, np.minimum(y - 34, 50 - y)))
    behind = np.minimum(between, np.minimum(0.4 * (7 * uneven - surface), np.minimum(-26 - z, y - 50)))
    cisterns = np.maximum(np.maximum(before, superior), np.maximum(vallecula, behind)) + 0.4 * grid.noise(rng, 4.0)
    cisterns = np.minimum(cisterns, rest_depth)
    where = (1 - supratentorial) * smooth_step(-stem, -1, 2) * smooth_step(from_stem, 8, 14) * smooth_step(-z, -8, 0)
    where = where * smooth_step(y - 0.5 * np.maximum(side - 12, 0), -4, 4)  # the temporal poles lie before that
    folium_mm = folium * np.maximum(reach, 6) / config.lobe_reach_mm
    fields = (where, depth, count, folium_mm, opening, grey, cisterns)
    return Cerebellum(*(field.astype(np.float32) for field in fields))


def render_cerebellum(
    slab: Slab, cerebellum: Cerebellum, grain: np.ndarray, config: AnatomyConfig
) -> tuple[tuple[slice, slice, slice], np.ndarray, np.ndarray, np.ndarray] | None:
    """Shares of each voxel in the part of the slab that the cerebellum and its cisterns reach; None: they do not.

    Args:
        grain: fine noise on the slab, mean 0 and sd 1.

    Returns:
        The part of the slab; and there: 1 in the cerebellum; its grey matter; CSF in fissures and cisterns, which need
        not lie in the cerebellum.
    """
    h = slab.fine_mm
    if slab.fine_axes[2].min() > 12:
        return None
    where, cisterns = slab.to_fine(cerebellum.where), slab.to_fine(cerebellum.cisterns)
    found = slab.around((where > 0) | (cisterns > -h))
    if not found:
        return None
    box, part = found
    where, csf = where[part], fraction(cisterns[part], h)
    depth, count, folium, opening, between = (
        box.to_fine(field)
        for field in (cerebellum.depth, cerebellum.count, cerebellum.folium_mm, cerebellum.opening_mm, cerebellum.grey)
    )
    to_fissure = np.abs(count - np.rint(count)) * folium
    count *= 1 / config.folia_in_a_lobe
    to_lobe = np.abs(count - np.rint(count)) * (folium * config.folia_in_a_lobe)
    shallow = sheet_fraction(to_fissure, np.maximum(opening * (1 - depth / config.folium_depth_mm), 0), h)
    deep = sheet_fraction(to_lobe, np.maximum(2 * opening * (1.2 - depth / config.lobe_depth_mm), 0), h)

    cortex = config.folium_cortex_mm
    leaf = fraction(cortex - np.minimum(to_fissure, depth), h) * fraction(1.5 * config.folium_depth_mm - depth, 3.0)
    lobe = fraction(1.6 * cortex - to_lobe, h) * fraction(config.lobe_depth_mm - depth, 3.0) * (opening > 0)
    grey = np.maximum(between + 0.1 * grain[part], np.maximum(leaf, lobe))  # the grain: lamellae that are not resolved
    csf = np.maximum(csf, where * (1 - fraction(depth, h) * (1 - np.maximum(shallow, deep))))
    return part, where, np.clip(grey, 0, 1), csf
