"""The scanner: how the shoulder lies and is sliced, and what the machine makes of its signal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from radiologycnn.images.affine import rotation
from radiologycnn.simulation.shapes import interpolate_at, smooth_step
from radiologycnn.simulation.shoulder_mr.config import ScannerConfig, SignalConfig
from radiologycnn.simulation.shoulder_mr.grid import Canvas, ShoulderGrid, Window
from radiologycnn.simulation.shoulder_mr.signal import Protocol

PLANES = ("coronal", "sagittal", "axial")


@dataclass(frozen=True)
class Series:
    """One series' slices, as of a right shoulder.

    Attributes:
        shape_kji: slices, rows, columns.
        directions: 3x3, rows are i, j, k in the shoulder frame.
        centre: middle of the stack in the shoulder frame, mm.
        shoulder_to_lps: 4x4.
    """

    shape_kji: tuple[int, int, int]
    directions: np.ndarray
    centre: np.ndarray
    pixel_mm: float
    spacing_mm: float
    thickness_mm: float
    shoulder_to_lps: np.ndarray
    tilt_deg: tuple[float, float, float]

    @property
    def ijk_to_shoulder(self) -> np.ndarray:
        """4x4, from voxels to u, v, w in mm."""
        steps = np.array([self.pixel_mm, self.pixel_mm, self.spacing_mm])
        matrix = np.eye(4)
        matrix[:3, :3] = self.directions.T * steps
        matrix[:3, 3] = self.centre - matrix[:3, :3] @ ((np.array(self.shape_kji[::-1]) - 1) / 2)
        return matrix

    def grid(self, config: ScannerConfig) -> ShoulderGrid:
        """The fine grid that is averaged onto these slices."""
        view = self.pixel_mm * self.shape_kji[1]
        fine = config.fine_mm or (0.8 if config.matrix <= 256 else 0.55)
        count = max(8, round(view / fine))
        across = ((np.arange(count) + 0.5) / count - 0.5) * view
        slices = (np.arange(self.shape_kji[0]) - (self.shape_kji[0] - 1) / 2) * self.spacing_mm
        within = ((np.arange(config.sub_slices) + 0.5) / config.sub_slices - 0.5) * self.thickness_mm
        through = (slices[:, None] + within[None, :]).ravel()
        return ShoulderGrid(self.directions, self.centre, (through, across, across), config.coarse_mm)


def draw_series(rng: np.random.Generator, config: ScannerConfig, plane: str, scapular_angle_deg: float) -> Series:
    """Draw how one series lies. ``rng`` is the plane's own stream."""
    angle = np.deg2rad(scapular_angle_deg)
    c, s = float(np.cos(angle)), float(np.sin(angle))
    to_lps = np.eye(4)
    to_lps[:3, :3] = np.array([[-c, s, 0], [-s, -c, 0], [0, 0, 1]])  # columns: u, v, w of a right shoulder
    to_lps[:3, 3] = rng.uniform(-165, -110), rng.uniform(-35, 25), rng.uniform(-30, 30)

    if plane == "axial":  # along the body, not along the scapula
        directions = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1]], float) @ to_lps[:3, :3]
    elif plane == "sagittal":
        directions = np.array([[0, -1, 0], [0, 0, -1], [1, 0, 0]], float)
    else:
        directions = np.array([[-1, 0, 0], [0, 0, -1], [0, 1, 0]], float)
    reverse = rng.random() < 0.5
    if reverse:
        directions[2] *= -1
    tilt = rng.uniform(-config.angle_deg, config.angle_deg, 3) * np.array([0.5, 0.5, 1.0])  # u, v, w
    directions = directions @ rotation(tilt).T

    offset = rng.uniform(-config.centre_mm, config.centre_mm, 3)
    nominal = {"coronal": (-4.0, -2.0, -2.0), "sagittal": (-6.0, 0.0, 0.0), "axial": (-4.0, 0.0, -4.0)}[plane]
    normal = directions[2]
    along = offset @ normal
    offset = offset - 0.5 * along * normal  # the stack is set by the anatomy, so it is less off in its own direction
    count = int(rng.integers(config.slices[0], config.slices[1] + 1))
    gap = float(rng.uniform(*config.gap_mm))
    view = float(rng.uniform(*config.field_of_view_mm))
    return Series(
        shape_kji=(count, config.matrix, config.matrix),
        directions=directions,
        centre=np.asarray(nominal) + offset,
        pixel_mm=view / config.matrix,
        spacing_mm=config.thickness_mm + gap,
        thickness_mm=config.thickness_mm,
        shoulder_to_lps=to_lps,
        tilt_deg=tuple(float(t) for t in tilt),
    )


