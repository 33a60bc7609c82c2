"""The joint: cuff tendons with their tear, bursa, joint fluid, cartilage, labrum, biceps, and the confounders there."""

from __future__ import annotations

import numpy as np

from radiologycnn.simulation.shapes import ellipsoid, fraction, sheet_fraction, smooth_step, tube, tube_box
from radiologycnn.simulation.shoulder_mr.anatomy import (
    GLENOID_CARTILAGE_MM,
    GLENOID_GAP_MM,
    Humerus,
    Person,
    ac_joint,
)
from radiologycnn.simulation.shoulder_mr.bones import paint_bone
from radiologycnn.simulation.shoulder_mr.confounders import Confounders
from radiologycnn.simulation.shoulder_mr.grid import Canvas, Texture, Window
from radiologycnn.simulation.shoulder_mr.tears import MOST_POSTERIOR_ARC_MM, Tear, gap_distance


def paint_joint(
    canvas: Canvas,
    person: Person,
    humerus: Humerus,
    tear: Tear,
    confounders: Confounders,
    textures: dict[str, Texture],
    bones: dict[str, np.ndarray],
) -> tuple[Window, np.ndarray]:
    """Paint the joint over the muscles and under and around the bones.

    Returns:
        The fine window of the joint, and the tear's share of each of its voxels.
    """
    grid, p, s = canvas.grid, person, person.scale
    mm = grid.fine_mm
    window, (u, v, w) = grid.box((-40 * s, -42 * s, -44 * s), (42 * s, 44 * s, 48 * s))
    w = w - np.float32(humerus.lift_mm)
    across = np.sqrt(v * v + w * w)
    from_centre = np.sqrt(u * u + across * across)
    along = humerus.along(u, v, w)
    arc = humerus.arc(v, w)

    wet = confounders.numbers["effusion"] if "effusion" in confounders else 0.0
    over_head = p.joint_fluid_mm + 0.35 * wet
    _paint_capsule(canvas, window, (u, v, w), from_centre, p, over_head, wet)

    depth = humerus.proximal(u, v, w)
    height = -depth - (p.cartilage_mm + over_head) * smooth_step(along, p.footprint_ml_mm - 1, p.footprint_ml_mm + 3)
    degenerate = _tendinosis(confounders, arc, along)
    thickness = p.tendon_mm * np.interp(along, [-1, 0, 5, 13, 24, 40], [0.1, 0.2, 0.7, 1.0, 1.0, 0.85])
    thickness = (thickness * (1 + 0.15 * degenerate)).astype(np.float32)
    shell = np.minimum(height + 0.2, thickness - height)
    superior = np.minimum(arc - (MOST_POSTERIOR_ARC_MM - 12), p.biceps_arc_mm - 2 - arc)
    anterior = np.minimum(arc - p.biceps_arc_mm - 3.5, p.biceps_arc_mm + 34 - arc)
    extent = np.minimum(np.maximum(superior, anterior), np.minimum(along + 0.4, 52 * s - along))
    share = fraction(np.minimum(shell, extent), mm)
    # Noise is looked up only where cuff and bursa are: it is the dearest thing here.
    near = (height > -2) & (height < thickness + 8)
    grain, other = np.zeros_like(share), np.zeros_like(share)
    grain[near] = textures["grain"](u[near], v[near], w[near])
    _paint_tendon(canvas, window, share, arc, along, u, across, degenerate, grain, humerus, tear)
    if "calcific" in confounders:
        at, far, radius = confounders.numbers["calcific"]
        lump = radius - np.sqrt((arc - at) ** 2 + (along - far) ** 2 + (1.5 * (height - 0.5 * thickness)) ** 2)
        canvas.paint(fraction(lump, mm) * share, "cortex", window)

    torn = np.zeros_like(share)
    if tear.tear_class:
        other[near] = textures["grain"](u[near] + 37, v[near] - 21, w[near] + 13)
        gap = gap_distance(tear, arc + 0.5 * grain, along + 0.8 * other, height, thickness, p.biceps_arc_mm)
        torn = fraction(np.minimum(gap, np.minimum(height + 0.8, thickness + 0.3 - height)), mm)
        palette = canvas.palette
        fluid = np.clip(tear.fluid_share + 0.15 * other, 0.3, 1)
        water = fluid * palette.water["fluid"] + (1 - fluid) * palette.water["granulation"]
        canvas.paint(torn, (water, 0.0), window)
    _paint_bursa(canvas, window, height - thickness, arc, along, p, confounders, grain)

    covered = np.zeros(grid.shape, np.float32)
    for name in ("scapula", "humerus"):
        if name == "humerus":
            _paint_cartilage(canvas, window, (u, v, w + np.float32(humerus.lift_mm)), from_centre, along, p)
        where, distance = paint_bone(canvas, bones[name], p, textures)
        np.maximum(covered[where], fraction(distance, mm), out=covered[where])
    torn = (torn * (1 - covered[window])).astype(np.float32)

    _paint_inside_bone(canvas, window, (u, v, w), arc, along, depth, humerus, p, confounders)
    _paint_labrum(canvas, p, confounders)
    _paint_biceps(canvas, p, humerus, confounders)
    _paint_ac_joint(canvas, p, confounders)
    return window, torn


