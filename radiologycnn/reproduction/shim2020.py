"""What Shim 2020 prints, as data, with the readings of its contradictions; no figure of ours stands here.

E. Shim et al., "Automated rotator cuff tear classification using 3D convolutional neural network", Scientific Reports
10, 2020. Figures are kept as printed, also the wrong ones: the note says how they are read.
"""

from __future__ import annotations

TITLE = "Shim 2020: rotator cuff tears on shoulder MRI, VRN"
CITATION = (
    "Shim E. et al. Automated rotator cuff tear classification using 3D convolutional neural network. Sci Rep 10, 2020."
)
CLASSES = ("None", "Partial", "Small", "Medium", "Large-to-Massive")
REPEATS = 60
CNN, SPECIALISTS, GENERALISTS = "VRN", "Shoulder specialists", "General orthopedists"
READERS = {SPECIALISTS: 4, GENERALISTS: 13}
SIGNIFICANT = 0.0167

#: Table 1 as printed: class, training, test, total.
COUNTS: tuple[tuple[str, int, int, int], ...] = (
    ("None", 692, 72, 764),
    ("Partial", 254, 31, 285),
    ("Small", 205, 22, 227),
    ("Medium", 518, 49, 567),
    ("Large-to-Massive", 225, 26, 281),
    ("Total", 1924, 200, 2124),
)
COUNT_NOTES = {
    "Large-to-Massive": "printed 225 in training makes the column 1894, not 1924, and 225 + 26 is not 281: read as 255",
}

#: Table 2: metric, printed.
BINARY: dict[str, str] = {
    "accuracy": "92.5 ± 1.36 %",
    "sensitivity": "0.94 ± 0.03",
    "specificity": "0.90 ± 0.04",
    "precision": "0.94 ± 0.02",
    "f1": "0.94 ± 0.01",
}
BINARY_NOTES = {
    "accuracy": "consistent: 120 of 128 tears and 65 of 72 others right give 0.925, 0.94, 0.90, 0.94, 0.94",
    "sensitivity": "Table 3 and the abstract have 0.92 (other runs)",
    "specificity": "Table 3 and the abstract have 0.86; with 0.92 that would be an accuracy of 0.898, not 0.925",
}
#: The text's means of the readers: metric to value by group.
READER_BINARY: dict[str, dict[str, str]] = {
    SPECIALISTS: {
        "accuracy": "76.4 %",
        "sensitivity": "0.86",
        "specificity": "0.58",
        "precision": "0.79",
        "f1": "0.82",
    },
    GENERALISTS: {
        "accuracy": "68.2 %",
        "sensitivity": "0.90",
        "specificity": "0.29",
        "precision": "0.70",
        "f1": "0.78",
    },
}

#: Table 3a: metric to (VRN, specialists, generalists, p of Kruskal-Wallis), median (quartiles).
GROUPS: dict[str, tuple[str, str, str, str]] = {
    "top1": ("69.0 (67.0, 70.1) %", "45.8 (41.0, 46.4) %", "30.5 (25.3, 36.5) %", "< 0.001"),
    "top1_within_one": ("87.5 (86.5, 88.5) %", "79.8 (75.9, 86.3) %", "71.0 (66.0, 76.3) %", "< 0.001"),
    "sensitivity": ("0.92 (0.90, 0.94)", "0.89 (0.75, 0.96)", "0.93 (0.82, 0.96)", "0.778"),
    "specificity": ("0.86 (0.83, 0.89)", "0.61 (0.42, 0.72)", "0.26 (0.12, 0.41)", "< 0.001"),
    "seconds": ("0.01 (0.01, 0.01)", "20.3 (12.2, 35.9)", "34.2 (9.1, 219.4)", "< 0.001"),
}
#: Tables 3b-f: p of (VRN, specialists), (VRN, generalists), (specialists, generalists).
PAIRS: dict[str, tuple[str, str, str]] = {
    "top1": ("< 0.001", "< 0.001", "0.010"),
    "top1_within_one": ("0.010", "< 0.001", "0.023"),
    "sensitivity": ("0.491", "0.938", "0.624"),
    "specificity": ("< 0.001", "< 0.001", "0.023"),
    "seconds": ("< 0.001", "< 0.001", "0.703"),
}
METRIC_TITLES = {
    "top1": "Top-1 accuracy",
    "top1_within_one": "Top-1±1 accuracy",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "seconds": "Time for a case (s)",
}
METRIC_NOTES = {
    "sensitivity": "“best for all metrics”: not here, the generalists' 0.93 is above 0.92",
    "top1_within_one": "neighbours of None and Partial are not defined; read in the order None, Partial, Small, ...",
    "seconds": "hardware is not stated",
}
CAM_CLAIM = "two specialists: “all the same location”, no number"

READINGS: tuple[str, ...] = (
    "60 repeats of one network on one test set are set against 17 people as if they were 60 independent readers: p "
    "values of Table 3 are too small. Intervals over cases, McNemar and DeLong stand beside them.",
    "How a network without randomness at test time varies over 60 repeats is not said. Here: %s.",
    "SPSS 15 has no Dunn test: “Bonferroni post hoc” is read as Mann-Whitney of each pair against 0.05 / 3; "
    "Dunn's p is given too.",
    "There was no validation set, and the test set was scored after every epoch. Here nothing is chosen on test cases.",
    "Sizes “< 1, 1 to 3, > 3 cm” and Large-to-Massive: large 3-5 cm and massive > 5 cm together; the name of the "
    "classification is DeOrio.",
)
