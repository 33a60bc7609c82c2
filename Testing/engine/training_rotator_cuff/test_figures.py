"""A tear classifier's operating point, and how much the figures on its card depend on the shoulders."""

import numpy as np

from radiologycnn.evaluation.localization import localization
from radiologycnn.evaluation.words import performance_lines, performance_texts
from radiologycnn.training.rotatorcuff.assess import choose_threshold, summarize


def test_operating_point_between_the_groups() -> None:
    true = np.array([0, 0, 0, 1, 2, 4])
    assert choose_threshold(true, np.array([0.05, 0.3, 0.62, 0.71, 0.8, 0.99])) in (0.65, 0.7)
    assert choose_threshold(true, np.array([0.1, 0.2, 0.3, 0.7, 0.8, 0.9])) == 0.5
    assert choose_threshold(np.array([1, 2]), np.array([0.1, 0.2])) == 0.5


def test_card_says_how_much_its_figures_depend_on_the_shoulders() -> None:
    lesion = np.zeros((16, 16, 16), bool)
    lesion[6:10, 6:10, 6:10] = True
    grid = np.diag([5.0, 5.0, 5.0, 1.0])
    rows = []
    for number in range(24):
        tear, raw = number % 2, np.zeros((16, 16, 16))
        raw[8, 8, 8] = 1
        raw[2, 2, 2] = 0.2 * (number % 3)  # far from the tear
        found = localization(raw, grid, lesion, grid)
        rows.append(
            {
                "true_class": 3 * tear, "predicted": 3 * tear, "tear_probability": 0.3 + 0.4 * tear,
                "centre_error_mm": 1.0, "maps": {"tear_versus_none": found, "predicted": found} if tear else {},
            }
        )  # fmt: skip
    summary = summarize(rows, 0.5)
    point = summary["at_operating_point"]
    assert (point["specificity"], point["specificity_95"]) == (1.0, [0.758, 1.0])
    maps = summary["localization_tear_versus_none"]
    assert maps["peak_in_tear"] == 1.0 and maps["peak_in_tear_95"] == [0.7575, 1.0]
    assert maps["energy_inside_95"][0] < maps["energy_inside"] < maps["energy_inside_95"][1]
    # Both stand on the card with it.
    lines = list(performance_lines(summary))
    assert any("specificity 1 (95 % 0.758 to 1)" in line for line in lines)
    assert any("peak in tear 1 (95 % 0.757 to 1)" in line for line in lines)
    assert any("specificity 1 (95 % 0.758 to 1)" in text for _, text in performance_texts({"test": summary}))
