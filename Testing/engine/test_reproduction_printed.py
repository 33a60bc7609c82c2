"""What the papers print: figures follow from their counts, or a note says that they do not."""

import numpy as np
import pytest
from scipy import stats

from radiologycnn.evaluation.classification_metrics import BinaryMetrics
from radiologycnn.evaluation.hypothesis_tests import mann_whitney
from radiologycnn.reproduction import arab2020, shim2020
from radiologycnn.reproduction.tables import mean_sd, median_quartiles, number, p_value, with_p


def test_shim_table_2_follows_from_its_counts() -> None:
    # As the note of Table 2's accuracy reads them.
    counts = BinaryMetrics(true_positive=120, false_negative=8, true_negative=65, false_positive=7)
    assert counts.true_positive + counts.false_negative == 128
    assert counts.true_negative + counts.false_positive == 72
    assert f"{100 * counts.accuracy:.1f}" == shim2020.BINARY["accuracy"].split(" ")[0]
    for name in ("sensitivity", "specificity", "precision", "f1"):
        assert f"{getattr(counts, name):.2f}" == shim2020.BINARY[name].split(" ")[0], name


def test_shim_table_3_cannot_have_table_2s_accuracy() -> None:
    sensitivity, specificity = (float(shim2020.GROUPS[m][0].split(" ")[0]) for m in ("sensitivity", "specificity"))
    accuracy = (128 * sensitivity + 72 * specificity) / 200
    assert f"{accuracy:.3f}" == "0.898"
    assert "0.898" in shim2020.BINARY_NOTES["specificity"]
    generalists = float(shim2020.GROUPS["sensitivity"][2].split(" ")[0])
    assert generalists > sensitivity and "best for all" in shim2020.METRIC_NOTES["sensitivity"]


def test_shim_table_1_adds_up_only_with_255_large_tears() -> None:
    *classes, total = shim2020.COUNTS
    assert sum(row[1] for row in classes) == 1894 != total[1]
    assert sum(row[2] for row in classes) == total[2]
    large = next(row for row in classes if row[0] == "Large-to-Massive")
    assert sum(row[1] for row in classes) - large[1] + 255 == total[1]
    assert 255 + large[2] == large[3]
    assert "255" in shim2020.COUNT_NOTES["Large-to-Massive"]


def test_shim_differences_in_the_discussion_follow_from_the_tables() -> None:
    """16.1 and 24.3 points of binary accuracy, 23.2 and 38.5 of top-1, 7.7 and 16.5 of top-1±1."""

    def first_number(text: str) -> float:
        return float(text.split(" ")[0])

    accuracy = first_number(shim2020.BINARY["accuracy"])
    groups = [first_number(figures["accuracy"]) for figures in shim2020.READER_BINARY.values()]
    assert [f"{accuracy - value:.1f}" for value in groups] == ["16.1", "24.3"]
    for name, printed in (("top1", ["23.2", "38.5"]), ("top1_within_one", ["7.7", "16.5"])):
        network, *people = (first_number(text) for text in shim2020.GROUPS[name][:3])
        assert [f"{network - value:.1f}" for value in people] == printed


def test_arab_gains_in_the_text_follow_from_the_tables() -> None:
    """0.05, 0.04 and 0.06 lost without deep supervision; 1900 times as fast as PItcHPERFeCT."""
    with_it, without = arab2020.ABLATION["cnn_ds"], arab2020.ABLATION["cnn_ds_without"]
    lost = [
        float(getattr(with_it, name)[:4]) - float(getattr(without, name)[:4])
        for name in ("dice", "precision", "recall")
    ]
    assert [f"{value:.2f}" for value in lost] == ["0.05", "0.04", "0.06"]
    seconds = [float(arab2020.METHODS[name].seconds.split(" ")[0]) for name in ("forest", "cnn_ds")]
    assert round(seconds[0] / seconds[1], -2) == 1900


def test_arab_ages_give_the_printed_t() -> None:
    age = next(row for row in arab2020.DEMOGRAPHICS if row[0].startswith("Age"))
    groups = [tuple(float(number) for number in text.split(" ± ")) for text in age[1:]]
    found = stats.ttest_ind_from_stats(*groups[0], arab2020.TRAINING_CASES, *groups[1], arab2020.TEST_CASES)
    printed = next(figure for key, _, figure, _ in arab2020.TEXT_FIGURES if key == "age_t")
    assert f"{found.statistic:.1f} (p = {found.pvalue:.2f})" == printed


def test_arab_f1_scores_that_do_not_follow_are_noted() -> None:
    for figures in (*arab2020.METHODS.values(), *arab2020.ABLATION.values()):
        precision, recall = (float(text.split(" ")[0]) for text in (figures.precision, figures.recall))
        f1 = f"{2 * precision * recall / (precision + recall):.2f}"
        assert f1 == figures.f1 or f1 in figures.notes["f1"], figures
    assert "0.07" in arab2020.METHODS["slice_unet"].notes["dice"]


def test_arab_kappas_do_not_show_what_is_claimed() -> None:
    rng = np.random.default_rng(0)
    groups = {False: [], True: []}
    for pair in arab2020.AGREEMENT:
        groups[pair.second == arab2020.METHOD].append((pair.kappa, pair.kappa_sd))
    p = []
    for _ in range(400):
        drawn = [np.concatenate([rng.normal(mean, sd, 10) for mean, sd in groups[with_m]]) for with_m in (False, True)]
        p.append(mann_whitney(*drawn).p)
    assert np.median(p) < 0.01 and np.mean(np.array(p) < 0.05) > 0.75
    # Three means against three, as far apart as can be: the exact test has no smaller p.
    assert mann_whitney([0.87, 0.88, 0.89], [0.82, 0.83, 0.84]).p == pytest.approx(0.10)
    assert f"{np.mean([k for k, _ in groups[False]]):.2f}" == "0.88"
    assert f"{np.mean([k for k, _ in groups[True]]):.2f}" == "0.83"


def test_arab_text_and_table_2_disagree_on_p_as_noted() -> None:
    notes = {key: note for key, _, _, note in arab2020.TEXT_FIGURES}
    assert f"{max(pair.slope_p for pair in arab2020.AGREEMENT):.1e}" in notes["slope_p_largest"]
    assert f"{min(pair.intercept_p for pair in arab2020.AGREEMENT):.3f}" in notes["intercept_p_smallest"]
    assert 55 * 128 * 128 * 64 == 57_671_680 and "57,671,680" in arab2020.READINGS[0]


def test_figures_are_written_as_the_papers_write_them() -> None:
    assert mean_sd([0.8, 0.9, None]) == "0.85 ± 0.07"
    assert mean_sd([0.925, 0.905], 2, percent=True) == "91.50 ± 1.41 %"
    assert median_quartiles([1, 2, 3, 4, 5], 1) == "3.0 (2.0, 4.0)"
    assert p_value(0.0004) == "< 0.001" and p_value(0.0226) == "0.023" and p_value(None) == ""
    assert with_p(1.1349, 7.99e-10) == "1.13 (p = 7.99e-10)" and with_p(-2.3, 0.141) == "-2.30 (p = 0.141)"
    assert mean_sd([-0.001, 0.001]) == "0.00 ± 0.00" and number(-0.0001) == "0.00"
    assert mean_sd([0.8, np.nan]) == "0.80 (one case)" and median_quartiles([np.nan]) == ""
    assert with_p(0.0, np.nan) == "0.00"
    assert mean_sd([0.7]) == "0.70 (one case)" and mean_sd([0.7], of="pair") == "0.70 (one pair)"
