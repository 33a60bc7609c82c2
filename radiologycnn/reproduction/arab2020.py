"""What Arab 2020 prints, as data, with the readings of its contradictions; no figure of ours stands here.

A. Arab et al., "A fast and fully-automated deep-learning approach for accurate hemorrhage segmentation and volume
quantification in non-contrast whole-head CT", Scientific Reports 10, 2020. Figures are kept as printed, also the wrong
ones: the note says how they are read.
"""

from __future__ import annotations

from dataclasses import dataclass

TITLE = "Arab 2020: hemorrhage on head CT, CNN-DS"
CITATION = (
    "Arab A. et al. A fast and fully-automated deep-learning approach for accurate hemorrhage segmentation and volume "
    "quantification in non-contrast whole-head CT. Sci Rep 10, 2020."
)
TRAINING_CASES, TEST_CASES = 45, 10

#: Table 1: label, training set, testing set.
DEMOGRAPHICS: tuple[tuple[str, str, str], ...] = (
    ("N", "45", "10"),
    ("Age (years, mean ± SD)", "62.6 ± 15.7", "70.7 ± 8.4"),
    ("Sex (male, %)", "51", "60"),
    ("Deep-seated ICH (%)", "40", "30"),
    ("Hemorrhage reaching cortical surface (%)", "77.8", "100"),
    ("Intraventricular hemorrhage (%)", "40", "30"),
    ("Oral anticoagulants (%)", "24.4", "40"),
    ("Antiplatelet (%)", "6.7", "0"),
    ("Hematoma evacuation (%)", "11.1", "0"),
)


@dataclass(frozen=True)
class PairFigures:
    """A row of Table 2; x is the first rater, y the second: y = slope x + intercept (mL)."""

    first: str
    second: str
    kappa: float
    kappa_sd: float
    slope: float
    slope_p: float
    intercept: float
    intercept_p: float


#: Table 2. "E1, E3" 1.45 and "E3, M" 0.69 agree only with x as the first rater.
AGREEMENT: tuple[PairFigures, ...] = (
    PairFigures("E1", "E2", 0.88, 0.05, 1.13, 7.99e-10, -2.30, 0.141),
    PairFigures("E1", "E3", 0.87, 0.07, 1.45, 1.11e-06, -8.26, 0.107),
    PairFigures("E2", "E3", 0.89, 0.07, 1.29, 1.15e-07, -5.60, 0.126),
    PairFigures("E1", "M", 0.84, 0.06, 1.05, 6.12e-08, -1.24, 0.600),
    PairFigures("E2", "M", 0.82, 0.08, 0.93, 4.97e-08, 1.01, 0.648),
    PairFigures("E3", "M", 0.82, 0.08, 0.69, 1.31e-05, 6.36, 0.142),
)
EXPERTS, METHOD = ("E1", "E2", "E3"), "M"


@dataclass(frozen=True)
class MethodFigures:
    """A row of Tables 3 and 4, as printed; ``note`` by metric."""

    dice: str
    precision: str
    recall: str
    f1: str
    seconds: str
    notes: dict[str, str]


#: Table 3.
METHODS: dict[str, MethodFigures] = {
    "patch_unet": MethodFigures("0.74 ± 0.09", "0.73 ± 0.17", "0.76 ± 0.09", "0.74", "9.4 ± 0.2", {}),
    "slice_unet": MethodFigures(
        "0.80 ± 0.7",
        "0.78 ± 0.10",
        "0.84 ± 0.08",
        "0.80",
        "12.3 ± 3.6",
        {"dice": "SD printed as 0.7; read as 0.07", "f1": "from its precision and recall F1 is 0.81"},
    ),
    "forest": MethodFigures(
        "0.76 ± 0.11",
        "0.63 ± 0.15",
        "0.98 ± 0.01",
        "0.77",
        "1412.34 ± 20.05",
        {"seconds": "CPU with registration against CNN-DS on a GPU: the printed “1900 times” compares machines too"},
    ),
    "cnn_ds": MethodFigures(
        "0.84 ± 0.06",
        "0.85 ± 0.07",
        "0.83 ± 0.07",
        "0.84",
        "0.74 ± 0.07",
        {"dice": "the discussion says “> 88 %”: that is panel A of Fig. 2, or kappa among experts; the table holds"},
    ),
}

#: Of Table 3, as people read them.
METHOD_TITLES = {
    "patch_unet": "Patch-wise 3D U-Net",
    "slice_unet": "Slice-based 2D U-Net",
    "forest": "Random forest (PItcHPERFeCT's features)",
    "cnn_ds": "CNN-DS",
}

