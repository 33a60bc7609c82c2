"""What goes wrong in some scans: the head moves, or metal throws streaks. Off by default (``ArtefactConfig``)."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from radiologycnn.simulation.head_ct.config import ArtefactConfig
from radiologycnn.simulation.head_ct.scanner import Slices


def add_artefacts(hu: np.ndarray, slices: Slices, rng: np.random.Generator, config: ArtefactConfig) -> list[str]:
    """Change the averaged HU (float32 KJI) in place, and name what was added: "motion", "metal"."""
    added = []
    # Every draw is made, so that one artefact does not change another.
    moves, throws = rng.random() < config.motion, rng.random() < config.metal
    motion, metal = rng.spawn(2)
    if moves:
        _add_motion(hu, slices, motion, config)
        added.append("motion")
    if throws:
        _add_metal(hu, slices, metal, config)
        added.append("metal")
    return added


def _add_motion(hu: np.ndarray, slices: Slices, rng: np.random.Generator, config: ArtefactConfig) -> None:
    """Some neighbouring slices show the head in two places: part of the views were taken after it moved."""
    count = len(hu)
    length = int(np.clip(round(rng.uniform(0.1, 0.35) * count), 2, count))
    first = int(rng.integers(0, count - length + 1))
    for k in range(first, first + length):
        direction = rng.uniform(0, 2 * np.pi)
        size = rng.uniform(*config.motion_mm) / slices.pixel_mm
        share = rng.uniform(*config.motion_share)
        moved = ndimage.shift(
            hu[k], (size * np.sin(direction), size * np.cos(direction)), order=1, mode="nearest", prefilter=False
        )
        # Views before and after disagree most at strong edges: streaks along the skull.
        streak = ndimage.gaussian_filter1d(np.clip(moved - hu[k], -400, 400), 12 / slices.pixel_mm, axis=1)
        hu[k] += share * (moved - hu[k]) + 0.06 * streak


def _add_metal(hu: np.ndarray, slices: Slices, rng: np.random.Generator, config: ArtefactConfig) -> None:
    """A clip, coil or filling: a very bright spot, with bright and dark rays across the slices that it lies in."""
    count, rows, columns = hu.shape
    k0 = int(rng.integers(0, max(1, count // 2)))  # teeth, clips at the circle of Willis: the lower half
    angle, reach = rng.uniform(0, 2 * np.pi), rng.uniform(5, 60)
    x = (np.arange(columns) - (columns - 1) / 2)[None] * slices.pixel_mm - reach * np.cos(angle)
    y = (np.arange(rows) - (rows - 1) / 2)[:, None] * slices.pixel_mm - reach * np.sin(angle)
    r, theta = np.hypot(x, y), np.arctan2(y, x)
    rays = sum(rng.normal() * np.cos(n * theta + rng.uniform(0, 2 * np.pi)) for n in rng.integers(2, 24, 8))
    rays = np.sign(rays) * np.abs(rays) ** 1.5 / (1 + (r / 25) ** 1.5)
    size, radius, strength = rng.uniform(3, 9), rng.uniform(1.5, 4), rng.uniform(*config.metal_streak_hu)
    for k in range(count):
        away = abs(k - k0) * slices.slice_mm / size
        if away > 2:
            continue
        fade = float(np.exp(-(away**2)))
        hu[k] += fade * strength * rays * (hu[k] > -700)
        hu[k] += fade * 3000 * np.clip(radius - r, 0, 1)
