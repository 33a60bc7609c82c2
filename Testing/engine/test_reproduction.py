"""Reproductions: printed figures follow from the papers' counts or are noted; a tiny run writes everything."""

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from engine.reproduced_folder import check_report, contents
from scipy import stats
from typer.testing import CliRunner

from radiologycnn.baselines.interface import ScanCase
from radiologycnn.cli import app
from radiologycnn.errors import Cancelled, InputError
from radiologycnn.evaluation.classification_metrics import BinaryMetrics
from radiologycnn.evaluation.hypothesis_tests import mann_whitney
from radiologycnn.evaluation.rater_agreement import agreement_by_pair
from radiologycnn.networks.architectures import build_network, count_parameters
from radiologycnn.reproduction import arab2020, shim2020
from radiologycnn.reproduction.arab2020_agreement import pair_rows
from radiologycnn.reproduction.arab2020_raters import read_raters
from radiologycnn.reproduction.data_cases import split_rows
from radiologycnn.reproduction.readers import PROFILES, read_readers, simulated_readers, write_readers
from radiologycnn.reproduction.reproduce import reproduce
from radiologycnn.reproduction.settings import ARAB_METHODS, SHIM_METHODS, ReproductionSettings
from radiologycnn.reproduction.shim2020_readers import figures_of
from radiologycnn.reproduction.shim2020_run import make_classifier
from radiologycnn.reproduction.tables import mean_sd, median_quartiles, number, p_value, with_p
from radiologycnn.reproduction.workspace import Workspace

# The papers' own numbers


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


# Words, splits, readers


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


def test_raters_of_two_cases_have_no_line_and_the_note_says_so() -> None:
    rated = {"first": "Anna", "second": "M", "dice": 0.0, "first_ml": 2.0, "second_ml": 2.0}
    own = agreement_by_pair([{**rated, "case": case, "kappa": kappa} for case, kappa in (("a", 0.0), ("b", -0.002))])
    kappa, *line, dice, absolute, signed = pair_rows("Anna, M", None, own[0])
    assert kappa.run == dice.run == absolute.run == "0.00 ± 0.00" and signed.run == "0.00"  # no -0.00
    assert [(row.run, row.note) for row in line] == [("", "too few different volumes for a line")] * 2
    assert not any(row.note for row in pair_rows("E1, E2", arab2020.AGREEMENT[0], None))  # not rated at all


def test_splits_keep_what_the_manifest_says_and_draw_the_rest() -> None:
    rows = [{"id": str(n), "split": ""} for n in range(53)]
    rows += [{"id": "t", "split": "test"}, {"id": "u", "split": "test"}]
    found = split_rows(rows, 0, 10 / 55, 5 / 45)
    assert [row["id"] for row in found["test"]] == ["t", "u"]
    assert len(found["validation"]) == 6 and len(found["train"]) == 47
    assert found == split_rows(rows, 0, 10 / 55, 5 / 45)
    with pytest.raises(InputError, match="training, a validation and a test"):
        split_rows(rows[:1], 0, 0.2, 0.2)


def test_simulated_readers_err_as_their_profile_and_come_back_from_csv(tmp_path) -> None:
    rng = np.random.default_rng(0)
    truth = {f"c{n}": int(rng.choice(5, p=[0.36, 0.155, 0.11, 0.245, 0.13])) for n in range(600)}
    readers = simulated_readers(truth, 5)
    assert {r.group: sum(o.group == r.group for o in readers) for r in readers} == shim2020.READERS
    for group, profile in PROFILES.items():
        own = [figures_of(list(truth.values()), list(r.classes.values())) for r in readers if r.group == group]
        assert np.median([one["sensitivity"] for one in own]) == pytest.approx(profile.sensitivity, abs=0.08)
        assert np.median([one["specificity"] for one in own]) == pytest.approx(profile.specificity, abs=0.2)
        printed = float(shim2020.GROUPS["top1"][1 + list(PROFILES).index(group)].split(" ")[0]) / 100
        assert np.median([one["top1"] for one in own]) == pytest.approx(printed, abs=0.1)
    assert simulated_readers(truth, 5) == readers != simulated_readers(truth, 6)
    write_readers(tmp_path / "readers.csv", readers)
    assert read_readers(tmp_path / "readers.csv", list(truth)) == readers
    with pytest.raises(InputError, match="no answer on 1 test case, such as new"):
        read_readers(tmp_path / "readers.csv", ["c0", "new"])


def test_reader_tables_that_cannot_be_read_are_refused(tmp_path) -> None:
    path = tmp_path / "readers.csv"
    path.write_text("reader,case,tear_class\nA,c0,Medium\n")
    with pytest.raises(InputError, match="lacks one of the columns"):
        read_readers(path, ["c0"])
    path.write_text("reader,group,case,tear_class\nA,x,c0,Enormous\n")
    with pytest.raises(InputError, match="Line 2"):
        read_readers(path, ["c0"])
    path.write_text("reader,group,case,tear_class\nA,x,c0,4\n")
    assert read_readers(path, ["c0"], "paper")[0].classes == {"c0": 1}  # the paper's 4 is Partial


def test_human_raters_must_have_judged_every_test_case(tmp_path) -> None:
    (tmp_path / "a.nii.gz").touch()
    path = tmp_path / "raters.csv"
    path.write_text("rater,case,mask\nE1,c0,a.nii.gz\n")
    case = ScanCase("c0", tmp_path / "x", tmp_path / "y")
    assert read_raters(path, [case]) == {"E1": {"c0": tmp_path / "a.nii.gz"}}
    with pytest.raises(InputError, match="Rater E1 has no mask of 1 test case, such as c1"):
        read_raters(path, [case, ScanCase("c1", tmp_path / "x", tmp_path / "y")])
    path.write_text("rater,case,mask\nM,c0,a.nii.gz\n")
    with pytest.raises(InputError, match="cannot be called M"):
        read_raters(path, [case])


