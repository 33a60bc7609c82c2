"""Names of figures, and the performance on a model's card, as the terminal shows them."""

import pytest

from radiologycnn.evaluation.words import figure_words, performance_lines, performance_texts


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("volume_error_ml", "volume error (mL)"),
        ("invented_ml_median", "invented median (mL)"),
        ("hausdorff_95_mm", "Hausdorff 95 (mm)"),
        ("peak_within_5_mm_chance", "peak within 5 mm chance"),
        ("tear_auc", "tear AUC"),
        ("top1_within_one", "top-1 within one"),
    ],
)
def test_figures_have_the_names_of_the_field_and_their_unit_last(name: str, words: str) -> None:
    assert figure_words(name) == words


def test_performance_is_a_line_a_figure_with_its_interval() -> None:
    found_nowhere = {"cases": 0, "dice": None, "found_wrongly": 0}
    types = {"iph": {"cases": 2, "dice": 0.8, "found_wrongly": 1}, "sah": found_nowhere}
    record = {"data": "3 scans", "top1": 0.7, "top1_95": [0.6, 0.8], "confusion": [[1, 2], [3, 4]], "types": types}
    assert list(performance_lines({"test": record, "validation": {}})) == [
        "test",
        "  data: 3 scans",
        "  top-1: 0.7 (95 % 0.6 to 0.8)",
        "  types",
        "    IPH: cases 2, Dice 0.8, wrongly found in 1",
    ]
    assert list(performance_lines({"dice": 0.5, "dice_95": [0.4]})) == ["Dice: 0.5"]


def test_performance_in_short_is_a_row_for_each_set_of_scans() -> None:
    table = dict.fromkeys("abcdefg", 0.5)  # longer than a row
    test = {"data": "3 scans", "cases": 3, "top1": 0.98754, "top1_95": [0.6, 0.8], "matrix": [[1]], "by_age": table}
    record = {"dice": 0.5, "note": "a trial", "test": test, "nested": {"types": {"iph": {"dice": 0.8}}}, "none": {}}
    test["by_type"] = {"sdh": 0.6, "volume_ml": 1234.5}
    assert list(performance_texts(record)) == [
        ("", "Dice 0.5; note: a trial"),
        ("test", "3 scans; cases 3; top-1 0.988 (95 % 0.6 to 0.8); by type: SDH 0.6, volume (mL) 1234.5"),
    ]
