"""From tissue to signal: PD, T1 and T2 at the scan's field strength through the spin echo equation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from radiologycnn.simulation.shoulder_mr.config import SignalConfig

WEIGHTINGS = ("T2", "PD", "T1")


@dataclass(frozen=True)
class Protocol:
    """What was set at the scanner."""

    weighting: str
    repetition_time_ms: float
    echo_time_ms: float
    field_tesla: float
    fat_saturated: bool


@dataclass(frozen=True)
class Palette:
    """Signal of each tissue, split into what its water and what its fat give (they are shifted and saturated apart).

    Attributes:
        water: tissue name to signal of its water.
        fat: tissue name to signal of its fat, before saturation.
    """

    water: dict[str, float]
    fat: dict[str, float]
    protocol: Protocol
    tendon: tuple[float, float, float]  # PD, T1 and T2 (ms) of tendon, for the magic angle
    magic_t2_ms: float

    def pair(self, tissue: str) -> tuple[float, float]:
        """Signal of a tissue's water and of its fat."""
        return self.water[tissue], self.fat[tissue]

    def tendon_water(self, cosine: np.ndarray) -> np.ndarray:
        """Tendon signal by the cosine of its fibres' angle to the main field (dipolar: T2 longest at 55 degrees)."""
        density, t1, t2 = self.tendon
        # R2 grows with (3 cos^2 - 1)^2, which is 4 along the field; the mean over directions is 0.8.
        dipolar = (3 * cosine * cosine - 1) ** 2
        fastest, slowest = 1 / t2, 1 / self.magic_t2_ms
        rate = slowest + np.minimum(dipolar / 0.8, 1.6) * (fastest - slowest)
        recovered = density * (1 - np.exp(-self.protocol.repetition_time_ms / t1))
        return (recovered * np.exp(-self.protocol.echo_time_ms * rate)).astype(np.float32)


def draw_protocol(rng: np.random.Generator, config: SignalConfig, plane: str, weighting: str | None) -> Protocol:
    """The protocol of one series; the same draws are made whatever is asked for."""
    pd = rng.random() < config.pd_share
    tr, te, saturated, field = rng.random(4)
    if weighting is None:
        weighting = "T1" if plane == "axial" else "PD" if pd else "T2"
    low_tr, high_tr, low_te, high_te = config.protocols[weighting]
    return Protocol(
        weighting=weighting,
        repetition_time_ms=round(low_tr + tr * (high_tr - low_tr), 0),
        echo_time_ms=round(low_te + te * (high_te - low_te), 1),
        field_tesla=3.0 if field < config.three_tesla else 1.5,
        fat_saturated=bool(saturated < config.fat_saturated and weighting != "T1"),
    )


def spin_echo(density: float, t1_ms: float, t2_ms: float, protocol: Protocol) -> float:
    """PD (1 - exp(-TR/T1)) exp(-TE/T2)."""
    recovered = 1 - np.exp(-protocol.repetition_time_ms / t1_ms)
    return float(density * recovered * np.exp(-protocol.echo_time_ms / t2_ms))


def draw_palette(rng: np.random.Generator, config: SignalConfig, protocol: Protocol) -> Palette:
    """Each tissue's signal for one person (``rng`` is the person's, so that all series of a shoulder agree)."""
    high_field = protocol.field_tesla > 2
    tissues = {}
    for name, (density, t1_low, t2_low, t1_high, t2_high, fat) in config.tissues.items():
        factors = np.exp(rng.normal(0, config.spread, 3))
        t1, t2 = (t1_high, t2_high) if high_field else (t1_low, t2_low)
        t2 *= config.echo_train_t2
        tissues[name] = (min(density * factors[0], 1.0), t1 * factors[1], t2 * factors[2], fat)
    magic = rng.uniform(*config.magic_angle_t2_ms)
    density, t1, t2, _ = tissues["fat"]
    pure_fat = spin_echo(density, t1, t2, protocol)
    water = {n: (1 - f) * spin_echo(d, a, b, protocol) for n, (d, a, b, f) in tissues.items()}
    fatty = {n: f * pure_fat for n, (_, _, _, f) in tissues.items()}
    return Palette(water, fatty, protocol, tissues["tendon"][:3], float(magic))