def _paint_capsule(canvas: Canvas, window: Window, place, from_centre, p: Person, over_head: float, wet: float) -> None:
    """Joint fluid: a layer around the head, more in the axillary and subscapular recesses; capsule around it."""
    u, v, w = place
    mm = canvas.grid.fine_mm
    reach_mm = np.full_like(from_centre, p.head_radius_mm + p.cartilage_mm + over_head)
    for (du, dv, dw), dry, more, wide in (
        ((-0.42, 0.0, -0.91), 1.2, 2.6, 0.80),
        ((-0.72, 0.62, 0.30), 0.5, 2.0, 0.86),
        ((-0.55, -0.75, 0.2), 0.2, 1.2, 0.86),
    ):
        toward = (u * du + v * dv + w * dw) / np.maximum(from_centre, 1)
        reach_mm += (dry + more * wet) * smooth_step(toward, wide, 1.0)
    distance = reach_mm - from_centre
    low = smooth_step(6 - w, 0, 6)
    canvas.paint(sheet_fraction(distance + 0.8, 0.8, mm) * low, "labrum", window)
    canvas.paint(fraction(distance, mm), "fluid", window)


def _tendinosis(confounders: Confounders, arc: np.ndarray, along: np.ndarray) -> np.ndarray:
    if "tendinosis" not in confounders:
        return np.zeros_like(arc)
    at, far, wide, long, much = confounders.numbers["tendinosis"]
    return (much * np.exp(-(((arc - at) / wide) ** 2) - ((along - far) / long) ** 2)).astype(np.float32)


def _paint_tendon(canvas, window, share, arc, along, u, across, degenerate, grain, humerus: Humerus, tear) -> None:
    palette, p = canvas.palette, humerus.person
    # Fibres run along the cuff: over the head on a circle, over the facet straight.
    lean = np.minimum(np.arctan2(u, across), np.float32(np.deg2rad(p.facet_slope_deg)))
    cosine = np.sin(lean) * np.cos(arc / humerus.arc_radius_mm)
    tendon = palette.tendon_water(cosine) * (1 + 0.15 * grain)
    tendon = tendon + degenerate * np.clip(1 + 0.25 * grain, 0.3, 1.3) * (palette.water["tendinosis"] - tendon)
    torn_part = smooth_step(arc, p.biceps_arc_mm - p.footprint_ap_mm - 14, p.biceps_arc_mm - p.footprint_ap_mm)
    end = p.tendon_length_mm + tear.retraction_mm * torn_part + 3 * grain
    muscle = smooth_step(along, 0, 1) * smooth_step((along - end) / 8, 0, 1)
    water = tendon + muscle * (palette.water["muscle"] - tendon)
    canvas.paint(share, (water, 0.0), window)


def _paint_bursa(canvas, window, over, arc, along, p: Person, confounders: Confounders, grain) -> None:
    """Fluid in the subacromial and subdeltoid bursa, on top of the cuff."""
    mm = canvas.grid.fine_mm
    room = smooth_step(26 - np.abs(arc + 1), 0, 6) * smooth_step(27 - along, 0, 8) * smooth_step(along + 20, 0, 8)
    thick = p.bursa_mm * room * np.clip(0.7 + 0.4 * grain, 0, 1.5)
    if "bursitis" in confounders:
        deep, at, far, wide, long = confounders.numbers["bursitis"]
        blob = np.exp(-((np.abs(arc - at) / wide) ** 3) - (np.abs(along - far) / long) ** 3)
        thick = thick + deep * blob * np.clip(1 + 0.25 * grain, 0.3, 1.4) * smooth_step(27 - along, 0, 5)
    thick = thick.astype(np.float32)
    water, fat = canvas.palette.pair("fluid")
    lining, lining_fat = canvas.palette.pair("synovium")
    value = (0.85 * water + 0.15 * lining, 0.85 * fat + 0.15 * lining_fat)
    canvas.paint(sheet_fraction(over - 0.3 - thick / 2, thick / 2, mm), value, window)