#: Table 4.
ABLATION: dict[str, MethodFigures] = {
    "cnn_ds_without": MethodFigures(
        "0.79 ± 0.11",
        "0.81 ± 0.09",
        "0.77 ± 0.09",
        "0.74",
        "0.72 ± 0.10",
        {
            "f1": "from its precision and recall F1 is 0.79; for one binary mask F1 is Dice",
            "seconds": "deep supervision adds 0.17 % of the operations: the difference in time is noise",
        },
    ),
    "cnn_ds": MethodFigures("0.84 ± 0.06", "0.85 ± 0.07", "0.83 ± 0.07", "0.84", "0.74 ± 0.07", {}),
}

#: Table 5, and what the text fixes beside it: label, value, note.
HYPER_PARAMETERS: tuple[tuple[str, str, str], ...] = (
    ("Network depth", "4", "grid 3, 4, 5, 6"),
    ("Initial learning rate", "0.005", "grid 1e-2, 5e-3, 1e-3, 5e-4, 1e-4"),
    ("Dropout rate", "0.3", "grid 0.3, 0.4, 0.5"),
    ("Batch size", "1", ""),
    ("First moment estimate", "0.9", ""),
    ("Second moment estimate", "0.999", ""),
    ("Epochs", "500", "printed as “iterations”; read as epochs of 40 images"),
    ("Grid", "128 x 128 x 64", ""),
)

#: Figures of the text: key, label, printed, note.
TEXT_FIGURES: tuple[tuple[str, str, str, str], ...] = (
    ("age_t", "Age, training less testing set: t", "-1.6 (p = 0.12)", "follows from Table 1 (pooled variance)"),
    ("train_dice", "Dice on the training set", "0.82 ± 0.06", ""),
    ("train_seconds", "Time on the training set (s)", "0.59 ± 0.02", "test set 0.74 s, though the same work"),
    ("kappa_experts", "Kappa among experts", "0.88 ± 0.01", "SD of the three pairs' means"),
    ("kappa_method", "Kappa of expert and method", "0.83 ± 0.01", "SD of the three pairs' means"),
    (
        "mann_whitney_p",
        "Mann-Whitney of the two groups of kappas, p",
        "> 0.05",
        "Table 2's means and SDs give a median p of about 0.004 with 30 against 30 values; with 3 against 3 means p "
        "cannot be below 0.10. And no difference shown is not equality shown",
    ),
    ("equivalence_p", "Equivalence of kappas within 0.05 (TOST), p", "", "not in the paper; what its claim needs"),
    ("mixed_model_p", "Mixed model, image as random effect, p", "", "not in the paper; kappas share images and raters"),
    ("mixed_model_effect", "Mixed model, effect of the method on kappa", "", "not in the paper"),
    ("slope_p_largest", "Largest p of the slopes", "≤ 0.002", "the table's largest is 1.3e-05"),
    (
        "intercept_p_smallest",
        "Smallest p of the intercepts",
        "≥ 0.09",
        "the table's smallest is 0.106 (printed 0.107)",
    ),
    (
        "disagreement_experts",
        "Disagreement of volumes among experts",
        "0.09 ± 0.02",
        "the printed formula has no absolute value, and errors would cancel; read as mean of absolute values",
    ),
    ("disagreement_method", "Disagreement of expert and method", "0.08 ± 0.02", "mean of absolute values"),
    (
        "disagreement_signed_experts",
        "The same with sign, among experts",
        "",
        "the formula as printed: first rater less second",
    ),
    ("disagreement_signed_method", "The same with sign, expert and method", "", "expert less method: a bias"),
    ("training_hours", "Training time (h)", "18", "one Tesla K40"),
)

#: Contradictions that belong to no single figure.
READINGS: tuple[str, ...] = (
    "“780,894,208 labeled voxels per CT scan” is about all 55 scans together (512 x 512 x 53.7 x 55 = 775 million); "
    "“57,671,680” is 55 x 128 x 128 x 64 exactly, not 512 x 512.",
    "Slices are 43-60 (53.7 ± 7.2) in one place and 45-66 in another.",
    "15 scans rated by three raters and 40 by two make 55: the 15 are read as 10 test and 5 validation scans.",
    "PItcHPERFeCT “achieved a Dice of 91 %”: its paper says 0.90.",
    "The loss is printed with garbled bars and denominators; read as -(1/2) Σ 2 Σ g p / (Σ g + Σ p) over background "
    "and blood.",
    "The test between methods (“non-parametric”) has no printed p: Wilcoxon signed-rank, as cases are paired.",
    "With 99 % background, kappa over voxels is close to Dice; both are printed.",
)
