"""What the scanner adds to the truth: blur, beam hardening, haze near bone, streaks, noise, offset, head rest.

Additive models; each term's size is in ``config.PhysicsConfig``. A polychromatic projection can take the place of
:func:`add_beam_hardening` without touching the rest.
"""

from __future__ import annotations

import numpy as np
from scipy import fft, ndimage

from radiologycnn.simulation.head_ct.config import PhysicsConfig, draw_lognormal
from radiologycnn.simulation.head_ct.fields import HeadGrid, everywhere, interpolate_at
from radiologycnn.simulation.head_ct.scanner import Slices

#: Share of the brain that has less bone near it than the place where the scanner's HU are right.
HAZE_CALIBRATED = 0.25


def add_beam_hardening(
    grid: HeadGrid, hu: np.ndarray, inside: np.ndarray, rng: np.random.Generator, config: PhysicsConfig
) -> None:
    """Change HU inside the skull on the fine grid, in place: cupping, bright rim under bone, dark interpetrous bands.

    Args:
        inside: signed distance to the inner table, mm.
    """
    rim_hu, rim_mm = rng.uniform(*config.rim_hu), rng.uniform(*config.rim_mm)
    cupping, strength = rng.uniform(*config.cupping_hu), rng.uniform(*config.interpetrous_hu)
    band_y, band_mm = rng.normal(0, 2), rng.uniform(5, 9)
    size = rng.uniform(*config.streak_hu)
    first_mm, phase, second_mm = rng.uniform(2.5, 5), rng.uniform(0, 6), rng.uniform(3, 6)
    for slab in grid.slabs():
        x, y, z = slab.fine_axes
        within = inside[slab.window]
        depth = np.maximum(within, 0)
        extra = rim_hu * everywhere(np.exp, -depth / rim_mm)
        extra -= cupping * np.clip(depth / 60, 0, 1)
        band = everywhere(np.exp, -(((y - 8 - band_y) / band_mm) ** 2)) * everywhere(np.exp, -(((z + 38) / 9) ** 2))
        extra -= strength * band * everywhere(np.exp, -np.square(np.square(x / 38)))
        wave = everywhere(np.sin, (y + 0.25 * x) / first_mm + phase) + everywhere(np.sin, (y - 0.3 * x) / second_mm)
        extra += 0.5 * size * wave * everywhere(np.exp, -(((z + 42) / 12) ** 2))
        extra *= within > -0.5
        hu[slab.window] += extra


def bone_haze(hu: np.ndarray, pixel_mm: float, rng: np.random.Generator, config: PhysicsConfig) -> float:
    """Brighten what lies near much bone, in place: beam hardening and scatter that the scanner did not correct.

    In-plane, so that the slices under the vertex, ringed closely by obliquely cut bone, take the most. The scanner was
    calibrated on the middle of heads: there nothing changes on average.

    Args:
        hu: averaged true HU, float32 KJI, before noise.

    Returns:
        Strength drawn, HU per 1000 HU of bone all round.
    """
    strength, reach_mm = draw_lognormal(rng, config.haze_hu), rng.uniform(*config.haze_mm)
    if strength <= 0:
        return 0.0
    step = max(1, int(reach_mm / 4 / pixel_mm))
    blocks = [np.arange(0, n, step) for n in hu.shape[1:]]
    sizes = [np.diff([*starts, n]) for starts, n in zip(blocks, hu.shape[1:])]
    bone = np.where(hu > 150, np.minimum(hu, 2000) / 1000, 0).astype(np.float32)
    bone = np.add.reduceat(np.add.reduceat(bone, blocks[0], axis=1), blocks[1], axis=2)
    bone /= (sizes[0][:, None] * sizes[1]).astype(np.float32)
    sigma = reach_mm / (pixel_mm * step)
    haze = ndimage.gaussian_filter(bone, (0, sigma, sigma), mode="constant", truncate=3)
    places = [np.clip((np.arange(n) + 0.5) / step - 0.5, 0, None) for n in hu.shape[1:]]
    haze = interpolate_at(haze, [np.arange(len(hu)), *places])
    sample = hu[:, ::4, ::4]
    brain = haze[:, ::4, ::4][(sample > 0) & (sample < 100)]
    usual = float(np.quantile(brain, HAZE_CALIBRATED)) if brain.size else 0.0
    haze -= usual
    haze *= strength
    haze *= hu > -500
    hu += haze
    return strength


