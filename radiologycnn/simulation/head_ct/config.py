"""Every number of the simulated head CT, with its source, in one place.

Sources: [ref] the project's reference for simulated data (InSilicoICH quantiles, MIDA-like anatomy); [anat] common
neuroanatomy and neuroradiology textbooks; [choice] our own choice, to be revised when measured.
A range is (low, high), drawn uniformly; a lognormal is (median, sigma of the logarithm, low, high).
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np

from radiologycnn.errors import InputError
from radiologycnn.simulation.limits import (
    Chances,
    Factor,
    Factors,
    FineLength,
    GridLength,
    Length,
    Lengths,
    Limits,
    Matrix,
    Range,
    Share,
    Shares,
    SliceCounts,
    SliceLength,
    SliceLengths,
)
from radiologycnn.simulation.settings import SimulationSettings

LogNormal = tuple[float, float, float, float]


def draw_lognormal(rng: np.random.Generator, numbers: LogNormal) -> float:
    """One value: median times the exponential of a normal deviate, clipped to (low, high)."""
    median, sigma, low, high = numbers
    return float(np.clip(median * np.exp(sigma * rng.standard_normal()), low, high))


@dataclass(frozen=True)
class AnatomyConfig:
    """Sizes in mm, tissue values in HU."""

    # Inner table, left-right and front-back; outer skull 150 and 190 mm +-8 % [ref].
    half_width_mm: Annotated[Range, Limits(40, 100)] = (64.0, 72.0)
    half_length_mm: Annotated[Range, Limits(50, 120)] = (82.0, 92.0)
    height_mm: Annotated[Range, Limits(40, 110)] = (66.0, 76.0)  # cavity centre to inner vertex [anat]
    superellipsoid_exponent: Annotated[Range, Limits(1.5, 6)] = (2.1, 2.5)  # [ref: superellipsoid]
    skull_mm: Lengths = (6.0, 9.5)  # tables 2 x 1.5-2 mm + diploe 3-5 mm [ref]
    table_mm: Lengths = (1.4, 2.0)  # [ref]
    scalp_mm: Lengths = (4.0, 7.0)  # [ref: 4-6]
    skin_mm: float = 2.0  # [anat: 1.5-2.5 with epidermis and dermis]
    skin_hu: float = 55.0  # dermis, denser than fat [choice]
    galea_mm: float = 1.2  # galea with epicranial muscle, on the bone everywhere [anat: 1-2]
    temporalis_mm: float = 7.0  # at its thickest above the arch, relaxed [anat: 5-10]
    ear_mm: Range = (4.0, 14.0)  # how far the pinna stands off; pressed flat by the head rest in some [choice]
    ear_slant: Range = (0.6, 2.2)  # mm backwards for each mm off the head [choice]
    ear_hu: float = 45.0  # elastic cartilage and skin [choice]
    # 1000-1800 [ref] is what scans show; blurring takes a tenth to a quarter, and the real scan's tables still peak at
    # 1020 to 1710 (10 to 90 %) [measured].
    table_hu: Range = (1150.0, 1950.0)
    diploe_hu: Range = (300.0, 700.0)  # [ref]
    petrous_hu: Range = (1500.0, 2300.0)  # [ref]
    orbital_roof_mm: float = 2.5  # bone over the orbits [anat: 1-3]; 0: the plain population's thick flat floor
    fat_hu: float = -90.0  # [ref]
    muscle_hu: Range = (42.0, 62.0)  # 50 [ref]
    grey_hu: Range = (34.5, 41.5)  # 37+-3 [ref]
    white_hu: Range = (26.0, 30.0)  # 28+-3 [ref]
    nuclei_hu: Range = (34.5, 38.5)  # 36 [ref]
    csf_hu: Range = (5.0, 12.0)  # [ref]
    dura_hu: Range = (50.0, 68.0)  # falx, tentorium, sinuses; 45-65 [ref], less what partial volume takes
    dura_half_mm: Range = (0.35, 0.65)  # falx and tentorium are 0.5-1.5 mm thick [anat]
    cortex_mm: Lengths = (2.5, 3.5)  # [ref]
    junction_mm: Range = (1.5, 3.0)  # over which cortex passes into white matter: U fibres, curved gyri [anat; choice]
    white_uneven_hu: Range = (0.8, 1.8)  # sd within a brain; 1-2 [choice, by the real scan]
    white_change_hu: Range = (1.0, 10.0)  # lost beside the ventricles at 85 years, none at 45 [anat: leukoaraiosis]
    white_change_mm: Lengths = (5.0, 13.0)  # how far from them [anat]
    folium_mm: Lengths = (2.8, 4.0)  # fissure to fissure at the surface [anat: 2-4 with its branches]
    folium_depth_mm: Length = 5.0  # [anat]
    folium_cleft_mm: float = 0.35  # half width at the surface, in middle age [choice: 0.1-0.5]
    folium_cortex_mm: float = 0.9  # cerebellar cortex [anat: about 1]
    folia_in_a_lobe: Factor = 4.0  # between deep fissures, which then are about 12 mm apart [anat]
    lobe_depth_mm: Length = 14.0  # [anat: primary and horizontal fissure 10-20]
    lobe_reach_mm: Length = 30.0  # from the cerebellum's axis to its surface, where folia have their width [anat]
    folial_grey: Share = 0.62  # grey matter where lamellae are not resolved; more in the vermis [anat: cortex-rich]
    cerebellar_core_mm: float = 9.0  # half width of the medullary white matter [anat]
    prepontine_mm: float = 4.5  # CSF before the pons in the young, 1.5 more for each mm of open sulci [anat: 3-8]
    sulcus_depth_mm: Lengths = (12.0, 22.0)  # [anat]
    winding_mm: float = 2.5  # sd by which sulci leave their course, over some 7 mm [choice, by the real scan]
    gyrus_mm: Lengths = (7.5, 10.0)  # smoothness of the folding noise, sets the gyral width of about 10 mm [choice]
    age_years: Range = (25.0, 90.0)  # stroke population [choice]


@dataclass(frozen=True)
class BleedConfig:
    """What bleeds, how much and how bright. Clot core HU; region means are lower by partial volume."""

    bleed_free: Share = 0.20  # 15-25 % [ref]
    primary_weights: Chances = field(
        default_factory=lambda: {"iph": 0.72, "ivh": 0.06, "sdh": 0.11, "edh": 0.05, "sah": 0.06}
    )  # spontaneous (stroke) bleeds, as the patients of Arab 2020; trauma is rarer here [choice]
    second_bleed: Share = 0.15  # mixtures [choice]
    location_weights: Chances = field(
        default_factory=lambda: {"deep": 0.50, "lobar": 0.35, "cerebellar": 0.10, "stem": 0.05}
    )  # [ref]
    ivh_extension: Share = 0.35  # of deep bleeds, 30-40 % [ref]
    volume_ml: dict[str, LogNormal] = field(
        default_factory=lambda: {
            "deep": (9.0, 1.1, 0.5, 80.0),  # all IPH: median 7.3, from 0.4 to 43 [ref]; stroke cohorts 15-25 [ref]
            "lobar": (11.0, 1.1, 0.5, 100.0),
            "cerebellar": (6.0, 0.9, 0.5, 35.0),
            "stem": (2.0, 0.7, 0.4, 8.0),
            "sdh": (
                18.0,
                0.9,
                5.0,
                110.0,
            ),  # trauma 5.9 [ref]; larger, so that the layer is thicker than a voxel [choice]
            "edh": (13.0, 0.8, 2.0, 80.0),  # 12.6 [ref]
            "ivh": (3.5, 1.0, 0.3, 40.0),  # 2.5 [ref]
            "sah": (4.0, 0.9, 0.4, 30.0),  # trauma 0.8 [ref]; aneurysmal larger [choice]
        }
    )
    clot_hu: dict[str, Range] = field(
        default_factory=lambda: {
            "iph": (43.0, 66.0),  # region means 33/41/48/54/61 at 5/25/50/75/95 % [ref], as of the others
            "ivh": (40.0, 62.0),
            # Layers take HU from the bone beside them and its haze (10-15, under much haze 27 [measured]), so their
            # cores lie lower than the reference's 55-75; but not so low that their region means are the reference's:
            # then a third were as grey as the cortex beside them, which fresh blood is not [choice].
            "sdh": (34.0, 64.0),  # means 27/43/51/59/69 [ref]
            "edh": (42.0, 66.0),  # means 37/49/56/63/72 [ref]
            "sah": (48.0, 68.0),
        }
    )
    # Share of a voxel from which on it is labelled. At a half, thin layers and filled sulci lose most of their volume.
    label_share: Annotated[dict[str, float], Limits(0, 1)] = field(
        default_factory=lambda: {"iph": 0.5, "ivh": 0.45, "sdh": 0.4, "edh": 0.4, "sah": 0.35}
    )
    label_below_hu: float = 100.0  # what bone, calcium or metal makes brighter, nobody outlines as blood [choice]
    heterogeneity_hu: Range = (2.0, 6.0)  # swirl of unclotted blood [ref: 30-45 HU spots], as a field's sd [choice]
    fluid_level: Share = 0.07  # share of larger parenchymal bleeds, mostly with anticoagulants [anat: 3-10 %]
    fluid_level_from_ml: float = 8.0  # [choice]
    fluid_level_hu: Range = (10.0, 22.0)  # cells below less plasma above; the bleed's mean stays [choice]
    # Angle from a crescent's or lens' middle to its rim; with the volume it gives 5-15 mm thickness [choice]. By ABC/2
    # a crescent of 90 x 50 x 8 mm holds 18 mL, which is 0.45 rad on a sphere of 75 mm.
    sdh_reach_rad: Range = (0.34, 0.55)
    edh_reach_rad: Range = (0.42, 0.62)
    # The reach grows with this power of the volume (over 18 and 20 mL); a third keeps the form, 0 thins small ones.
    sdh_reach_power: float = 0.33
    edh_reach_power: float = 0.33
    oedema_mm: Range = (2.0, 10.0)  # [ref]
    oedema_hu: Range = (16.0, 25.0)  # 10-25 [ref]


@dataclass(frozen=True)
class ConfounderConfig:
    """Normal things that look like blood."""

    calcium_hu: Range = (80.0, 400.0)  # [ref]
    pineal: Share = 0.6  # prevalence, adults [anat]
    choroid: Share = 0.55  # [anat]
    basal_ganglia: Share = 0.3  # rises with age [anat]
    falx_plate: Share = 0.25  # [anat]
    artery_hu: Range = (40.0, 58.0)  # [ref: blood-like normals]


@dataclass(frozen=True)
class PhysicsConfig:
    """What the scanner does to the picture."""

    noise_hu_at_5mm: Range = (2.6, 5.2)  # 3-5 [ref]; grows with 1/sqrt(thickness)
    noise_posterior_fossa: Factors = (1.2, 1.7)  # factor [ref: more in the posterior fossa]
    # Apodization of the noise over that of the kernel. Power-weighted mean frequency in flat brain, 1/mm: 0.31 on the
    # real scan (standard kernel), 0.24 to 0.52 drawn here; 0.44 to 0.72 before version 6 [measured].
    noise_sharpness: Factors = (1.0, 1.3)
    # Point spread of a soft brain kernel, in all: before version 7 the grid that heads are drawn on added 0.4 mm to it.
    # The inner table's edge, 10 to 90 % along its normal, is 1.4 mm wide on the real scan (lower quartile, 4 mm),
    # 1.2 to 1.5 on three drawn here, 1.4 to 1.7 before. Neither undershoots in the brain (median 0 to +4 HU in the real
    # scan), so the kernel has no edge enhancement [measured].
    kernel_sigma_mm: Lengths = (0.45, 0.75)
    cupping_hu: Range = (0.0, 4.0)  # residual 2-6 [ref]
    rim_hu: Range = (4.0, 16.0)  # +5..+15 within 3-5 mm of bone [ref]
    rim_mm: Lengths = (1.5, 4.0)
    # Haze: HU for 1000 HU of bone all round, falling off with a Gaussian of haze_mm. On the one real scan of a dual
    # slice scanner (STD+ kernel, 4 and 7 mm) least squares over the brain of the vault give 167 at 24 mm, simulated
    # scans without it 25-50. Later scanners correct it nearly away (residual cupping 2-6 HU [ref]), so that scanner
    # is where the distribution ends, not its middle [measured; choice].
    haze_hu: LogNormal = (25.0, 0.9, 0.0, 130.0)
    haze_mm: Lengths = (16.0, 30.0)  # the real scan's fit is best at 24 [measured]
    interpetrous_hu: Range = (4.0, 22.0)  # -10..-25 [ref]
    streak_hu: Range = (0.0, 6.0)  # [choice]
    hu_offset: Annotated[Range, Limits(-100, 100)] = (-2.0, 2.0)  # [ref]
    head_rest: Share = 0.7  # scans that show it [choice]


@dataclass(frozen=True)
class ScannerConfig:
    """Where the head lies and how it is sliced."""

    matrix: Matrix = 512
    # For a 512 matrix [ref]; the field of view stays when the matrix shrinks.
    pixel_mm: Annotated[Range, Limits(0.1, 2)] = (0.40, 0.55)
    slice_mm: SliceLengths = (2.4, 5.0)  # [ref]
    slices: SliceCounts = (28, 60)  # [ref]
    centre_sd_mm: float = 6.0  # +-20 [ref]
    rotation_sd_deg: float = 5.0  # +-15 [ref]
    rotation_max_deg: float = 15.0
    gantry_tilt: Share = 0.25  # share of scans sheared by a tilted gantry [choice]
    tilt_deg: Annotated[Range, Limits(-30, 30)] = (5.0, 20.0)  # [ref: 0-20]
    missing_vertex: Share = 0.2  # [choice]
    thick_slices: Share = 0.2  # share of scans of older protocols, whose slices are thicker than slice_mm
    thick_slice_mm: SliceLengths = (5.0, 8.0)
    joined_vault: Share = 0.2  # share of scans whose upper slices are twice as thick, read onto an even grid
    joined_up_to_mm: float = 4.2  # only of slices no thicker than this [choice: 7 mm over a base of 4 mm is usual]
    sub_slice_mm: SliceLength = 1.0  # sampling through the slice for partial volume
    coarse_mm: GridLength = 2.0  # grid that shapes are drawn on, before they are interpolated
    fine_mm: FineLength = 0.0  # resolution of the head before scanning; 0 = by matrix (0.8 above 256, else 1.0)


@dataclass(frozen=True)
class ArtefactConfig:
    """What goes wrong in some scans; shares of scans [choice]."""

    motion: Share = 0.12
    motion_mm: Range = (1.0, 5.0)  # shift between two parts of the views [choice]
    motion_share: Shares = (0.15, 0.45)  # of the views that show the other place [choice]
    metal: Share = 0.05
    metal_streak_hu: Range = (15.0, 80.0)  # near the metal; falls off with distance [choice]


PRESETS: dict[str, dict[str, Any]] = {
    # Like a mixed archive: bleeds as bright and large as the reference's, thin and small ones too, older protocols,
    # motion, metal. A threshold fails on it (``simulate gates head-ct``).
    "default": {},
    # Bright and large bleeds in clean scans, which a threshold finds: for first steps, and as easy cases in training.
    "plain": {
        "anatomy": {"grey_hu": [34.5, 39.5], "dura_hu": [45.0, 65.0], "orbital_roof_mm": 0.0},
        "bleeds": {
            "clot_hu": {
                "iph": [54.0, 74.0],
                "ivh": [46.0, 68.0],
                "sdh": [46.0, 72.0],
                "edh": [54.0, 75.0],
                "sah": [46.0, 66.0],
            },
            "label_share": {"iph": 0.5, "ivh": 0.5, "sdh": 0.5, "edh": 0.5, "sah": 0.5},
            "label_below_hu": 3000.0,
            "heterogeneity_hu": [1.5, 4.0],
            "sdh_reach_rad": [0.5, 0.85],
            "sdh_reach_power": 0.0,
            "edh_reach_power": 0.12,
            "volume_ml": {
                "deep": [14.0, 0.9, 0.8, 80.0],
                "lobar": [18.0, 0.9, 1.0, 100.0],
                "cerebellar": [9.0, 0.8, 1.0, 35.0],
                "stem": [3.0, 0.6, 0.6, 8.0],
                "sdh": [25.0, 0.8, 4.0, 110.0],
                "edh": [18.0, 0.7, 3.0, 80.0],
                "ivh": [5.0, 0.9, 0.5, 40.0],
                "sah": [6.0, 0.7, 1.0, 30.0],
            },
        },
        "confounders": {"basal_ganglia": 0.2, "falx_plate": 0.15, "artery_hu": [38.0, 52.0]},
        "physics": {
            "noise_hu_at_5mm": [2.2, 4.5],
            "rim_hu": [2.0, 12.0],
            "rim_mm": [1.5, 3.5],
            "haze_hu": [0.0, 0.0, 0.0, 0.0],
        },
        "scanner": {"missing_vertex": 0.1, "thick_slices": 0.0, "joined_vault": 0.0, "gantry_tilt": 0.2},
        "artefacts": {"motion": 0.0, "metal": 0.0},
    },
}


@dataclass(frozen=True)
class HeadCtConfig(SimulationSettings):
    """The whole description of a simulated head CT population. One (config, seed, index) is one scan."""

    anatomy: AnatomyConfig = AnatomyConfig()
    bleeds: BleedConfig = BleedConfig()
    confounders: ConfounderConfig = ConfounderConfig()
    physics: PhysicsConfig = PhysicsConfig()
    scanner: ScannerConfig = ScannerConfig()
    artefacts: ArtefactConfig = ArtefactConfig()

    @classmethod
    def preset(cls, name: str) -> HeadCtConfig:
        """A whole description by name: one of :data:`PRESETS`.

        Raises:
            InputError: ``simulation-preset``.
        """
        if name not in PRESETS:
            raise InputError(
                "simulation-preset", f"There is no preset “{name}”.", "Presets: " + ", ".join(PRESETS) + "."
            )
        return cls.from_dict(PRESETS[name])

    def with_matrix(self, matrix: int) -> HeadCtConfig:
        """The same population, drawn on another in-plane matrix (the field of view stays)."""
        return dataclasses.replace(self, scanner=dataclasses.replace(self.scanner, matrix=matrix))