def test_data_and_readers_that_are_not_there_leave_no_folder_behind(tmp_path) -> None:
    settings, gone = ReproductionSettings.of("shim2020", "quick"), tmp_path / "gone"
    with pytest.raises(InputError, match="There is no folder"):
        reproduce(tmp_path / "run", settings, data=gone)
    with pytest.raises(InputError, match="There is no file"):
        reproduce(tmp_path / "run", settings, readers=gone)
    assert not (tmp_path / "run").exists()


def test_unknown_methods_are_refused() -> None:
    with pytest.raises(InputError, match="resnet"):
        ReproductionSettings.of("arab2020", "quick", methods=("cnn_ds", "resnet"))
    with pytest.raises(InputError, match="cnn_ds"):
        ReproductionSettings.of("shim2020", "quick", methods=("cnn_ds",))


def test_reduced_run_trains_every_method_of_the_paper_and_is_no_quick_one(tmp_path) -> None:
    reduced = ReproductionSettings.of("arab2020", "reduced", training=40)
    assert (reduced.training, reduced.methods, reduced.quick) == (40, ARAB_METHODS, False)
    shim = ReproductionSettings.of("shim2020", "reduced")
    assert (shim.methods, shim.quick) == (SHIM_METHODS, False) and shim.training + shim.test < 1000
    for paper in ("arab2020", "shim2020"):
        with pytest.raises(InputError, match="two runs"):
            words = ["reproduce", paper, "--quick", "--reduced", "-o", str(tmp_path)]
            CliRunner().invoke(app, words, catch_exceptions=False, standalone_mode=False)


def test_every_rival_of_a_reduced_shim_run_is_a_small_network_of_its_grid(tmp_path) -> None:
    settings = ReproductionSettings.of("shim2020", "reduced")
    workspace = Workspace(tmp_path, settings, {})
    for name in settings.methods:
        classifier = make_classifier(name, workspace, "cpu")
        assert (classifier.settings.grid_size, classifier.settings.epochs) == (32, 40)
        network = build_network(classifier.architecture).eval()
        assert count_parameters(network) < 1_000_000
        assert network(torch.zeros(1, 1, 32, 32, 32)).shape == (1, 5)


# Whole runs

ARAB = ReproductionSettings.of(
    "arab2020", "quick", training=3, validation=1, test=3, methods=("cnn_ds", "cnn_ds_without", "threshold"),
    training_changes={"epochs": 1, "base_filters": 2},
)  # fmt: skip
ARAB_TABLES = (
    "table-1-demographics", "table-2-agreement", "table-3-methods", "table-4-ablation", "table-5-hyper-parameters",
    "text-figures", "tests-between-methods", "beyond-overlap", "by-bleed",
)  # fmt: skip
ARAB_FIGURES = ("figure-1-disagreement", "figure-2-examples", "figure-3-loss", "figure-by-type", "figure-volumes")


@pytest.fixture(scope="module")
def arab(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("arab") / "run"
    reproduce(folder, ARAB, device="cpu")
    return folder


def test_arab_writes_every_table_and_figure(arab) -> None:
    page = check_report(arab, ARAB_TABLES, ARAB_FIGURES)
    assert "This run (simulated scans and raters)" in page and "This run (simulated scans)" in page
    summary = json.loads((arab / "summary.json").read_text(encoding="utf-8"))
    by_what = {row["what"]: row for row in summary["table-3-methods"]}
    forest = "Random forest (PItcHPERFeCT's features): Dice"
    assert by_what["CNN-DS: Dice"]["paper"] == "0.84 ± 0.06" and "±" in by_what["CNN-DS: Dice"]["run"]
    assert by_what[forest]["run"] == "" and "not run" in by_what[forest]["note"]
    assert "Threshold + largest component: Dice" in by_what
    with (arab / "cases.csv").open(newline="", encoding="utf-8") as file:
        assert [row["method"] for row in csv.DictReader(file)] == [name for name in ARAB.methods for _ in range(3)]


def test_a_finished_run_is_only_read(arab) -> None:
    before = contents(arab)
    reproduce(arab, ARAB, device="cpu")
    assert contents(arab) == before
    other = ReproductionSettings.of("arab2020", "quick", seed=9)
    with pytest.raises(InputError, match=r"other settings: .*seed"):
        reproduce(arab, other, device="cpu")


def test_a_stopped_run_goes_on_to_the_same_outcome(arab, tmp_path) -> None:
    folder = tmp_path / "run"
    for stop_in in ("Learning, CNN-DS", "Testing, CNN without"):
        stage = []

        def stop(stage=stage, stop_in=stop_in) -> bool:
            return bool(stage) and stage[-1].startswith(stop_in)

        with pytest.raises(Cancelled):
            reproduce(
                folder, ARAB, device="cpu", progress=lambda _, text, stage=stage: stage.append(text), cancelled=stop
            )
    assert not (folder / "report.html").exists()
    reproduce(folder, ARAB, device="cpu")
    whole, resumed = contents(arab), contents(folder)
    assert whole.keys() == resumed.keys()
    # Times are measured, and stand in records, tables and the page.
    same = [name for name in whole if re.match(r"(masks|raters)/.*\.nii\.gz|data/.*|steps/(metrics|agree).*", name)]
    same += [name for name in whole if name.endswith(".safetensors")]
    same += [f"figures/{name}.svg" for name in ARAB_FIGURES]
    assert len(same) > 20
    assert [name for name in same if whole[name] != resumed[name]] == []