def onto_pixels(
    fine: np.ndarray,
    grid: ShoulderGrid,
    series: Series,
    config: ScannerConfig,
    window: Window | None = None,
    blur_mm: float = 0.0,
    shift_mm: float = 0.0,
) -> np.ndarray:
    """Mean through each slice, then linear to the pixels. float32 KJI.

    Args:
        fine: on the whole fine grid, or on ``window`` of it (zero elsewhere).
        blur_mm: sd of the in-plane point spread.
        shift_mm: displacement along the rows (fat against water).
    """
    if window is not None:
        whole = np.zeros(grid.shape, np.float32)
        whole[window] = fine
        fine = whole
    slices, rows, columns = series.shape_kji
    mean = fine.reshape(slices, config.sub_slices, *fine.shape[1:]).mean(axis=1, dtype=np.float32)
    if blur_mm:
        sigma = blur_mm / grid.fine_mm
        mean = ndimage.gaussian_filter1d(mean, sigma, axis=1, truncate=3.0, mode="nearest")
        mean = ndimage.gaussian_filter1d(mean, sigma, axis=2, truncate=3.0, mode="nearest")
    count = mean.shape[1]

    def positions(pixels: int, shift: float = 0.0) -> np.ndarray:
        return (np.arange(pixels) + 0.5) * (count / pixels) - 0.5 - shift / grid.fine_mm

    return interpolate_at(mean, (np.arange(slices), positions(rows), positions(columns, shift_mm)))


def scan(
    canvas: Canvas, series: Series, protocol: Protocol, rng: np.random.Generator, config: ScannerConfig,
    signal: SignalConfig,
) -> tuple[np.ndarray, dict[str, float | bool]]:  # fmt: skip
    """What the machine makes of the canvas: saturation, coil, ghosts, noise, arbitrary scale.

    Returns:
        int16 KJI, and what was drawn (for the truth).
    """
    blur = rng.uniform(*config.blur_px) * series.pixel_mm * config.matrix / 256
    shift = rng.uniform(*config.chemical_shift_mm) * (1 if rng.random() < 0.5 else -1)
    residual, failed = rng.uniform(*signal.residual_fat), rng.random() < signal.failed_saturation
    failure = rng.uniform(-1, 1, 3), rng.uniform(0.4, 1.0)
    strength, coil = rng.uniform(*config.bias), rng.uniform(-1, 1, 3)
    snr, ghosts = rng.uniform(*config.snr), rng.random() < config.ghosts
    ghost, parts, phase = rng.uniform(*config.ghost_strength), int(rng.integers(2, 5)), rng.uniform(-1, 1)
    brightest = rng.uniform(300, 1800)

    water = onto_pixels(canvas.water, canvas.grid, series, config, blur_mm=blur)
    fat = onto_pixels(canvas.fat, canvas.grid, series, config, blur_mm=blur, shift_mm=shift)
    place = _coarse_places(series)
    if protocol.fat_saturated:
        share = np.full(place[0].shape, residual, np.float32)
        if failed:
            # Saturation fails where the field is bent, far from the middle and near air.
            direction = failure[0] / np.linalg.norm(failure[0])
            far = sum(d * p for d, p in zip(direction, place))
            share += failure[1] * (1 - residual) * smooth_step(far, 30, 75).astype(np.float32)
        fat *= _to_pixels(share, series)
    image = water
    image += fat
    source = np.array([70.0, 0.0, 15.0]) + coil * np.array([25.0, 45.0, 40.0])
    distance = np.sqrt(sum((p - q) ** 2 for p, q in zip(place, source)))
    image *= _to_pixels(np.exp(-strength * (distance - 70) / 80).astype(np.float32), series)
    sample = image[:, ::4, ::4]
    bright = float(np.percentile(sample, 90))
    if ghosts:
        image = np.abs(image + np.float32(ghost * phase) * np.roll(image, image.shape[1] // parts, axis=1))
    sigma = np.float32(bright / snr)
    real = rng.standard_normal(image.shape, dtype=np.float32)
    imaginary = rng.standard_normal(image.shape, dtype=np.float32)
    real *= sigma
    real += image
    imaginary *= sigma
    image = np.hypot(real, imaginary)
    image *= np.float32(brightest / max(float(np.percentile(image[:, ::4, ::4], 99)), 1e-6))
    drawn = {
        "snr": round(float(snr), 1),
        "failed_fat_saturation": bool(failed and protocol.fat_saturated),
        "ghosts": bool(ghosts),
        "bias": round(float(strength), 2),
        "chemical_shift_mm": round(float(shift), 2),
    }
    return np.clip(np.rint(image), 0, 32767).astype(np.int16), drawn


def _coarse_places(series: Series, step: int = 24) -> list[np.ndarray]:
    """u, v, w on a grid of ``step`` x ``step`` points per slice."""
    n = series.shape_kji[1]
    line = np.linspace(0, n - 1, step)
    k = np.arange(series.shape_kji[0])
    matrix = series.ijk_to_shoulder
    return [
        matrix[a, 3]
        + matrix[a, 0] * line[None, None, :]
        + matrix[a, 1] * line[None, :, None]
        + matrix[a, 2] * k[:, None, None]
        for a in range(3)
    ]


def _to_pixels(field: np.ndarray, series: Series) -> np.ndarray:
    slices, rows, columns = series.shape_kji
    step = field.shape[1] - 1
    return interpolate_at(field, (np.arange(slices), np.linspace(0, step, rows), np.linspace(0, step, columns)))
