"""Every number of the simulated shoulder MR, with its source, in one place.

Sources: [ref] the project's reference for simulated data; [Shim] Shim 2020, Methods and Table 1; [Kim] Kim 2010, 360
tears; [Curtis] Curtis 2006, footprints; [Gold] Gold 2004, T1 and T2 at 1.5 and 3 T; [Bigliani] acromion types; [anat]
common anatomy and shoulder radiology textbooks; [choice] our own choice, to be revised when measured.
A range is (low, high), drawn uniformly; a normal is (mean, sd, low, high), drawn anew until it lies inside.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Annotated

from radiologycnn.simulation.limits import (
    Chances,
    Factor,
    Factors,
    FineLength,
    GridLength,
    Length,
    Lengths,
    Limits,
    LimitsByPlace,
    Matrix,
    Range,
    Share,
    Shares,
    SliceCounts,
    SliceLength,
)
from radiologycnn.simulation.settings import SimulationSettings

Normal = tuple[float, float, float, float]
_RELAXATION_MS = Limits(0.1, 100_000)  # signal divides by T1 and T2
_ECHO_MS = Limits(0, 10_000)
_TISSUE = LimitsByPlace(
    (
        ("proton density", Limits(0, 1)),
        ("T1 at 1.5 T", _RELAXATION_MS),
        ("T2 at 1.5 T", _RELAXATION_MS),
        ("T1 at 3 T", _RELAXATION_MS),
        ("T2 at 3 T", _RELAXATION_MS),
        ("share of fat", Limits(0, 1)),
    )
)
_PROTOCOL = LimitsByPlace(
    (
        ("shortest TR", _RELAXATION_MS),
        ("longest TR", _RELAXATION_MS),
        ("shortest TE", _ECHO_MS),
        ("longest TE", _ECHO_MS),
    ),
    ranges=((0, 1), (2, 3)),
)


@dataclass(frozen=True)
class AnatomyConfig:
    """Sizes in mm of the shoulder of one person."""

    head_radius_mm: Annotated[Range, Limits(10, 50)] = (22.0, 26.0)  # sphere of 44-52 mm [ref]
    acromiohumeral_mm: Range = (8.5, 12.0)  # acromion to head, intact cuff; below 7 is migration [ref, anat]
    acromion_types: Chances = field(
        default_factory=lambda: {"flat": 0.2, "curved": 0.45, "hooked": 0.35}
    )  # [Bigliani 17/43/39 %]
    acromion_mm: Lengths = (8.0, 11.0)  # thickness [anat]
    footprint_ap_mm: Length = 23.0  # supraspinatus [Curtis, ref]
    footprint_ml_mm: Lengths = (14.5, 17.0)  # 16 [Curtis, ref]
    tendon_mm: Lengths = (4.5, 6.5)  # thickness 4-7 [ref]
    tendon_length_mm: Lengths = (26.0, 34.0)  # insertion to muscle 25-35 [ref]
    biceps_radius_mm: Lengths = (2.0, 2.9)  # long head 4-6 mm across [ref]
    biceps_ahead_mm: Range = (17.0, 22.0)  # arc from the top of the head to the tendon in its groove [anat]
    cartilage_mm: Lengths = (1.1, 1.8)  # [anat]
    cortex_mm: Lengths = (0.9, 1.6)  # [anat]
    deltoid_mm: Lengths = (11.0, 19.0)  # [anat]
    subcutaneous_mm: Range = (4.0, 15.0)  # [anat]
    muscle_bulk: Factors = (0.88, 1.12)  # factor on the muscles' cross sections [choice]
    fatty_streaks: Shares = (0.0, 0.16)  # mean share of fat in muscle, Goutallier 0-1; in every class [anat, choice]
    joint_fluid_mm: Range = (0.1, 0.5)  # layer over the head of a dry joint [anat]; 1-2 mm in the recesses [ref]
    bursa_mm: Range = (0.0, 0.9)  # fluid layer of a quiet bursa; the space itself is 1-2 mm [ref]
    scapular_angle_deg: Range = (25.0, 42.0)  # of the supraspinatus to the frontal plane [anat]
    left_share: Share = 0.5  # [choice]


@dataclass(frozen=True)
class TearConfig:
    """Which class, how wide, how long, how deep."""

    # None .. Large-to-Massive [Shim Table 1].
    class_shares: Annotated[tuple[float, ...], Limits(sums=True)] = (0.36, 0.13, 0.11, 0.27, 0.13)
    width_mm: Normal = (16.3, 12.1, 3.0, 44.0)  # AP, cut to the class's range [Kim]
    length_mm: Normal = (17.0, 13.0, 4.0, 42.0)  # retraction, mediolateral [Kim]
    width_length_correlation: Annotated[float, Limits(-1, 1)] = 0.7  # [choice]
    behind_biceps_mm: Normal = (7.8, 5.7, 0.0, 17.0)  # anterior edge [Kim]
    probe_error_mm: float = 2.0  # the label is by a measured width, off by at most this [ref]
    partial_width_mm: Range = (5.0, 15.0)  # [choice]
    partial_length_mm: Range = (5.0, 12.0)  # [choice]
    partial_depth: Shares = (0.15, 0.90)  # share of the thickness [ref]
    partial_sides: Chances = field(
        default_factory=lambda: {"articular": 0.5, "bursal": 0.25, "inside": 0.25}
    )  # articular ones are two to three times as common as bursal ones [anat]
    stump_mm: Range = (0.0, 3.0)  # tendon left on the footprint [choice]
    fluid_share: Shares = (0.65, 1.0)  # of the gap; the rest granulation tissue [choice]
    migrated_acromiohumeral_mm: Range = (3.0, 6.8)  # Large: below 7 [ref]
    migrated_share: Share = 0.75  # of Large [choice]
    atrophy: Factors = (0.62, 0.85)  # factor on the belly's cross section, Large [ref, choice]
    fatty_infiltration: Shares = (0.15, 0.5)  # extra share of fat in the belly, Large; Goutallier 2-4 [ref]


@dataclass(frozen=True)
class ConfounderConfig:
    """What looks like a tear or hides one. Chances are the same in every class: none of these knows the tear."""

    tendinosis: Share = 0.45  # [ref: in all classes alike; shares choice]
    bursitis: Share = 0.45
    effusion: Share = 0.4
    ac_arthrosis: Share = 0.45
    calcific: Share = 0.12
    cysts: Share = 0.3
    slap: Share = 0.35
    biceps_fluid: Share = 0.4
    marrow_oedema: Share = 0.2
    bursitis_mm: Range = (1.2, 4.0)  # thickness of the fluid [anat]
    effusion_mm: Range = (1.0, 3.0)  # thickness over the head; recesses several times that [anat]
    calcium_mm: Range = (3.0, 9.0)  # diameter [anat]
    cyst_mm: Range = (2.0, 6.0)  # diameter [anat]
    tendinosis_share: Shares = (0.35, 1.0)  # of the way from tendon to degenerated tendon [choice]


@dataclass(frozen=True)
class SignalConfig:
    """Tissues and protocols. Signal = PD (1 - exp(-TR/T1)) exp(-TE/T2) [ref]."""

    #: proton density, T1 and T2 at 1.5 T, T1 and T2 at 3 T (ms), share of fat. T1, T2 of muscle, fat, fluid and
    #: cartilage [Gold]; of tendon T2 2-10 [ref]; the others and all densities [choice].
    tissues: Annotated[dict[str, tuple[float, ...]], _TISSUE] = field(
        default_factory=lambda: {
            "fat": (0.90, 288.0, 165.0, 371.0, 133.0, 1.0),
            "muscle": (0.82, 1130.0, 35.0, 1420.0, 32.0, 0.0),
            "fluid": (1.00, 2850.0, 1210.0, 3620.0, 767.0, 0.0),
            "cartilage": (0.75, 1060.0, 42.0, 1240.0, 37.0, 0.0),
            "tendon": (0.55, 700.0, 7.0, 800.0, 6.0, 0.0),
            "tendinosis": (0.75, 900.0, 42.0, 1050.0, 36.0, 0.0),
            "labrum": (0.55, 700.0, 9.0, 800.0, 8.0, 0.0),
            "granulation": (0.85, 1300.0, 95.0, 1500.0, 80.0, 0.0),
            "marrow": (0.88, 700.0, 60.0, 850.0, 50.0, 0.86),
            "oedema": (0.95, 1500.0, 120.0, 1800.0, 100.0, 0.35),
            "synovium": (0.80, 1100.0, 60.0, 1300.0, 52.0, 0.2),
            "skin": (0.70, 850.0, 35.0, 950.0, 32.0, 0.1),
            "cortex": (0.05, 300.0, 1.0, 300.0, 1.0, 0.0),
            "lung": (0.12, 1100.0, 12.0, 1200.0, 9.0, 0.0),
            "blood": (0.85, 1300.0, 60.0, 1600.0, 45.0, 0.0),
        }
    )
    #: Refocusing below 180 degrees stores signal along T1: an echo train's T2 is longer than a single echo's [choice].
    echo_train_t2: Factor = 1.35
    spread: Annotated[float, Limits(0, 1)] = (
        0.07  # sd of the logarithm of PD, T1 and T2 from person to person [Gold: 3-10 %]
    )
    #: TR and TE (ms) per weighting. T2 and T1 [Shim]; PD [anat].
    protocols: Annotated[dict[str, tuple[float, ...]], _PROTOCOL] = field(
        default_factory=lambda: {
            "T2": (3500.0, 4000.0, 60.0, 110.0),
            "PD": (2200.0, 3500.0, 18.0, 40.0),
            "T1": (550.0, 733.0, 15.0, 17.0),
        }
    )
    #: Weighting per plane where none is asked for: coronal and sagittal T2, axial T1 [Shim]; some PD [choice].
    pd_share: Share = 0.2
    fat_saturated: Share = 0.5  # of T2 and PD [choice]
    residual_fat: Shares = (0.03, 0.14)  # share of fat signal left [choice]
    failed_saturation: Share = 0.3  # share of fat-saturated scans with a region where it failed [ref: failed fat-sat]
    magic_angle_t2_ms: Annotated[Range, _RELAXATION_MS] = (
        16.0,
        26.0,
    )  # tendon at 55 degrees to the field; only short TE shows it [ref]
    three_tesla: Share = 0.75  # [Shim: all 3 T; ref: 1.5/3 T]


@dataclass(frozen=True)
class ScannerConfig:
    """Where the shoulder lies, how it is sliced, and what the machine adds."""

    matrix: Matrix = 512
    field_of_view_mm: Annotated[Range, Limits(50, 500)] = (156.0, 164.0)  # 160 [Shim]
    slices: SliceCounts = (20, 24)  # [ref]
    thickness_mm: SliceLength = 4.0  # [Shim]
    gap_mm: Annotated[Range, Limits(0, 30)] = (0.0, 0.4)  # [Shim]
    centre_mm: Annotated[float, Limits(0, 60)] = 10.0  # off-centre +-10 [ref]
    angle_deg: Annotated[float, Limits(0, 45)] = 10.0  # slice angle +-10 [ref]
    bias: Range = (0.15, 0.6)  # strength of the coil's falloff over 80 mm, as logarithm [choice]
    snr: Annotated[Range, Limits(0.1, 10_000)] = (15.0, 40.0)  # of bright tissue, Rician [ref]
    ghosts: Share = 0.3  # share of scans with visible phase ghosts [choice]
    ghost_strength: Shares = (0.02, 0.08)  # [choice]
    blur_px: Range = (0.35, 0.7)  # point spread at a 256 matrix, sd [choice]
    chemical_shift_mm: Range = (0.3, 1.1)  # fat's displacement along the rows [anat: 1-2 pixels]
    sub_slices: Annotated[int, Limits(1, 32)] = 4  # samples through a slice for partial volume
    fine_mm: FineLength = 0.0  # in-plane, of the shoulder before scanning; 0 = by matrix (0.55 above 256, else 0.8)
    coarse_mm: GridLength = 2.0  # resolution of the large, smooth shapes


@dataclass(frozen=True)
class ShoulderMrConfig(SimulationSettings):
    """The whole description of a simulated shoulder MR population. One (config, seed, index) is one shoulder."""

    anatomy: AnatomyConfig = AnatomyConfig()
    tears: TearConfig = TearConfig()
    confounders: ConfounderConfig = ConfounderConfig()
    signal: SignalConfig = SignalConfig()
    scanner: ScannerConfig = ScannerConfig()

    def with_matrix(self, matrix: int) -> ShoulderMrConfig:
        """The same population, drawn on another in-plane matrix (the field of view stays)."""
        return dataclasses.replace(self, scanner=dataclasses.replace(self.scanner, matrix=matrix))

    def with_class_shares(self, shares: tuple[float, ...]) -> ShoulderMrConfig:
        """The same population with other shares of the five classes; they are scaled to sum to one."""
        total = float(sum(shares))
        shares = tuple(float(s) / total for s in shares)
        return dataclasses.replace(self, tears=dataclasses.replace(self.tears, class_shares=shares))
