"""Tears of the supraspinatus (and, when large, infraspinatus) tendon: planned as numbers, drawn as gaps in the cuff.

A tear lives in the cuff's own coordinates: ``arc`` runs along the tendon's breadth (AP; mm at the cuff's middle
surface from the top of the head, positive forwards), ``along`` from the lateral rim of the footprint towards the
muscle, ``layer`` through the thickness (0 at the joint side, 1 at the bursal side).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from radiologycnn.simulation.shoulder_mr.config import Normal, TearConfig

#: AP width in mm of each class, by what the probe measured; None and Partial are not classes of width.
CLASS_WIDTH_MM = {2: (3.0, 10.0), 3: (10.0, 30.0), 4: (30.0, 44.0)}
NONE, PARTIAL, SMALL, MEDIUM, LARGE = range(5)
#: The cuff's shell ends here; no tear reaches further back.
MOST_POSTERIOR_ARC_MM = -34.0


@dataclass(frozen=True)
class Tear:
    """One tear as numbers; ``tear_class`` 0 is none, then the other numbers do not count."""

    tear_class: int = NONE
    measured_width_mm: float = 0.0  # by the surgeon's probe; decides the class
    width_mm: float = 0.0  # AP, true
    length_mm: float = 0.0  # mediolateral, from the lateral rim of the gap
    depth: float = 0.0  # share of the tendon's thickness, 1 = full
    side: str = "none"  # full, articular, bursal, inside
    behind_biceps_mm: float = 0.0
    stump_mm: float = 0.0  # tendon left lateral of the gap
    fluid_share: float = 1.0
    shape: float = 2.5  # exponent of the gap's outline: 2 an ellipse, more a box
    retraction_mm: float = 0.0  # of the muscle
    atrophy: float = 1.0
    infiltration: float = 0.0
    migrated_acromiohumeral_mm: float | None = None


def plan_tear(rng: np.random.Generator, config: TearConfig, biceps_arc_mm: float) -> Tear:
    """Draw a class by its share, then a tear of that class.

    Args:
        biceps_arc_mm: where the biceps tendon runs, in the ``arc`` coordinate.
    """
    shares = np.asarray(config.class_shares, float)
    tear_class = int(rng.choice(len(shares), p=shares / shares.sum()))
    # All draws are made for every class, so that one class' numbers do not shift another's.
    error = float(np.clip(rng.normal(0, config.probe_error_mm / 2), -config.probe_error_mm, config.probe_error_mm))
    fluid = rng.uniform(*config.fluid_share)
    stump = rng.uniform(*config.stump_mm)
    shape = rng.uniform(2.2, 3.5)
    if tear_class == NONE:
        return Tear()
    tear = Tear(tear_class, stump_mm=float(stump), fluid_share=float(fluid), shape=float(shape))
    plan = _plan_partial if tear_class == PARTIAL else _plan_full
    return plan(rng, config, tear, error, biceps_arc_mm)


def _plan_partial(
    rng: np.random.Generator, config: TearConfig, tear: Tear, error_mm: float, biceps_arc_mm: float
) -> Tear:
    """The numbers of a tear through a part of the tendon's thickness; the probe measures it wrong by ``error_mm``."""
    width = rng.uniform(*config.partial_width_mm)
    length = rng.uniform(*config.partial_length_mm)
    names, chances = zip(*config.partial_sides.items())
    side = str(rng.choice(names, p=np.asarray(chances) / sum(chances)))
    depth = float(rng.uniform(*config.partial_depth))
    if side == "inside":
        depth = min(depth, 0.7)
    return replace(
        tear,
        measured_width_mm=round(width + error_mm, 1),
        width_mm=float(width),
        length_mm=float(length),
        depth=depth,
        side=side,
        behind_biceps_mm=_behind(rng, config, width, biceps_arc_mm),
        stump_mm=float(tear.stump_mm + rng.uniform(0, 6)),
    )


def _plan_full(rng: np.random.Generator, config: TearConfig, tear: Tear, error_mm: float, biceps_arc_mm: float) -> Tear:
    """The numbers of a tear through the whole thickness, whose measured width is in the range of its class."""
    low, high = CLASS_WIDTH_MM[tear.tear_class]
    mean, sd, least, most = config.width_mm
    measured = _normal(rng, (mean, sd, max(low, least), min(high, most)))
    width = max(measured - error_mm, 2.0)
    correlation = config.width_length_correlation
    mean_length, sd_length, least, most = config.length_mm
    expected = mean_length + sd_length * correlation * (width - mean) / sd
    spread = sd_length * (1 - correlation**2) ** 0.5
    shortest, longest = min(max(least, 0.35 * width), most), min(most, 1.4 * width + 4)
    length = _normal(rng, (expected, spread, shortest, longest))
    migrates = rng.random() < config.migrated_share
    tear = replace(
        tear,
        measured_width_mm=float(measured),
        width_mm=float(width),
        length_mm=float(length),
        depth=1.0,
        side="full",
        behind_biceps_mm=_behind(rng, config, width, biceps_arc_mm),
        retraction_mm=float(max(length - 10, 0) * rng.uniform(0.6, 1.0)),
    )
    if tear.tear_class != LARGE:
        return tear
    tear = replace(
        tear,
        atrophy=float(rng.uniform(*config.atrophy)),
        infiltration=float(rng.uniform(*config.fatty_infiltration)),
    )
    if not migrates:
        return tear
    return replace(tear, migrated_acromiohumeral_mm=float(rng.uniform(*config.migrated_acromiohumeral_mm)))


def gap_distance(tear: Tear, arc: np.ndarray, along: np.ndarray, layer_mm: np.ndarray, thickness_mm: np.ndarray,
                 biceps_arc_mm: float) -> np.ndarray:  # fmt: skip
    """Signed distance (mm, positive inside) to the tear's gap at cuff coordinates of any one shape.

    Args:
        layer_mm: height above the cuff's joint side.
        thickness_mm: the cuff's thickness there.
    """
    half = tear.width_mm / 2
    e = np.abs((arc - (biceps_arc_mm - tear.behind_biceps_mm - half)) / half)
    f = np.maximum(along - tear.stump_mm, 0) / tear.length_mm
    p = tear.shape
    outline = (1 - (e**p + f**p) ** (1 / p)) * min(half, tear.length_mm)
    outline = np.minimum(outline, along - tear.stump_mm + 0.4)
    if tear.side == "full":
        return outline
    if tear.side == "articular":
        through = tear.depth * thickness_mm - layer_mm
    elif tear.side == "bursal":
        through = layer_mm - (1 - tear.depth) * thickness_mm
    else:
        through = tear.depth * thickness_mm / 2 - np.abs(layer_mm - thickness_mm / 2)
    return np.minimum(outline, through)


def _behind(rng: np.random.Generator, config: TearConfig, width: float, biceps_arc_mm: float) -> float:
    """Anterior edge behind the biceps; a broad tear must begin far enough in front to end on the cuff."""
    mean, sd, least, most = config.behind_biceps_mm
    most = min(most, biceps_arc_mm - MOST_POSTERIOR_ARC_MM - width)
    return _normal(rng, (mean, sd, max(min(least, most), 2.0), max(most, 2.5)))


def _normal(rng: np.random.Generator, spec: Normal) -> float:
    mean, sd, low, high = spec
    for _ in range(200):
        value = rng.normal(mean, sd)
        if low <= value <= high:
            return float(value)
    return float(rng.uniform(low, high))