def scan(
    hu: np.ndarray, slices: Slices, rng: np.random.Generator, config: PhysicsConfig, blurred_mm: float = 0.0
) -> np.ndarray:
    """Blur, noise, offset and head rest on the scanner's grid.

    Args:
        hu: averaged true HU, float32 KJI; changed in place.
        blurred_mm: standard deviation of the blur that ``hu`` has already, which counts as part of the kernel's.

    Returns:
        int16 HU, KJI, in -1024..3071.
    """
    if rng.random() < config.head_rest:
        _add_head_rest(hu, slices, rng)
    kernel_mm = rng.uniform(*config.kernel_sigma_mm)
    sigma = np.sqrt(max(kernel_mm**2 - blurred_mm**2, 1e-4)) / slices.pixel_mm
    ndimage.gaussian_filter1d(hu, sigma, axis=1, output=hu, truncate=3)
    ndimage.gaussian_filter1d(hu, sigma, axis=2, output=hu, truncate=3)
    sd = rng.uniform(*config.noise_hu_at_5mm) * np.sqrt(5.0 / slices.slice_mm)
    posterior = rng.uniform(*config.noise_posterior_fossa)
    hu += rng.uniform(*config.hu_offset) * (hu > -900)
    # Noise has passed the kernel that blurs the picture, whose Fourier transform falls to 1/e here.
    sharp = rng.uniform(*config.noise_sharpness) / (np.sqrt(2) * np.pi * kernel_mm)
    shape = hu.shape[1:]
    filter_ = _noise_filter(shape, slices.pixel_mm, sharp)
    for k in range(hu.shape[0]):
        # Bone in the slice costs photons: the skull base is noisier than the vertex.
        bone = float((hu[k] > 400).mean())
        white = rng.standard_normal(shape, dtype=np.float32)
        noise = fft.irfft2(fft.rfft2(white) * filter_, s=shape)
        hu[k] += noise * (sd * (1 + (posterior - 1) * min(bone / 0.08, 1.5)))
    np.clip(np.rint(hu, out=hu), -1024, 3071, out=hu)
    return hu.astype(np.int16)


def _noise_filter(shape: tuple[int, int], pixel_mm: float, sharp: float) -> np.ndarray:
    """Amplitude of CT noise by spatial frequency: ramp times apodization, unit variance.

    Args:
        sharp: frequency at which the apodization falls to 1/e, cycles/mm. The sd is that of a 0.47 mm pixel; coarser
            pixels get the share of the spectrum that they can hold.
    """

    def amplitude(fy: np.ndarray, fx: np.ndarray) -> np.ndarray:
        f = np.hypot(fy, fx)
        return np.sqrt(f + 0.01) * np.exp(-((f / sharp) ** 2))

    f = np.linspace(-0.5 / 0.47, 0.5 / 0.47, 257)
    reference = float((amplitude(f[:, None], f[None]) ** 2).mean()) * (1 / 0.47) ** 2
    fy, fx = fft.fftfreq(shape[0], pixel_mm)[:, None], fft.rfftfreq(shape[1], pixel_mm)[None]
    # White noise of variance 1 has spectral density pixel_mm^2; scale so that density matches the reference.
    return (amplitude(fy, fx) / (pixel_mm * np.sqrt(reference))).astype(np.float32)


def _add_head_rest(hu: np.ndarray, slices: Slices, rng: np.random.Generator) -> None:
    """A curved shell under the head, as brain-window pictures show it; where the body is, the body stays."""
    count, rows, columns = hu.shape
    x = (np.arange(columns) - (columns - 1) / 2) * slices.pixel_mm
    y = (np.arange(rows) - (rows - 1) / 2) * slices.pixel_mm
    radius_x, radius_y = rng.uniform(95, 110), rng.uniform(108, 116)
    u = np.sqrt((x[None] / radius_x) ** 2 + (np.maximum(y[:, None], 0) / radius_y) ** 2)
    arc = np.abs((u - 1) * 100) < 1.3
    arc &= y[:, None] > rng.uniform(-10, 60)
    value = rng.uniform(-150, 150)
    foam = (u > 1.013) & (u < 1.06) & (y[:, None] > 30)
    for k in range(count):
        air = hu[k] < -700
        hu[k][arc & air] = value
        hu[k][foam & air] = -940