def _paint_cartilage(canvas: Canvas, window: Window, place, from_centre, along, p: Person) -> None:
    u, v, w = place  # of the scapula, which does not move
    s, mm = p.scale, canvas.grid.fine_mm
    cup = p.head_radius_mm + p.cartilage_mm + GLENOID_GAP_MM
    from_origin = np.sqrt(u * u + v * v + w * w)
    oval = 1 - np.sqrt((v / (12.5 * s)) ** 2 + (w / (17 * s)) ** 2)
    glenoid = np.minimum(
        np.minimum(from_origin - cup, cup + GLENOID_CARTILAGE_MM + 0.1 - from_origin), np.minimum(oval * 13, -8 - u)
    )
    canvas.paint(fraction(glenoid, mm), "cartilage", window)
    articular = smooth_step(along, p.footprint_ml_mm - 1.5, p.footprint_ml_mm + 1.5)
    head = fraction(p.head_radius_mm + p.cartilage_mm - from_centre, mm) * articular
    canvas.paint(head * smooth_step(16 * s - u, 0, 4), "cartilage", window)


def _paint_inside_bone(canvas, window, place, arc, along, depth, humerus, p: Person, confounders) -> None:
    u, v, w = place
    mm = canvas.grid.fine_mm
    if "marrow_oedema" in confounders:
        wide, much = confounders.numbers["marrow_oedema"]
        centre = (humerus.lateral_mm - 8, 2.0, 6.0)
        far = np.sqrt((u - centre[0]) ** 2 + (v - centre[1]) ** 2 + (w - centre[2]) ** 2)
        bone = fraction(depth - p.cortex_mm, mm)
        canvas.paint((much * bone * smooth_step(wide - far, 0, wide)).astype(np.float32), "oedema", window)
    if "cysts" in confounders:
        for at, far, deep, radius in confounders.numbers["cysts"]:
            cyst = radius - np.sqrt((arc - at) ** 2 + (along - far) ** 2 + (depth - deep) ** 2)
            canvas.paint(fraction(np.minimum(cyst, depth), mm), "fluid", window)


def _paint_labrum(canvas: Canvas, p: Person, confounders: Confounders) -> None:
    s, mm = p.scale, canvas.grid.fine_mm
    r = p.head_radius_mm + p.cartilage_mm
    window, (u, v, w) = canvas.grid.box((-r - 8, -18 * s, -23 * s), (-8 * s, 18 * s, 23 * s))
    if not u.size:
        return
    around = np.sqrt((v * (17.0 / 12.5)) ** 2 + w * w)
    from_origin = np.sqrt(u * u + v * v + w * w)
    lip = 2.6 * s - np.sqrt((around - 17.3 * s) ** 2 + (from_origin - r - 2.4) ** 2)
    canvas.paint(fraction(np.minimum(lip, -8 * s - u), mm), "labrum", window)
    if "slap" in confounders:
        front, thick, broad, deep = confounders.numbers["slap"]
        slit = np.minimum(thick / 2 + 0.3 - np.abs(around - 16.6 * s), deep - np.abs(from_origin - r - 2.0))
        slit = np.minimum(slit, np.minimum(broad - np.abs(v - front), w))
        canvas.paint(fraction(np.minimum(slit, -8 * s - u), mm), "fluid", window)


def _paint_biceps(canvas: Canvas, p: Person, humerus: Humerus, confounders: Confounders) -> None:
    lift, mm = humerus.lift_mm, canvas.grid.fine_mm
    path = [(a, b, c + lift, r) for a, b, c, r in humerus.groove_path()]
    window, (u, v, w) = canvas.grid.box(*tube_box(path, 5.0))
    if not u.size:
        return
    distance = tube(u, v, w, path)
    wet = confounders.numbers["biceps_fluid"] if "biceps_fluid" in confounders else 0.35
    low = smooth_step(14 + lift - w, 0, 6) * smooth_step(w + 62, 0, 20)
    canvas.paint(fraction(distance + wet * low, mm) * low, "fluid", window)
    canvas.paint(fraction(distance, mm), "tendon", window)


def _paint_ac_joint(canvas: Canvas, p: Person, confounders: Confounders) -> None:
    s, mm = p.scale, canvas.grid.fine_mm
    x, y, z = ac_joint(p)
    window, (u, v, w) = canvas.grid.box((x - 16, y - 16, z - 14), (x + 16, y + 16, z + 14))
    if not u.size:
        return
    slit = ellipsoid(u, v, w, (x, y, z), (2.2, 6.5 * s, 5.5 * s))
    canvas.paint(fraction(slit, mm), "cartilage", window)
    if "ac_arthrosis" in confounders:
        much, wide = confounders.numbers["ac_arthrosis"]
        halo = smooth_step(ellipsoid(u, v, w, (x, y, z), (9.0, 9.0, 8.0)), 0, 5)
        canvas.paint((0.6 * much * halo).astype(np.float32), "oedema", window)
        swollen = ellipsoid(u, v, w, (x, y, z + 1), (wide + 0.6, (6 + 2 * much) * s, (6 + 2 * much) * s))
        canvas.paint(sheet_fraction(swollen + 0.7, 0.7, mm), "labrum", window)
        canvas.paint(fraction(swollen, mm), "fluid", window)
